// What the status polls have told so far: a plain record and the pure function
// that adds one poll's result to it. Asking is `poller.ts`.

import type { Status } from "./status";

export type PollResult =
  | { readonly kind: "status"; readonly status: Status; readonly sentMs: number }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "failed"; readonly failure: Failure };

/** Why the visitor may not watch. */
export type Refusal = "no_key" | "wrong_key" | "unknown_camera" | "bad_link" | "ended";

/** Why there is no answer, or none that the page understands. */
export type Failure =
  | { readonly code: "no_answer" }
  | { readonly code: "service_error"; readonly httpStatus: number };

export interface Polls {
  /** When asking began or was taken up again, page clock. */
  readonly sinceMs: number;
  readonly status: Status | null;
  /** When the newest status came, page clock. */
  readonly statusAtMs: number | null;
  /** Set while the newest answer is a refusal. */
  readonly refusal: Refusal | null;
  /** Set while the newest poll has failed. */
  readonly failure: Failure | null;
}

export function noPolls(nowMs: number): Polls {
  return { sinceMs: nowMs, status: null, statusAtMs: null, refusal: null, failure: null };
}

export function withResult(polls: Polls, result: PollResult, nowMs: number): Polls {
  switch (result.kind) {
    case "status":
      return { ...polls, status: result.status, statusAtMs: nowMs, refusal: null, failure: null };
    case "refused":
      return { ...polls, refusal: result.refusal, failure: null };
    case "failed":
      return { ...polls, failure: result.failure };
  }
}

/** Asking paused (the page was hidden, the phone slept): silence until now is no sign. */
export function takenUpAgain(polls: Polls, nowMs: number): Polls {
  return { ...polls, sinceMs: nowMs };
}

/** What an HTTP status other than success means. */
export function meaningOf(httpStatus: number): PollResult {
  switch (httpStatus) {
    case 401:
      return { kind: "refused", refusal: "no_key" };
    case 403:
      return { kind: "refused", refusal: "wrong_key" };
    case 404:
      return { kind: "refused", refusal: "unknown_camera" };
    case 410:
      return { kind: "refused", refusal: "ended" };
    default:
      return { kind: "failed", failure: { code: "service_error", httpStatus } };
  }
}
