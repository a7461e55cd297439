// Keeps the playhead a little behind the end of the buffer. Pure: gap and time
// in, what to do out.
//
// The aim begins low, doubles when the picture stalls, and shrinks while half
// of it would have been enough. Small errors are mended by the playback rate;
// WebKit re-buffers when that changes, so there only seeks, with a cool-down.

export interface PaceLimits {
  readonly firstTargetMs: number;
  readonly leastTargetMs: number;
  readonly mostTargetMs: number;
  /** 1 where the rate must not change. */
  readonly fastestRate: number;
  /** So far behind the target it seeks. */
  readonly seekBeyondMs: number;
}

export type Move =
  | { readonly kind: "rate"; readonly rate: number }
  /** Go to this far before the end of the buffer. */
  | { readonly kind: "seek"; readonly gapMs: number };

/** A new source begins with a burst from its newest keyframe on: for so long seeks are cheap. */
export const SETTLE_MS = 1500;
const SETTLE_ERROR_MS = 200;
export const SEEK_COOL_DOWN_MS = 5000;
/** Within this of the target nothing is done. */
const TOLERANCE_MS = 20;
const RATE_PER_SECOND = 0.5;
const SLOWEST_RATE = 0.9;
/** How often the aim may shrink. */
export const CALM_MS = 5000;
const SHRINK = 0.8;
/** More than this ahead, the picture waits for the decoder and not for data. */
export const DRY_MS = 250;
/** A browser tells the same stall more than once. */
const SAME_STALL_MS = 500;

export class Pace {
  readonly #limits: PaceLimits;
  #targetMs: number;
  #settlesUntilMs = Number.NEGATIVE_INFINITY;
  #soughtAtMs = Number.NEGATIVE_INFINITY;
  #stalledAtMs = Number.NEGATIVE_INFINITY;
  #calmSinceMs: number | null = null;
  #lowestGapMs = Number.POSITIVE_INFINITY;

  constructor(limits: PaceLimits) {
    this.#limits = limits;
    this.#targetMs = limits.firstTargetMs;
  }

  get targetMs(): number {
    return this.#targetMs;
  }

  /** Data begins to come from a new source. */
  settle(nowMs: number): void {
    this.#settlesUntilMs = nowMs + SETTLE_MS;
    this.#calm(nowMs);
  }

  /** `gapMs` is what lies buffered ahead; null when the playhead is outside of it. */
  step(gapMs: number | null, nowMs: number): Move {
    const seek: Move = { kind: "seek", gapMs: this.#targetMs };
    if (gapMs === null) return seek;
    const errorMs = gapMs - this.#targetMs;
    if (nowMs < this.#settlesUntilMs) {
      return errorMs > SETTLE_ERROR_MS ? seek : { kind: "rate", rate: 1 };
    }
    this.#observe(gapMs, nowMs);
    if (errorMs > this.#limits.seekBeyondMs && nowMs - this.#soughtAtMs >= SEEK_COOL_DOWN_MS) {
      this.#soughtAtMs = nowMs;
      return seek;
    }
    return { kind: "rate", rate: this.#rate(errorMs) };
  }

  /** The picture waits, with so much ahead. False when more of it would be needed than the aim may grow to. */
  stalled(gapMs: number, nowMs: number): boolean {
    if (gapMs > DRY_MS || nowMs < this.#settlesUntilMs) return true;
    if (nowMs - this.#stalledAtMs < SAME_STALL_MS) return true;
    this.#stalledAtMs = nowMs;
    this.#calm(nowMs);
    if (this.#targetMs >= this.#limits.mostTargetMs) return false;
    this.#targetMs = Math.min(2 * this.#targetMs, this.#limits.mostTargetMs);
    return true;
  }

  #rate(errorMs: number): number {
    const { fastestRate } = this.#limits;
    if (fastestRate === 1 || Math.abs(errorMs) <= TOLERANCE_MS) return 1;
    const rate = 1 + (RATE_PER_SECOND * errorMs) / 1000;
    return Math.min(fastestRate, Math.max(SLOWEST_RATE, rate));
  }

  #observe(gapMs: number, nowMs: number): void {
    this.#lowestGapMs = Math.min(this.#lowestGapMs, gapMs);
    if (this.#calmSinceMs !== null && nowMs - this.#calmSinceMs < CALM_MS) return;
    if (this.#calmSinceMs !== null && this.#lowestGapMs > this.#targetMs / 2) {
      this.#targetMs = Math.max(SHRINK * this.#targetMs, this.#limits.leastTargetMs);
    }
    this.#calm(nowMs);
  }

  #calm(nowMs: number): void {
    this.#calmSinceMs = nowMs;
    this.#lowestGapMs = Number.POSITIVE_INFINITY;
  }
}

/** The browser's `buffered`, as far as it is used here. */
export type Ranges = Pick<TimeRanges, "length" | "start" | "end">;

/** Rounding of a playhead against the edges of what is buffered, seconds. */
const EDGE_S = 0.1;

/**
 * How much lies ahead of the playhead, ms. Null when it is outside of what is
 * buffered, or at the end of a range with a later one behind a hole.
 */
export function gapAhead(ranges: Ranges, playheadS: number): number | null {
  const last = ranges.length - 1;
  for (let at = last; at >= 0; at -= 1) {
    if (playheadS < ranges.start(at) - EDGE_S) continue;
    if (playheadS > ranges.end(at) + (at === last ? EDGE_S : -EDGE_S)) return null;
    return Math.max(0, 1000 * (ranges.end(last) - playheadS));
  }
  return null;
}

/** Where a seek to `gapMs` before the end lands: never before the last range begins. */
export function seekTarget(ranges: Ranges, gapMs: number): number | null {
  const last = ranges.length - 1;
  return last < 0 ? null : Math.max(ranges.start(last), ranges.end(last) - gapMs / 1000);
}

/** Carries a move out on the video. */
export function carryOut(move: Move, video: HTMLVideoElement): void {
  if (move.kind === "rate") {
    if (Math.abs(video.playbackRate - move.rate) > 0.005) video.playbackRate = move.rate;
    return;
  }
  const target = seekTarget(video.buffered, move.gapMs);
  if (target === null) return;
  video.playbackRate = 1;
  video.currentTime = target;
}
