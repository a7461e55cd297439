// The camera's last picture as the service keeps it: a film of one frame, which
// any `<video>` shows. Browsers hold a film's memory until they are told to let
// it go, also when its element has left the page.

import type { NewestPicture } from "./status";

/**
 * A video that loads a still of the newest segment, and shows it when it has
 * come; where that has none, the last one that there is.
 */
export function stillFilm(url: string, newest: NewestPicture): HTMLVideoElement {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  // Safari loads no picture of a video that is not to play.
  video.autoplay = true;
  video.addEventListener(
    "error",
    (event) => {
      // Not yet for those who wait.
      event.stopImmediatePropagation();
      video.src = url;
    },
    { once: true },
  );
  video.src = named(url, newest);
  return video;
}

/** Players fetch a film in several ranges: this address always has the same one. */
export function named(url: string, { run, segment }: NewestPicture): string {
  return `${url}?run=${run}&segment=${segment}`;
}

/** Ends what a video loads and shows. */
export function letGo(video: HTMLVideoElement): void {
  video.removeAttribute("src");
  video.load();
}
