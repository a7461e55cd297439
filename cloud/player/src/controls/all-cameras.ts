// The way to the list of cameras, for who may see more than this one.

import { deadline } from "../deadline";

const DEADLINE_MS = 8000;

/** Shows the link when the service lists several cameras for this visitor; asks once. */
export async function offerAllCameras(link: HTMLAnchorElement, url: string): Promise<void> {
  try {
    const response = await fetch(url, { cache: "no-store", signal: deadline(DEADLINE_MS) });
    const { cameras } = (await response.json()) as { cameras: unknown[] };
    link.hidden = cameras.length < 2;
  } catch {
    // Nobody misses a way to where nothing else is known to be.
  }
}
