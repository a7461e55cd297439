// Whether anybody watches: a hidden page whose picture floats in a window of
// its own is watched. And whether the page itself was asleep.

/** Safari's own names. */
interface AppleVideo extends HTMLVideoElement {
  readonly webkitPresentationMode?: string;
}

export function isWatched(video: AppleVideo): boolean {
  return (
    document.visibilityState === "visible" ||
    document.pictureInPictureElement === video ||
    video.webkitPresentationMode === "picture-in-picture"
  );
}

/** The picture is in a window of its own, or in the system's player. */
export function isApart(video: AppleVideo): boolean {
  return (
    document.pictureInPictureElement === video || (video.webkitPresentationMode ?? "inline") !== "inline"
  );
}

/** Calls `changed` when that may have changed. */
export function watchAttention(video: HTMLVideoElement, changed: () => void): void {
  document.addEventListener("visibilitychange", changed);
  for (const event of ["enterpictureinpicture", "leavepictureinpicture", "webkitpresentationmodechanged"]) {
    video.addEventListener(event, changed);
  }
}

/** A tick that comes this late was held up by sleep or a hidden tab. */
export const ASLEEP_MS = 2500;

export interface Life {
  /** When the page was last called by its timer, page clock. */
  readonly tickedAtMs: number;
  readonly hidden: boolean;
  /** When media last came, page clock; null when nobody knows. */
  readonly arrivedAtMs: number | null;
}

/** Hidden pages are called late, though their picture floats and moves: to who is awake media comes. */
export function wasAsleep({ tickedAtMs, hidden, arrivedAtMs }: Life, nowMs: number): boolean {
  const awakeAtMs = hidden ? Math.max(tickedAtMs, arrivedAtMs ?? 0) : tickedAtMs;
  return nowMs - awakeAtMs > ASLEEP_MS;
}
