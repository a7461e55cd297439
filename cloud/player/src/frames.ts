// Which pictures reached the screen. Counts over the page's whole life, across
// engines. requestVideoFrameCallback tells of each one; browsers without it
// are asked for their counters at every tick.

export class Frames {
  readonly #video: HTMLVideoElement;
  #total = 0;
  #counter = 0;
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
    this.#counter = 0;
    this.#movedAtMs = null;
    this.#mediaTimeS = null;
  }

  /** Reads the counters where no callback does. */
  tick(nowMs: number): void {
    if (!this.#tells) this.#count(this.#video.getVideoPlaybackQuality().totalVideoFrames, nowMs);
  }

  #await(): void {
    this.#video.requestVideoFrameCallback((_, frame) => {
      this.#mediaTimeS = frame.mediaTime;
      this.#count(frame.presentedFrames, performance.now());
      this.#await();
    });
  }

  #count(counter: number, nowMs: number): void {
    if (counter === this.#counter) return;
    this.#total += counter > this.#counter ? counter - this.#counter : counter;
    this.#counter = counter;
    this.#movedAtMs = nowMs;
  }
}
