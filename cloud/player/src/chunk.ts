// Code that is fetched only when it is needed. A service that was updated since
// the page was opened has it under another name, and many browsers keep a
// failed `import()` for as long as the page lives: then the page begins anew.

import { deadline } from "./deadline";

const DEADLINE_MS = 8000;
/** A page so young has just begun: doing so again would lead in circles. */
const YOUNG_MS = 10_000;

/** Loads a chunk; once more when the service answers, and then with a new page if it is not too young. */
export async function chunk<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    // Without it a reload would leave nothing to look at.
    if (!(await isServed(location.href))) throw error;
  }
  try {
    return await load();
  } catch (error) {
    if (performance.now() > YOUNG_MS) location.reload();
    throw error;
  }
}

async function isServed(page: string): Promise<boolean> {
  try {
    return (await fetch(page, { cache: "no-store", signal: deadline(DEADLINE_MS) })).ok;
  } catch {
    return false;
  }
}
