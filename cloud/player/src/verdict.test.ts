import { expect, test } from "vitest";
import { LIVE, SERVICE_NOW } from "./live-status.fixture";
import { noPolls, type PollResult, type Polls, takenUpAgain, withResult } from "./polls";
import type { Status } from "./status";
import {
  DATE_ERROR_MS,
  FROZEN_MS,
  frozenAfterMs,
  judge,
  LIVE_SLACK_MS,
  type Picture,
  SILENCE_MS,
} from "./verdict";

const NOW = 60_000;

const heard = (change: Partial<Status> = {}, agoMs = 300): Polls =>
  withResult(noPolls(0), { kind: "status", status: { ...LIVE, ...change }, sentMs: 0 }, NOW - agoMs);
const then = (polls: Polls, result: PollResult): Polls => withResult(polls, result, NOW - 10);

const moving: Picture = {
  movedAtMs: NOW - 40,
  arrivedAtMs: null,
  capturedUnixMs: SERVICE_NOW - 2400,
  targetDelayMs: 3000,
  paused: false,
  rewound: false,
  unsupported: false,
};
const nothing: Picture = { ...moving, movedAtMs: null, capturedUnixMs: null };
const aged = (ageMs: number): Picture => ({ ...moving, capturedUnixMs: SERVICE_NOW - ageMs });

const offline = (code: string): Partial<Status> => ({ state: "offline", reason: { code, text: "" } });
const newest = (ageMs: number) => ({ run: 1, segment: 1, date_unix_ms: SERVICE_NOW - ageMs });
const noAnswer: PollResult = { kind: "failed", failure: { code: "no_answer" } };
const refused: PollResult = { kind: "refused", refusal: "no_key" };

