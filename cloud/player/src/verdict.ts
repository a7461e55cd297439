// The one state that the page shows, and why. Pure: polls, picture and time
// in, verdict out. It never calls a picture live that is old or stands still.

import type { Polls } from "./polls";
import type { Status } from "./status";

export type PageState = "live" | "catching-up" | "stale" | "offline" | "no-access" | "unreachable";

export interface Verdict {
  readonly state: PageState;
  /** For programs and for `wording.ts`: the service's reason code, or one of the page's own. */
  readonly reason: string;
  /** Age of the picture on screen; null without a picture or a date. */
  readonly ageMs: number | null;
}

/** What is on screen. */
export interface Picture {
  /** When a new picture last appeared, page clock; null before the first. */
  readonly movedAtMs: number | null;
  /** When media last came, page clock; null when nobody knows. */
  readonly arrivedAtMs: number | null;
  /** When the sensor saw it, service clock. */
  readonly capturedUnixMs: number | null;
  /** How far behind the engine means to be. */
  readonly targetDelayMs: number;
  /** The browser refused to start by itself, or somebody paused. */
  readonly paused: boolean;
  /** The visitor looks at the past. */
  readonly rewound: boolean;
  /** No engine works in this browser. */
  readonly unsupported: boolean;
}

/** Neither answer nor media for this long: the service is unreachable. */
export const SILENCE_MS = 3000;
/** A picture this far behind its engine's aim is not live. */
export const LIVE_SLACK_MS = 3000;
/** A picture that stands for this long is frozen, at usual frame rates. */
export const FROZEN_MS = 2000;
/** Two instances may date the same picture so differently. */
export const DATE_ERROR_MS = 500;

export function judge(polls: Polls, picture: Picture, nowMs: number, serviceUnixMs: number | null): Verdict {
  const ageMs =
    picture.capturedUnixMs === null || serviceUnixMs === null
      ? null
      : Math.max(0, serviceUnixMs - picture.capturedUnixMs);
  const verdict = (state: PageState, reason: string): Verdict => ({ state, reason, ageMs });
  const { status } = polls;

  if (polls.refusal) return { state: "no-access", reason: polls.refusal, ageMs: null };
  // Media is an answer too: a poll may hang beside it.
  if (nowMs - Math.max(polls.statusAtMs ?? 0, picture.arrivedAtMs ?? 0, polls.sinceMs) > SILENCE_MS) {
    return verdict("unreachable", polls.failure?.code ?? "no_answer");
  }
  if (status === null) return verdict("catching-up", "connecting");
  if (status.state !== "live" && !isNews(picture, ageMs, status, nowMs)) {
    return verdict(status.state, status.reason.code);
  }

  if (picture.unsupported) return verdict("catching-up", "unsupported");
  if (picture.paused) return verdict("catching-up", "paused");
  if (picture.movedAtMs === null) return verdict("catching-up", "loading");
  if (isFrozen(picture.movedAtMs, status, nowMs)) return verdict("catching-up", "frozen");
  if (picture.rewound) return verdict("catching-up", "rewound");
  if (ageMs !== null && isBehind(picture, ageMs)) return verdict("catching-up", "behind");
  return verdict("live", "live");
}

/**
 * The picture on screen is live, and newer than any that the answering service
 * knows: at a deploy the new instance answers before the camera has moved to it.
 */
function isNews(picture: Picture, ageMs: number | null, status: Status, nowMs: number): boolean {
  const { movedAtMs, capturedUnixMs } = picture;
  if (movedAtMs === null || capturedUnixMs === null || ageMs === null) return false;
  const known = status.newest !== null && capturedUnixMs <= status.newest.date_unix_ms + DATE_ERROR_MS;
  return !known && !isFrozen(movedAtMs, status, nowMs) && !isBehind(picture, ageMs);
}

function isFrozen(movedAtMs: number, { video }: Status, nowMs: number): boolean {
  return nowMs - movedAtMs > frozenAfterMs(video?.frame_rate_hz);
}

function isBehind({ targetDelayMs }: Picture, ageMs: number): boolean {
  return ageMs > targetDelayMs + LIVE_SLACK_MS;
}

/** Slow cameras are not frozen between two frames. */
export function frozenAfterMs(frameRateHz: number | undefined): number {
  return frameRateHz ? Math.max(FROZEN_MS, 3000 / frameRateHz) : FROZEN_MS;
}
