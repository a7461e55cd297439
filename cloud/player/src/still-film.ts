// The camera's last picture as the service keeps it: a film of one frame, which
// any `<video>` shows. Browsers hold a film's memory until they are told to let
// it go, also when its element has left the page.

/** A video that loads the film at `url`, and shows it when it has come. */
export function stillFilm(url: string): HTMLVideoElement {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  // Safari loads no picture of a video that is not to play.
  video.autoplay = true;
  video.src = url;
  return video;
}

/** Ends what a video loads and shows. */
export function letGo(video: HTMLVideoElement): void {
  video.removeAttribute("src");
  video.load();
}
