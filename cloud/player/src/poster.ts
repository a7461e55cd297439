// The camera's last picture, before the first of the stream and while the
// camera is off: one frame as a video of its own, drawn under the player's.

import type { NewestPicture } from "./status";
import { letGo, stillFilm } from "./still-film";

const DEADLINE_MS = 8000;

/** Draws the picture once it comes, unless there is a newer one. */
export function showPoster(canvas: HTMLCanvasElement, url: string, newest: NewestPicture): void {
  const video = stillFilm(url, newest);
  const end = () => {
    clearTimeout(timer);
    video.onloadeddata = null;
    letGo(video);
  };
  const timer = setTimeout(end, DEADLINE_MS);
  video.onloadeddata = () => {
    if (canvas.width === 0) {
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      canvas.getContext("2d")?.drawImage(video, 0, 0);
    }
    end();
  };
}
