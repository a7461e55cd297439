import { beforeEach, expect, test, vi } from "vitest";
import { Frames } from "./frames";

/** A video whose pictures come when a test says so. */
class Film {
  decoded = 0;
  currentTime = 0;
  #tell: VideoFrameRequestCallback = () => {};

  requestVideoFrameCallback(tell: VideoFrameRequestCallback): void {
    this.#tell = tell;
  }

  getVideoPlaybackQuality() {
    return { totalVideoFrames: this.decoded };
  }

  /** Tells of a picture, as browsers do for pages that can be seen. */
  present(presentedFrames: number, mediaTime: number): void {
    this.#tell(0, { presentedFrames, mediaTime } as VideoFrameCallbackMetadata);
  }
}

let film: Film;
let frames: Frames;
let page: { visibilityState: string };

beforeEach(() => {
  page = { visibilityState: "visible" };
  vi.stubGlobal("document", page);
  film = new Film();
  frames = new Frames(film as unknown as HTMLVideoElement);
});

test("the browser tells of each picture, and of those that went unnoticed", () => {
  expect(frames.movedAtMs).toBeNull();
  film.present(1, 0.04);
  film.present(4, 0.16);
  expect(frames.total).toBe(4);
  expect(frames.mediaTimeS).toBe(0.16);
  expect(frames.movedAtMs).not.toBeNull();
});

test("decoded pictures are none yet where the browser tells of those on screen", () => {
  film.decoded = 5;
  frames.tick(1000);
  expect(frames.movedAtMs).toBeNull();
});

test("a hidden page, whose picture floats, asks for the counters", () => {
  film.present(1, 0.04);
  film.decoded = 1;
  frames.tick(1000);
  page.visibilityState = "hidden";
  film.decoded = 26;
  film.currentTime = 1.04;
  frames.tick(2000);
  expect(frames.total).toBe(26);
  expect(frames.movedAtMs).toBe(2000);
  expect(frames.mediaTimeS).toBe(1.04);
  frames.tick(3000);
  expect(frames.movedAtMs).toBe(2000);
});

test("what was counted while it was hidden is not counted again", () => {
  film.present(1, 0.04);
  page.visibilityState = "hidden";
  film.decoded = 26;
  frames.tick(2000);
  page.visibilityState = "visible";
  film.present(27, 1.08);
  expect(frames.total).toBe(28);
  expect(frames.mediaTimeS).toBe(1.08);
});

test("a new engine begins without a picture, and its counters at 0", () => {
  film.present(9, 0.36);
  frames.restart();
  expect(frames.movedAtMs).toBeNull();
  film.present(1, 0);
  film.present(2, 0.04);
  expect(frames.total).toBe(3);
});
