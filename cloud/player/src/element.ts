// The page's elements: finding them, and writing only what changed, so that
// screen readers and layout stay calm.

/** The element of the page with this id. */
export function element<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element "${id}"`);
  return found as E;
}

export function text(target: HTMLElement, value: string): void {
  if (target.textContent !== value) target.textContent = value;
}

export function hide(target: HTMLElement, hidden: boolean): void {
  if (target.hidden !== hidden) target.hidden = hidden;
}

export function set(target: HTMLElement, name: string, value: string): void {
  if (target.dataset[name] !== value) target.dataset[name] = value;
}

/** Replaces the children when `key` differs from the last one. */
export function rebuild(target: HTMLElement, key: string, children: () => Node[]): void {
  if (target.dataset.key === key) return;
  target.dataset.key = key;
  target.replaceChildren(...children());
}

export function tag(name: string, className: string, content: string): HTMLElement {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = content;
  return made;
}
