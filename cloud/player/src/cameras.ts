// The list of cameras that the visitor may see: asks for it now and then, and
// hands it to the cards. Nobody looks, nothing is asked.

import { Card } from "./cameras/card";
import { deadline } from "./deadline";
import { element, set, text } from "./element";
import { readStatus, type Status } from "./status";

const EVERY_MS = 3000;
const DEADLINE_MS = 4000;

const grid = element("grid");
const cards = new Map<string, Card>();
let timer: ReturnType<typeof setTimeout> | undefined;
let asking = false;

async function refresh(): Promise<void> {
  if (asking || document.visibilityState === "hidden") return;
  asking = true;
  clearTimeout(timer);
  const cameras = await ask();
  asking = false;
  timer = setTimeout(refresh, EVERY_MS);
  document.documentElement.dataset.list = cameras === null ? "unreachable" : "known";
  text(element("message"), message(cameras));
  if (cameras !== null) show(cameras);
}

function message(cameras: readonly Status[] | null): string {
  if (cameras === null) return "The service does not answer. Trying again.";
  if (cameras.length === 0) return "Your links have ended. Ask each camera's owner for a new one.";
  const live = cameras.filter(({ state }) => state === "live").length;
  return live === cameras.length ? "" : `${live} of ${cameras.length} live`;
}

function show(cameras: readonly Status[]): void {
  const names = new Set(cameras.map(({ camera }) => camera));
  for (const [name, card] of cards) {
    if (names.has(name)) continue;
    card.remove();
    cards.delete(name);
  }
  set(grid, "count", String(cameras.length));
  for (const [place, status] of cameras.entries()) {
    let card = cards.get(status.camera);
    if (card === undefined) {
      card = new Card(status.camera);
      cards.set(status.camera, card);
      grid.insertBefore(card.element, grid.children[place] ?? null);
    }
    card.render(status);
  }
}

/** All statuses; null when the service does not answer. */
async function ask(): Promise<Status[] | null> {
  try {
    const response = await fetch("api/cameras", { cache: "no-store", signal: deadline(DEADLINE_MS) });
    if ([401, 403, 410].includes(response.status)) return [];
    const { cameras } = (await response.json()) as { cameras: unknown[] };
    return cameras.map(readStatus).filter((status) => status !== null);
  } catch {
    return null;
  }
}

document.addEventListener("visibilitychange", () => void refresh());
addEventListener("online", () => void refresh());
void refresh();
