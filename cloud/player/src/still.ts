// Keeps the last picture on screen while an engine is replaced: a canvas under
// the video, which is transparent until its first picture.

export class Still {
  readonly #canvas: HTMLCanvasElement;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  /** Copies what the video shows; keeps the older copy when it shows nothing. */
  keep(video: HTMLVideoElement): void {
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || video.videoWidth === 0) return;
    this.#canvas.width = video.videoWidth;
    this.#canvas.height = video.videoHeight;
    this.#canvas.getContext("2d")?.drawImage(video, 0, 0);
  }

  /** Forgets the copy. */
  clear(): void {
    this.#canvas.width = 0;
    this.#canvas.height = 0;
  }
}
