// Plain words for people: the state, why, and how old the picture is. Pure.

import type { Polls } from "./polls";
import type { Status } from "./status";
import type { PageState, Verdict } from "./verdict";

/** The badge: the state's name, or what the visitor has chosen over it. */
export function badgeWord({ state, reason }: { state: PageState; reason: string }): string {
  if (state === "offline" && reason === "starting") return "CAMERA STARTING";
  return (state === "catching-up" && CATCHING_UP_WORDS[reason]) || STATE_WORDS[state];
}

const CATCHING_UP_WORDS: Record<string, string> = {
  connecting: "CONNECTING",
  loading: "CONNECTING",
  paused: "PAUSED",
  rewound: "REWOUND",
  unsupported: "NO PICTURE",
};

/** The states' names. */
const STATE_WORDS: Record<PageState, string> = {
  live: "LIVE",
  "catching-up": "CATCHING UP",
  stale: "STALE",
  offline: "CAMERA OFFLINE",
  "no-access": "NO ACCESS",
  unreachable: "SERVICE UNREACHABLE",
};

export interface Explanation {
  /** What is the matter, in a few words. */
  readonly headline: string;
  /** What is behind it or what to do; may be empty. */
  readonly detail: string;
}

/** Explains a verdict; `online` is the browser's own idea of its network. */
export function explain(
  verdict: Verdict,
  polls: Polls,
  serviceUnixMs: number | null,
  online: boolean,
): Explanation {
  const { status } = polls;
  switch (verdict.state) {
    case "live":
      return { headline: "Live", detail: "" };
    case "catching-up":
      return CATCHING_UP[verdict.reason] ?? { headline: "Catching up", detail: "" };
    case "stale":
      return { headline: "No new pictures", detail: "The camera has gone quiet. Waiting for it." };
    case "no-access":
      // Who has seen the camera had a link until now.
      if (verdict.reason === "no_key" && status !== null) return LINK_ENDED;
      return NO_ACCESS[verdict.reason] ?? { headline: "No access", detail: "" };
    case "unreachable":
      return unreachable(polls, online);
    case "offline":
      return offline(verdict.reason, status, serviceUnixMs);
  }
}

const CATCHING_UP: Record<string, Explanation> = {
  connecting: { headline: "Connecting", detail: "" },
  loading: { headline: "Waiting for the first picture", detail: "" },
  frozen: { headline: "Waiting for the picture", detail: "" },
  behind: { headline: "Catching up", detail: "" },
  paused: { headline: "Paused", detail: "" },
  rewound: { headline: "Rewound", detail: "" },
  unsupported: {
    headline: "This browser cannot show the picture",
    detail: "It plays neither H.264 through MediaSource nor HLS. Try another browser.",
  },
};

const LINK_ENDED: Explanation = {
  headline: "Your link has ended",
  detail: "Ask the camera's owner for a new one, and open it in this browser.",
};

const NO_ACCESS: Record<string, Explanation> = {
  no_key: {
    headline: "This camera is private",
    detail: "Open the complete link that its owner gave you, or ask for a new one.",
  },
  wrong_key: {
    headline: "This link is for another camera",
    detail: "Ask this camera's owner for a link to it.",
  },
  unknown_camera: {
    headline: "No such camera",
    detail: "Nobody has a camera of this name here. Check the link.",
  },
  ended: { headline: "This link was ended", detail: "The camera's owner has ended it. Ask for a new one." },
  bad_link: { headline: "This link is not complete", detail: "Copy the whole link and open it again." },
};

function unreachable({ failure }: Polls, online: boolean): Explanation {
  if (!online) return { headline: "You are offline", detail: "This device has no network connection." };
  if (failure?.code === "service_error") {
    return {
      headline: "The service has a problem",
      detail: `It answers with status ${failure.httpStatus}. Trying again every second.`,
    };
  }
  return { headline: "The service does not answer", detail: "Trying again every second." };
}

