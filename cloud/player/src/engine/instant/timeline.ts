// Joins the responses of the instant stream into one media timeline. Pure.
//
// A response begins with its newest keyframe, so the next one repeats frames
// that the last one brought: of the same run only what is newer is taken, and
// the byte stream goes on as if there had been one response. A new run starts
// its own clock at 0; it is placed right behind the run before.

/** What the headers of a response say. */
export interface Head {
  readonly run: string;
  /** Service clock at the run's capture time 0, Unix ms. */
  readonly runDateUnixMs: number;
  readonly codec: string;
}

/** What to do with a fragment: nothing, append it, or first begin its run at this offset. */
export type Placement =
  | { readonly kind: "skip" }
  | { readonly kind: "append" }
  | { readonly kind: "begin"; readonly offsetMs: number };

/** A stretch of the media timeline that one run fills. */
interface Span {
  readonly run: string;
  readonly fromMs: number;
  readonly offsetMs: number;
  runDateUnixMs: number;
}

/** Frames last this long until two have been seen. */
const USUAL_FRAME_MS = 40;
/** Runs whose dates are kept; the back buffer is shorter than one. */
const SPANS = 8;

export class Timeline {
  #spans: Span[] = [];
  #lastDecodeMs = 0;
  #frameMs = USUAL_FRAME_MS;

  place(head: Head, decodeMs: number): Placement {
    const span = this.#spans.at(-1);
    if (span?.run === head.run) {
      span.runDateUnixMs = head.runDateUnixMs;
      if (decodeMs <= this.#lastDecodeMs) return { kind: "skip" };
      this.#frameMs = Math.min(decodeMs - this.#lastDecodeMs, 1000);
      this.#lastDecodeMs = decodeMs;
      return { kind: "append" };
    }
    // The first run keeps its own times.
    const fromMs = span ? span.offsetMs + this.#lastDecodeMs + this.#frameMs : decodeMs;
    const offsetMs = fromMs - decodeMs;
    const { run, runDateUnixMs } = head;
    this.#spans = [...this.#spans.slice(1 - SPANS), { run, fromMs, offsetMs, runDateUnixMs }];
    this.#lastDecodeMs = decodeMs;
    return { kind: "begin", offsetMs };
  }

  /** Capture date of what plays at this media time. */
  dateAt(mediaTimeS: number): number | null {
    const mediaMs = 1000 * mediaTimeS;
    // Half a frame of tolerance: browsers round media times.
    const span = this.#spans.filter(({ fromMs }) => mediaMs >= fromMs - USUAL_FRAME_MS / 2).at(-1);
    return span ? span.runDateUnixMs + mediaMs - span.offsetMs : null;
  }

  /** Capture date of the newest frame. */
  get newestUnixMs(): number | null {
    const span = this.#spans.at(-1);
    return span ? span.runDateUnixMs + this.#lastDecodeMs : null;
  }
}
