// Starting and stopping the camera: what the button offers, and the request.

import { deadline } from "./deadline";
import { element } from "./element";
import type { DesiredState, Status } from "./status";

/** What pressing the button would wish for; null hides it. */
export function offeredWish(status: Status | null): DesiredState | null {
  if (!status?.control) return null;
  const wished = status.desired?.state ?? (status.state === "offline" ? "stopped" : "started");
  return wished === "started" ? "stopped" : "started";
}

export const WISH_WORDS: Record<DesiredState, string> = {
  started: "Start camera",
  stopped: "Stop camera",
};

/** Wires the button; `done` is called when the service has answered. */
export function offerCommand(button: HTMLButtonElement, url: string, done: () => void): void {
  button.addEventListener("click", async () => {
    if (button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    const complaint = await postWish(url, button.dataset.wish as DesiredState);
    button.ariaBusy = "false";
    element("note").textContent = complaint ?? "";
    done();
  });
}

const DEADLINE_MS = 8000;

/** Posts the wish; answers with a line for people when it did not arrive. */
async function postWish(url: string, state: DesiredState): Promise<string | null> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ state }),
      signal: deadline(DEADLINE_MS),
    });
    if (response.ok) return null;
    return [401, 403, 410].includes(response.status)
      ? "Your link does not allow this any more."
      : `That did not work: the service answered with status ${response.status}.`;
  } catch {
    return "That did not work: the service did not answer. Try again.";
  }
}
