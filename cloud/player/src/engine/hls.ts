// hls.js (light) on the plain playlist. hls.js retries single requests by
// itself; what it gives up on, the watchdog answers with a new engine.

/*! Contains hls.js, copyright Dailymotion and contributors, Apache License 2.0: https://github.com/video-dev/hls.js/blob/master/LICENSE */
import Hls, { ErrorDetails, ErrorTypes, Events, type HlsConfig } from "hls.js/light";
import type { StartEngine } from "../engine";

/** Target durations behind the playlist's end: 1 leaves no room for a late segment. */
const SYNC_SEGMENTS = 2;

/**
 * Safari re-buffers when the playback rate changes, so there the engine only
 * seeks. Only WebKit has ManagedMediaSource.
 */
const CATCH_UP_RATE = "ManagedMediaSource" in globalThis ? 1 : 1.2;

const CONFIG: Partial<HlsConfig> = {
  // Fragmented MP4 needs no transmuxing: a worker would only add a hop.
  enableWorker: false,
  liveSyncDurationCount: SYNC_SEGMENTS,
  liveMaxLatencyDurationCount: 3 * SYNC_SEGMENTS,
  maxLiveSyncPlaybackRate: CATCH_UP_RATE,
  liveDurationInfinity: true,
  // A playlist that stands still is an error here and not by default; the
  // reloads come every half target duration then.
  liveMaxUnchangedPlaylistRefresh: 8,
  backBufferLength: 20,
  manifestLoadPolicy: retries(4000, 2),
  playlistLoadPolicy: retries(4000, 3),
  fragLoadPolicy: retries(8000, 4),
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

export const startHls: StartEngine = async (video, playlist, failed) => {
  const hls = new Hls(CONFIG);
  hls.on(Events.ERROR, (_, error) => {
    // hls.js asks no more after an unchanged playlist, though it calls that no fatal error.
    if (!error.fatal && error.details !== ErrorDetails.PLAYLIST_UNCHANGED_ERROR) return;
    failed({ fault: error.type === ErrorTypes.NETWORK_ERROR ? "network" : "engine", why: error.details });
  });
  hls.loadSource(playlist);
  hls.attachMedia(video);
  return {
    currentDateUnixMs: () => hls.playingDate?.getTime() ?? null,
    // The segment being cut now is not in the playlist yet.
    targetDelayMs: () => 1000 * ((hls.targetLatency ?? 0) + (hls.latestLevelDetails?.targetduration ?? 0)),
    seekToLive: () => {
      if (hls.liveSyncPosition !== null) video.currentTime = hls.liveSyncPosition;
    },
    destroy: () => hls.destroy(),
  };
};
