// The service's clock, seen from the page. The phone's wall clock plays no
// part: readings are pinned to the page's monotonic clock.
//
// Each poll bounds the offset: the service read its clock after the request
// left and before the answer came. The bounds of successive polls intersect,
// so the quickest round trip decides. A poll that contradicts the bounds (the
// monotonic clock slept with the phone, or the service's was set) replaces them.

export class ServiceClock {
  #lowest = Number.NEGATIVE_INFINITY;
  #highest = Number.POSITIVE_INFINITY;

  /** Takes a reading; `sentMs` and `receivedMs` are on the page's clock. */
  read(serviceUnixMs: number, sentMs: number, receivedMs: number): void {
    const lowest = serviceUnixMs - receivedMs;
    const highest = serviceUnixMs - sentMs;
    const agrees = lowest <= this.#highest && highest >= this.#lowest;
    this.#lowest = agrees ? Math.max(this.#lowest, lowest) : lowest;
    this.#highest = agrees ? Math.min(this.#highest, highest) : highest;
  }

  /** Service time at `pageMs`, Unix milliseconds; null before the first reading. */
  at(pageMs: number): number | null {
    return Number.isFinite(this.#lowest) ? (this.#lowest + this.#highest) / 2 + pageMs : null;
  }
}
