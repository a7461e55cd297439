// When the response that feeds the picture is followed by the next. Pure.

/** The service ends a response after 50 minutes; the spread keeps viewers apart. */
export const RENEW_AFTER_MS = 48 * 60_000;
export const RENEW_SPREAD_MS = 60_000;
/** So far behind the service's newest frame a new response is quicker ... */
export const BEHIND_MS = 2000;
/** ... but not again for so long. */
export const COOL_DOWN_MS = 10_000;

export class Renewal {
  readonly #openedAtMs: number;
  #dueAtMs: number;

  /** `lot`, from 0 to 1, is this viewer's place in the spread. */
  constructor(openedAtMs: number, lot: number) {
    this.#openedAtMs = openedAtMs;
    this.#dueAtMs = openedAtMs + RENEW_AFTER_MS + lot * RENEW_SPREAD_MS;
  }

  /** `behindMs` is how much newer the service's newest frame is than what came from this response. */
  isDue(behindMs: number, nowMs: number): boolean {
    if (nowMs >= this.#dueAtMs) return true;
    return behindMs > BEHIND_MS && nowMs - this.#openedAtMs > COOL_DOWN_MS;
  }

  /** The next one could not be opened; this one plays on. */
  postpone(nowMs: number): void {
    this.#dueAtMs = nowMs + COOL_DOWN_MS;
  }
}
