// Asks the service for the camera's status, once a second while told to. One
// request at a time, each with a deadline.

import { deadline } from "./deadline";
import { meaningOf, type PollResult } from "./polls";
import { readStatus } from "./status";

const EVERY_MS = 1000;
/** A refused visitor asks less often: the owner may renew the link meanwhile. */
const REFUSED_EVERY_MS = 5000;
const DEADLINE_MS = 4000;

export class Poller {
  readonly #url: string;
  readonly #report: (result: PollResult) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;
  #asking = false;

  constructor(url: string, report: (result: PollResult) => void) {
    this.#url = url;
    this.#report = report;
  }

  /** Asks now, and from now on. */
  start(): void {
    this.#running = true;
    void this.#ask();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    const askedMs = performance.now();
    const result = await poll(this.#url);
    this.#asking = false;
    this.#report(result);
    if (!this.#running) return;
    const every = result.kind === "refused" ? REFUSED_EVERY_MS : EVERY_MS;
    this.#timer = setTimeout(() => this.#ask(), Math.max(0, every - (performance.now() - askedMs)));
  }
}

async function poll(url: string): Promise<PollResult> {
  try {
    const sentMs = performance.now();
    const response = await fetch(url, { cache: "no-store", signal: deadline(DEADLINE_MS) });
    if (!response.ok) return meaningOf(response.status);
    const status = readStatus(await response.json().catch(() => null));
    return status
      ? { kind: "status", status, sentMs }
      : { kind: "failed", failure: { code: "service_error", httpStatus: response.status } };
  } catch {
    return { kind: "failed", failure: { code: "no_answer" } };
  }
}
