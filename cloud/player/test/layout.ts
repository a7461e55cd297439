// What is wrong with a page's layout, in words. Runs inside the page, and so
// stands by itself.

export function layoutFaults(): string[] {
  const faults: string[] = [];
  if (document.documentElement.scrollWidth > innerWidth) faults.push("the page is wider than the screen");
  const visible = (selector: string) =>
    [...document.querySelectorAll(selector)].filter((one) => one.getClientRects().length > 0);
  for (const control of visible("button, summary, select, .camera, .all")) {
    const { width, height } = control.getBoundingClientRect();
    if (width < 44 || height < 44) faults.push(`${control.id || control.tagName} is ${width}x${height}`);
  }
  const pieces = visible(".badge, .chip, .about .pill, .all, .veil > *, .round, .rail, h1, .sentence, .card");
  for (const [at, one] of pieces.entries()) {
    const a = one.getBoundingClientRect();
    if (a.width === 0 || a.height === 0) continue;
    if (a.left < 0 || a.right > innerWidth) faults.push(`${one.className} sticks out of the screen`);
    for (const other of pieces.slice(at + 1)) {
      const b = other.getBoundingClientRect();
      const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
      if (!apart) faults.push(`${one.className || one.tagName} overlaps ${other.className || other.tagName}`);
    }
  }
  return faults;
}
