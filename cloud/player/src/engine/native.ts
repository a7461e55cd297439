// The browser's own HLS player: iPhones before iOS 17.1. WebKit's plays the
// low-latency playlist; others are given the plain one. It answers everything
// with one `error` event, so every error ends the engine.

import { IS_WEBKIT } from "../abilities";
import type { Past, StartEngine } from "../engine";

/** RFC 8216 section 6.3.3: play at least three target durations behind the end. */
const TARGET_DELAY_MS = 6000;
/** Where to land when seeking, seconds before the end of what can be sought. */
const SEEK_MARGIN_S = IS_WEBKIT ? 1 : 2;
/** Less than this behind, a jump to the live edge would only disturb. */
const BEHIND_S = 1;

/** Safari's name for the date of media time 0. */
interface DatedVideo extends HTMLVideoElement {
  getStartDate?(): Date;
}

export const startNative: StartEngine = ({ video, sources, startUnixMs, failed }) => {
  const ended = new AbortController();
  const { signal } = ended;
  /** Date of media time 0. */
  const zeroUnixMs = () => {
    const unixMs = (video as DatedVideo).getStartDate?.().getTime() ?? Number.NaN;
    return Number.isNaN(unixMs) ? null : unixMs;
  };
  const dateAt = (mediaTimeS: number) => {
    const zero = zeroUnixMs();
    return zero === null ? null : zero + 1000 * mediaTimeS;
  };
  const seekable = () => {
    const { seekable: ranges } = video;
    return ranges.length === 0 ? null : { startS: ranges.start(0), endS: ranges.end(ranges.length - 1) };
  };
  const toLive = () => {
    const range = seekable();
    const position = range && Math.max(range.startS, range.endS - SEEK_MARGIN_S);
    if (position !== null && position - video.currentTime > BEHIND_S) video.currentTime = position;
  };
  const seekTo = (unixMs: number) => {
    const zero = zeroUnixMs();
    const range = seekable();
    if (zero !== null && range) video.currentTime = Math.max(range.startS, (unixMs - zero) / 1000);
  };
  const past: Past = {
    window: () => {
      const range = seekable();
      const startUnixMs = range && dateAt(range.startS);
      const endUnixMs = range && dateAt(range.endS);
      return startUnixMs === null || endUnixMs === null ? null : { startUnixMs, endUnixMs };
    },
    seekTo,
  };
  const gaveUp = () =>
    failed({
      fault: video.error?.code === MediaError.MEDIA_ERR_NETWORK ? "network" : "engine",
      why: video.error?.message || "the browser's player gave up",
    });
  video.addEventListener("error", gaveUp, { signal });
  // It may start far behind.
  const start = startUnixMs === null ? toLive : () => seekTo(startUnixMs);
  if (IS_WEBKIT || startUnixMs !== null) video.addEventListener("loadeddata", start, { signal, once: true });
  video.src = IS_WEBKIT ? sources.lowLatency : sources.plain;
  return {
    dateAt,
    targetDelayMs: () => TARGET_DELAY_MS,
    arrivedAtMs: () => null,
    get past() {
      return zeroUnixMs() === null ? null : past;
    },
    neverRests: true,
    toLive,
    tick: () => undefined,
    destroy: () => {
      ended.abort();
      video.removeAttribute("src");
      video.load();
    },
  };
};
