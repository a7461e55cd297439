// Whether anybody watches: a hidden page whose picture floats in a window of
// its own is watched.

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

/** Calls `changed` when that may have changed. */
export function watchAttention(video: HTMLVideoElement, changed: () => void): void {
  document.addEventListener("visibilitychange", changed);
  for (const event of ["enterpictureinpicture", "leavepictureinpicture", "webkitpresentationmodechanged"]) {
    video.addEventListener(event, changed);
  }
}
