// The browser's own HLS player on the plain playlist: iPhones before iOS 17.1.
// It answers everything with one `error` event, so every error ends the engine.

import type { StartEngine } from "../engine";

/** RFC 8216 section 6.3.3: play at least three target durations behind the end. */
const TARGET_DELAY_MS = 6000;
/** Where to land when seeking, seconds before the end of what can be sought. */
const SEEK_MARGIN_S = 2;

/** Safari's name for the date of media time 0. */
interface DatedVideo extends HTMLVideoElement {
  getStartDate?(): Date;
}

export const startNative: StartEngine = async (video: DatedVideo, playlist, failed) => {
  const onError = () =>
    failed({
      fault: video.error?.code === MediaError.MEDIA_ERR_NETWORK ? "network" : "engine",
      why: video.error?.message || "the browser's player gave up",
    });
  video.addEventListener("error", onError);
  video.src = playlist;
  return {
    currentDateUnixMs: () => {
      const startUnixMs = video.getStartDate?.().getTime() ?? Number.NaN;
      return Number.isNaN(startUnixMs) ? null : startUnixMs + 1000 * video.currentTime;
    },
    targetDelayMs: () => TARGET_DELAY_MS,
    seekToLive: () => {
      const { seekable } = video;
      if (seekable.length > 0) video.currentTime = seekable.end(seekable.length - 1) - SEEK_MARGIN_S;
    },
    destroy: () => {
      video.removeEventListener("error", onError);
      video.removeAttribute("src");
      video.load();
    },
  };
};
