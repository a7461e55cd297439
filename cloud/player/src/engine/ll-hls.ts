// hls.js (light) on the low-latency playlist. hls.js retries single requests by
// itself; what it gives up on, the watchdog answers with a new engine. How far
// behind the live edge it plays is ours: hls.js acts only above a second.

/*! Contains hls.js, copyright Dailymotion and contributors, Apache License 2.0: https://github.com/video-dev/hls.js/blob/master/LICENSE */
import Hls, { ErrorDetails, ErrorTypes, Events, type HlsConfig, type LevelDetails } from "hls.js/light";
import { IS_WEBKIT } from "../abilities";
import type { DateWindow, StartEngine } from "../engine";
import { carryOut, gapAhead, Pace, type PaceLimits } from "../pace";

const LIMITS: PaceLimits = {
  firstTargetMs: 400,
  leastTargetMs: 300,
  mostTargetMs: 3000,
  fastestRate: IS_WEBKIT ? 1 : 1.3,
  seekBeyondMs: 1500,
};
const STEP_MS = 100;
/** Less than this behind, a jump to the live edge would only disturb. */
const BEHIND_S = 1;

const CONFIG: Partial<HlsConfig> = {
  // Fragmented MP4 needs no transmuxing: a worker would only add a hop.
  enableWorker: false,
  lowLatencyMode: true,
  liveDurationInfinity: true,
  // A playlist that stands still is an error here and not by default.
  liveMaxUnchangedPlaylistRefresh: 8,
  backBufferLength: 20,
  // The service holds a blocking reload for up to 8 s.
  manifestLoadPolicy: retries(4000, 2),
  playlistLoadPolicy: retries(10_000, 3),
  fragLoadPolicy: retries(10_000, 4),
};

function retries(firstByteMs: number, times: number) {
  const retry = { maxNumRetry: times, retryDelayMs: 250, maxRetryDelayMs: 2000 };
  return {
    default: {
      maxTimeToFirstByteMs: firstByteMs,
      maxLoadTimeMs: 2 * firstByteMs,
      timeoutRetry: retry,
      errorRetry: retry,
    },
  };
}

export const startLlHls: StartEngine = ({ video, sources, startUnixMs, failed }) => {
  const hls = new Hls(CONFIG);
  const pace = new Pace(LIMITS);
  let arrivedAtMs: number | null = null;
  /** A date to go to as soon as the playlist says where it is. */
  let wantedUnixMs = startUnixMs;
  let following = startUnixMs === null;

  /** Nothing is loaded while the visitor has paused. */
  let resting = false;
  /** After a rest the live edge that hls.js knows is an old one, until it hears of a newer. */
  let edgeIsOld = false;

  const rest = () => {
    const shown = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && !video.seeking;
    if (resting || !video.paused || !shown) return;
    resting = true;
    hls.stopLoad();
  };
  const wake = () => {
    if (!resting) return;
    resting = false;
    edgeIsOld = true;
    hls.startLoad();
  };
  const seekTo = (unixMs: number) => {
    following = false;
    wake();
    video.playbackRate = 1;
    wantedUnixMs = unixMs;
    const position = hls.latestLevelDetails && positionOf(hls.latestLevelDetails, unixMs);
    if (position === null || video.readyState === HTMLMediaElement.HAVE_NOTHING) return;
    video.currentTime = position;
    wantedUnixMs = null;
  };
  const toLive = () => {
    following = true;
    wantedUnixMs = null;
    const position = hls.liveSyncPosition;
    if (position !== null && position - video.currentTime > BEHIND_S) video.currentTime = position;
  };
  const step = () => {
    if (!following || video.paused || video.seeking) return;
    const gapMs = gapAhead(video.buffered, video.currentTime);
    // Holes and starts are hls.js's own.
    if (gapMs !== null) carryOut(pace.step(gapMs, performance.now()), video);
  };
  const stalled = () => {
    // Before the first data there is nothing that could run dry.
    if (!following || video.seeking || arrivedAtMs === null) return;
    pace.stalled(gapAhead(video.buffered, video.currentTime) ?? 0, performance.now());
  };

  hls.on(Events.ERROR, (_, error) => {
    // hls.js asks no more after an unchanged playlist, though it calls that no fatal error.
    if (!error.fatal && error.details !== ErrorDetails.PLAYLIST_UNCHANGED_ERROR) return;
    failed({ fault: error.type === ErrorTypes.NETWORK_ERROR ? "network" : "engine", why: error.details });
  });
  hls.on(Events.FRAG_BUFFERED, () => {
    const nowMs = performance.now();
    if (arrivedAtMs === null) pace.settle(nowMs);
    arrivedAtMs = nowMs;
    if (wantedUnixMs !== null) seekTo(wantedUnixMs);
  });
  hls.on(Events.LEVEL_UPDATED, () => {
    if (edgeIsOld && following) toLive();
    edgeIsOld = false;
  });
  video.addEventListener("waiting", stalled);
  video.addEventListener("play", wake);
  const stepping = setInterval(step, STEP_MS);
  hls.loadSource(sources.lowLatency);
  hls.attachMedia(video);

  return {
    dateAt: (mediaTimeS) => {
      const playing = hls.playingDate?.getTime();
      // On the way to a date, what is on screen is not what was asked for.
      if (playing === undefined || wantedUnixMs !== null) return null;
      return playing + 1000 * (mediaTimeS - video.currentTime);
    },
    // What is not announced yet, and what is not loaded yet.
    targetDelayMs: () => pace.targetMs + 1000 * (hls.targetLatency ?? 0),
    arrivedAtMs: () => arrivedAtMs,
    past: { window: () => hls.latestLevelDetails && windowOf(hls.latestLevelDetails), seekTo },
    neverRests: false,
    toLive,
    tick: rest,
    destroy: () => {
      clearInterval(stepping);
      video.removeEventListener("waiting", stalled);
      video.removeEventListener("play", wake);
      video.playbackRate = 1;
      hls.destroy();
    },
  };
};

/** The dates that a playlist lists. */
function windowOf({ fragments, edge }: LevelDetails): DateWindow | null {
  const first = fragments[0];
  const last = fragments.at(-1);
  if (!first?.programDateTime || !last?.programDateTime) return null;
  return {
    startUnixMs: first.programDateTime,
    endUnixMs: last.programDateTime + 1000 * (edge - last.start),
  };
}

/** Media time of a date; the window's beginning for what is older. */
function positionOf({ fragments }: LevelDetails, unixMs: number): number | null {
  const listed = fragments.filter(({ programDateTime }) => programDateTime !== null);
  const at = listed.filter(({ programDateTime }) => (programDateTime ?? 0) <= unixMs).at(-1) ?? listed[0];
  if (!at) return null;
  return at.start + Math.max(0, unixMs - (at.programDateTime ?? unixMs)) / 1000;
}
