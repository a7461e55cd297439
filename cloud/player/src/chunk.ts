// Code that is fetched only when it is needed. A service that was updated since
// the page was opened has it under another name; then the page begins anew.

const DEADLINE_MS = 8000;

/** Waits for an `import()`; when it fails, reloads the page if the service has another by now. */
export async function chunk<T>(code: Promise<T>): Promise<T> {
  try {
    return await code;
  } catch (error) {
    if (isOutdated(await currentPage(), document.scripts)) location.reload();
    throw error;
  }
}

/** Whether the page of today does without a script that this one began with; null when nobody knows it. */
export function isOutdated(page: string | null, scripts: Iterable<{ readonly src: string }>): boolean {
  return page !== null && [...scripts].some(({ src }) => !page.includes(new URL(src).pathname));
}

/** Null when the service does not give it: a reload would leave nothing to look at. */
async function currentPage(): Promise<string | null> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), DEADLINE_MS);
  try {
    const response = await fetch(location.href, { cache: "no-store", signal: deadline.signal });
    return response.ok ? await response.text() : null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