function offline(reason: string, status: Status | null, serviceUnixMs: number | null): Explanation {
  const text = sentence(status?.reason.text ?? "");
  if (status?.desired?.state === "started" && reason === "stopped") {
    return { headline: "The camera is about to start", detail: "It hears of it within half a minute." };
  }
  if (reason === "not_seen") {
    const seen = status?.last_seen_unix_ms ?? null;
    const since = seen === null ? "" : ` since ${moment(seen, serviceUnixMs)}`;
    return { headline: `Not seen${since}`, detail: text };
  }
  return { headline: OFFLINE[reason] ?? "The camera is offline", detail: text };
}

/** Cameras and services tell their reasons in phrases, as logs want them. */
function sentence(phrase: string): string {
  const whole = phrase.charAt(0).toUpperCase() + phrase.slice(1);
  return whole === "" || /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

const OFFLINE: Record<string, string> = {
  starting: "The camera is starting",
  stopped: "The camera is stopped",
  camera_fault: "The camera has a fault",
  shut_down: "The camera is shut down",
  key_refused: "The camera's key was refused",
  never_seen: "This camera has not connected yet",
};

/** One sentence on the picture that is, or is not, on screen. */
export function pictureSentence(
  verdict: Verdict,
  lastUnixMs: number | null,
  serviceUnixMs: number | null,
): string {
  const { state, reason, ageMs } = verdict;
  if (state === "no-access") return "";
  if (lastUnixMs === null || ageMs === null) return state === "live" ? "" : "No picture yet.";
  if (state === "live" || reason === "behind") return `What you see happened ${ago(ageMs)}.`;
  if (state === "catching-up" && reason === "rewound") {
    return `You are looking back: ${moment(lastUnixMs, serviceUnixMs)}, ${ago(ageMs)}.`;
  }
  return `The last picture is from ${moment(lastUnixMs, serviceUnixMs)}, ${ago(ageMs)}.`;
}

/** How long ago, never broken across lines. */
function ago(ms: number): string {
  return `${ageText(ms)} ago`.replaceAll(" ", "\u00a0");
}

/** One sentence on a camera in the list. */
export function cardSentence(status: Status): string {
  switch (status.state) {
    case "live":
      return `${viewersText(status.viewers)}.`;
    case "stale":
      return "The camera has gone quiet. Waiting for it.";
    case "offline":
      return `${offline(status.reason.code, status, status.service_time_unix_ms).headline}.`;
  }
}

/** The age of a still, in whole units: "4 s", "3 min". */
export function stillAgeText(ms: number): string {
  return ms < 10_000 ? `${Math.ceil(ms / 1000)} s` : ageText(ms);
}

/** "2.4 s", "14 s", "3 min", "5 h", "2 days". */
export function ageText(ms: number): string {
  const s = ms / 1000;
  if (s < 9.95) return `${s.toFixed(1)} s`;
  if (s < 59.5) return `${Math.round(s)} s`;
  if (s < 3570) return `${Math.round(s / 60)} min`;
  const hours = Math.round(s / 3600);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

/** A time of day in the reader's zone, with the date unless it is less than half a day away. */
export function moment(unixMs: number, nowUnixMs: number | null, timeZone?: string): string {
  const near = nowUnixMs !== null && Math.abs(nowUnixMs - unixMs) < 12 * 3_600_000;
  return new Intl.DateTimeFormat("en-GB", {
    ...(near
      ? { hour: "2-digit", minute: "2-digit", second: "2-digit" }
      : { dateStyle: "medium", timeStyle: "short" }),
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(unixMs);
}

/** How far back a rewound picture is: "45 s", "1:30 min". */
export function behindText(seconds: number): string {
  const s = Math.round(seconds);
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")} min`;
}

export function viewersText(viewers: number): string {
  if (viewers === 0) return "Nobody watches";
  return viewers === 1 ? "1 person watches" : `${viewers} people watch`;
}
