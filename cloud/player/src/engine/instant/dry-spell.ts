// A stall that even the largest aim did not prevent, and who is to blame. Pure.
//
// A camera that sends nothing stalls every engine alike. So the service is asked
// at once: had it nothing newer than what is here, or does that arrive now, then
// nothing was kept back on the way. An answer that is itself long in coming
// tells of a bad way, whatever arrives behind it.

import type { Newest } from "../../engine";

/** With so much newer at the service, something was kept back. */
export const WITHHELD_MS = 1000;
/** What the service has may be on its way for so long. */
export const ON_ITS_WAY_MS = 200;
/** An answer that takes longer came by a bad way. */
export const PROMPT_MS = 1000;

export type Culprit = "way" | "camera";

export class DrySpell {
  readonly #beganAtMs: number;
  /** Date of the newest frame that had come. */
  readonly #hadUnixMs: number;
  /** The first word of the service since then. */
  #answer: Newest | null = null;

  constructor(hadUnixMs: number, nowMs: number) {
    this.#hadUnixMs = hadUnixMs;
    this.#beganAtMs = nowMs;
  }

  /** Null while it is open; `haveUnixMs` is the date of the newest frame that has come by now. */
  judge(newest: Newest, haveUnixMs: number, nowMs: number): Culprit | null {
    if (this.#answer === null && newest.heardAtMs >= this.#beganAtMs) this.#answer = newest;
    const answer = this.#answer;
    if (answer === null || nowMs - answer.heardAtMs < ON_ITS_WAY_MS) return null;
    if (answer.unixMs - this.#hadUnixMs <= WITHHELD_MS) return "camera";
    if (answer.heardAtMs - this.#beganAtMs > PROMPT_MS) return "way";
    return answer.unixMs - haveUnixMs > WITHHELD_MS ? "way" : "camera";
  }
}
