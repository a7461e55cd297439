// Keeps a phone's screen on while a live picture moves. Browsers release the
// lock when the page is hidden; it is asked for again afterwards. Without a
// secure context there is none.

/** After a refusal (low battery), ask again only now and then. */
const REFUSED_FOR_MS = 60_000;

export class WakeLock {
  #lock: WakeLockSentinel | null = null;
  #asking = false;
  #notBeforeMs = 0;

  /** Called as often as one likes. */
  want(wanted: boolean, nowMs: number): void {
    if (!wanted) {
      this.#lock?.release().catch(() => undefined);
      this.#lock = null;
    } else if (!this.#asking && this.#lock?.released !== false && nowMs >= this.#notBeforeMs) {
      void this.#ask(nowMs);
    }
  }

  async #ask(nowMs: number): Promise<void> {
    if (!("wakeLock" in navigator)) return;
    this.#asking = true;
    try {
      this.#lock = await navigator.wakeLock.request("screen");
    } catch {
      this.#notBeforeMs = nowMs + REFUSED_FOR_MS;
    }
    this.#asking = false;
  }
}
