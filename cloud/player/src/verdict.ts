// The one state that the page shows, and why. Pure: polls, picture and time
// in, verdict out. It never calls a picture live that is old or stands still.

import type { Polls } from "./polls";

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

/** No answer for this long: the service is unreachable. */
export const SILENCE_MS = 3000;
/** A picture this far behind its engine's aim is not live. */
export const LIVE_SLACK_MS = 3000;
/** A picture that stands for this long is frozen, at usual frame rates. */
export const FROZEN_MS = 2000;

export function judge(polls: Polls, picture: Picture, nowMs: number, serviceUnixMs: number | null): Verdict {
  const ageMs =
    picture.capturedUnixMs === null || serviceUnixMs === null
      ? null
      : Math.max(0, serviceUnixMs - picture.capturedUnixMs);
  const verdict = (state: PageState, reason: string): Verdict => ({ state, reason, ageMs });
  const { status } = polls;

  if (polls.refusal) return { state: "no-access", reason: polls.refusal, ageMs: null };
  if (nowMs - Math.max(polls.statusAtMs ?? 0, polls.sinceMs) > SILENCE_MS) {
    return verdict("unreachable", polls.failure?.code ?? "no_answer");
  }
  if (status === null) return verdict("catching-up", "connecting");
  if (status.state === "offline") return verdict("offline", status.reason.code);
  if (status.state === "stale") return verdict("stale", status.reason.code);

  if (picture.unsupported) return verdict("catching-up", "unsupported");
  if (picture.paused) return verdict("catching-up", "paused");
  if (picture.movedAtMs === null) return verdict("catching-up", "loading");
  if (nowMs - picture.movedAtMs > frozenAfterMs(status.video?.frame_rate_hz)) {
    return verdict("catching-up", "frozen");
  }
  if (picture.rewound) return verdict("catching-up", "rewound");
  if (ageMs !== null && ageMs > picture.targetDelayMs + LIVE_SLACK_MS)
    return verdict("catching-up", "behind");
  return verdict("live", "live");
}

/** Slow cameras are not frozen between two frames. */
export function frozenAfterMs(frameRateHz: number | undefined): number {
  return frameRateHz ? Math.max(FROZEN_MS, 3000 / frameRateHz) : FROZEN_MS;
}
