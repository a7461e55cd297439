// Full screen: the whole stage where browsers can, the bare video on iPhones.

interface AppleVideo extends HTMLVideoElement {
  webkitEnterFullscreen?(): void;
  readonly webkitSupportsFullscreen?: boolean;
}

/** Wires the button; hides it where there is no full screen. */
export function offerFullscreen(button: HTMLButtonElement, stage: HTMLElement, video: AppleVideo): void {
  if (document.fullscreenEnabled) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const change = document.fullscreenElement ? document.exitFullscreen() : stage.requestFullscreen();
      change.catch(() => undefined);
    });
    document.addEventListener("fullscreenchange", () => {
      const full = document.fullscreenElement !== null;
      button.ariaLabel = full ? "Leave full screen" : "Full screen";
      stage.toggleAttribute("data-fullscreen", full);
    });
  } else if (video.webkitEnterFullscreen) {
    // Known only once the video has its metadata.
    video.addEventListener("loadedmetadata", () => {
      button.hidden = video.webkitSupportsFullscreen === false;
    });
    button.addEventListener("click", () => video.webkitEnterFullscreen?.());
  }
}
