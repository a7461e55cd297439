// The camera's last picture, before the first of the stream and while the
// camera is off: one frame as a video of its own, drawn under the player's.

import { letGo, stillFilm } from "./still-film";

const DEADLINE_MS = 8000;

/** Draws the picture at `url` once it comes, unless there is a newer one. */
export function showPoster(canvas: HTMLCanvasElement, url: string): void {
  const video = stillFilm(url);
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