test.each<[string, Polls, Picture, string, string]>([
  ["just opened", noPolls(NOW), nothing, "catching-up", "connecting"],
  ["opened, still no answer", noPolls(NOW - SILENCE_MS - 1), nothing, "unreachable", "no_answer"],
  [
    "first poll failed a moment ago",
    then(noPolls(NOW - 500), noAnswer),
    nothing,
    "catching-up",
    "connecting",
  ],
  ["all is well", heard(), moving, "live", "live"],
  ["a little late is still live", heard(), aged(3000 + LIVE_SLACK_MS), "live", "live"],
  ["too late", heard(), aged(3001 + LIVE_SLACK_MS), "catching-up", "behind"],
  ["no date: judged by motion alone", heard(), { ...moving, capturedUnixMs: null }, "live", "live"],
  ["no picture yet", heard(), nothing, "catching-up", "loading"],
  ["standing still", heard(), { ...moving, movedAtMs: NOW - FROZEN_MS - 1 }, "catching-up", "frozen"],
  ["paused", heard(), { ...moving, paused: true }, "catching-up", "paused"],
  ["rewound", heard(), { ...aged(60_000), rewound: true }, "catching-up", "rewound"],
  ["autoplay refused", heard(), { ...nothing, paused: true }, "catching-up", "paused"],
  ["no engine", heard(), { ...nothing, unsupported: true }, "catching-up", "unsupported"],
  [
    "camera quiet, buffer still playing",
    heard({ state: "stale", reason: { code: "stale", text: "" } }),
    moving,
    "stale",
    "stale",
  ],
  ["stopped, buffer still playing", heard(offline("stopped")), moving, "offline", "stopped"],
  ["camera fault", heard(offline("camera_fault")), moving, "offline", "camera_fault"],
  ["shut down", heard(offline("shut_down")), moving, "offline", "shut_down"],
  ["key refused", heard(offline("key_refused")), nothing, "offline", "key_refused"],
  ["not seen", heard(offline("not_seen")), moving, "offline", "not_seen"],
  ["never seen", heard(offline("never_seen")), nothing, "offline", "never_seen"],
  [
    "a new instance, camera still at the old one",
    heard({ ...offline("never_seen"), newest: null }),
    moving,
    "live",
    "live",
  ],
  [
    "... which knows the camera's past",
    heard({ ...offline("not_seen"), newest: newest(2400 + DATE_ERROR_MS + 1) }),
    moving,
    "live",
    "live",
  ],
  [
    "... or this very picture",
    heard({ ...offline("not_seen"), newest: newest(2400 + DATE_ERROR_MS) }),
    moving,
    "offline",
    "not_seen",
  ],
  ["... and says that it waits", heard({ state: "stale", newest: null }), moving, "live", "live"],
  [
    "... and nothing moves",
    heard({ ...offline("starting"), newest: null }),
    { ...moving, movedAtMs: NOW - FROZEN_MS - 1 },
    "offline",
    "starting",
  ],
  [
    "... and the picture is old",
    heard({ ...offline("starting"), newest: null }),
    aged(3001 + LIVE_SLACK_MS),
    "offline",
    "starting",
  ],
  [
    "offline matters more than paused",
    heard(offline("stopped")),
    { ...moving, paused: true },
    "offline",
    "stopped",
  ],
  ["one poll failed", then(heard(), noAnswer), moving, "live", "live"],
  ["silence", then(heard({}, SILENCE_MS + 1), noAnswer), moving, "unreachable", "no_answer"],
  ["silence, a request still hangs", heard({}, SILENCE_MS + 1), moving, "unreachable", "no_answer"],
  [
    "... while media comes",
    heard({}, SILENCE_MS + 1),
    { ...moving, arrivedAtMs: NOW - SILENCE_MS },
    "live",
    "live",
  ],
  [
    "... and media came as long ago",
    heard({}, SILENCE_MS + 1),
    { ...moving, arrivedAtMs: NOW - SILENCE_MS - 1 },
    "unreachable",
    "no_answer",
  ],
  [
    "errors for long enough",
    then(heard({}, SILENCE_MS + 1), { kind: "failed", failure: { code: "service_error", httpStatus: 502 } }),
    moving,
    "unreachable",
    "service_error",
  ],
  [
    "silence ends offline too: nothing is known any more",
    heard(offline("stopped"), SILENCE_MS + 1),
    moving,
    "unreachable",
    "no_answer",
  ],
  ["refused at once", then(heard(), refused), moving, "no-access", "no_key"],
  ["refused, then silence", then(then(heard({}, 9000), refused), noAnswer), moving, "no-access", "no_key"],
  [
    "refused, then allowed again",
    then(then(heard(), refused), { kind: "status", status: LIVE, sentMs: 0 }),
    moving,
    "live",
    "live",
  ],
  [
    "back from sleep: silence until now says nothing",
    takenUpAgain(heard({}, 50_000), NOW),
    moving,
    "live",
    "live",
  ],
])("%s", (_, polls, picture, state, reason) => {
  expect(judge(polls, picture, NOW, SERVICE_NOW)).toMatchObject({ state, reason });
});

test("the age is the service's time less the capture date, and never negative", () => {
  expect(judge(heard(), moving, NOW, SERVICE_NOW).ageMs).toBe(2400);
  expect(judge(heard(), aged(-200), NOW, SERVICE_NOW).ageMs).toBe(0);
  expect(judge(heard(), moving, NOW, null).ageMs).toBeNull();
  expect(judge(heard(), nothing, NOW, SERVICE_NOW).ageMs).toBeNull();
});

test("who has no access is told nothing of the picture", () => {
  expect(judge(then(heard(), refused), moving, NOW, SERVICE_NOW).ageMs).toBeNull();
});

test("a slow camera is not frozen between two frames", () => {
  expect(frozenAfterMs(25)).toBe(FROZEN_MS);
  expect(frozenAfterMs(0.5)).toBe(6000);
  expect(frozenAfterMs(undefined)).toBe(FROZEN_MS);
});
