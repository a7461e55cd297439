// Which pictures reached the screen. Counts over the page's whole life, across
// engines. requestVideoFrameCallback tells of each one; browsers without it, and
// hidden pages, whose picture may float above other programs, are asked for
// their counters at every tick.

export class Frames {
  readonly #video: HTMLVideoElement;
  #total = 0;
  /** The counters as last read; null while it is not known where one begins. */
  #presented: number | null = null;
  #decoded = 0;
  #movedAtMs: number | null = null;
  #mediaTimeS: number | null = null;
  readonly #tells: boolean;

  constructor(video: HTMLVideoElement) {
    this.#video = video;
    this.#tells = "requestVideoFrameCallback" in video;
    if (this.#tells) this.#await();
  }

  get total(): number {
    return this.#total;
  }

  /** When a new picture last appeared, page clock; null since the last `restart`. */
  get movedAtMs(): number | null {
    return this.#movedAtMs;
  }

  /** Media time of the picture on screen; where the browser does not say, the video's clock. */
  get mediaTimeS(): number {
    return this.#mediaTimeS ?? this.#video.currentTime;
  }

  /** A new engine begins; its counters may begin at 0 again. */
  restart(): void {
    this.#presented = null;
    this.#decoded = 0;
    this.#movedAtMs = null;
    this.#mediaTimeS = null;
  }

  /** Reads the counters where no callback does. */
  tick(nowMs: number): void {
    const decoded = this.#video.getVideoPlaybackQuality().totalVideoFrames;
    const more = increase(this.#decoded, decoded);
    this.#decoded = decoded;
    if (this.#tells && document.visibilityState === "visible") return;
    this.#presented = null;
    this.#mediaTimeS = null;
    this.#add(more, nowMs);
  }

  #await(): void {
    this.#video.requestVideoFrameCallback((_, frame) => {
      this.#mediaTimeS = frame.mediaTime;
      const more = this.#presented === null ? 1 : increase(this.#presented, frame.presentedFrames);
      this.#presented = frame.presentedFrames;
      this.#add(more, performance.now());
      this.#await();
    });
  }

  #add(more: number, nowMs: number): void {
    if (more === 0) return;
    this.#total += more;
    this.#movedAtMs = nowMs;
  }
}

/** Counters begin at 0 again when browsers see fit. */
function increase(before: number, now: number): number {
  return now >= before ? now - before : now;
}
