// The picture in a small window above other programs. The button shows only
// where browsers can do it.

/** Wires the button. */
export function offerPictureInPicture(button: HTMLButtonElement, video: HTMLVideoElement): void {
  if (!document.pictureInPictureEnabled) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const change = document.pictureInPictureElement
      ? document.exitPictureInPicture()
      : video.requestPictureInPicture();
    change.catch(() => undefined);
  });
  const say = (label: string) => () => {
    button.ariaLabel = label;
  };
  video.addEventListener("enterpictureinpicture", say("Leave picture in picture"));
  video.addEventListener("leavepictureinpicture", say("Picture in picture"));
}
