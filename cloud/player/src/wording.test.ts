import { expect, test } from "vitest";
import { LIVE, SERVICE_NOW } from "./live-status.fixture";
import { noPolls, type Polls, withResult } from "./polls";
import type { Status } from "./status";
import type { Verdict } from "./verdict";
import {
  ageText,
  badgeWord,
  behindText,
  cardSentence,
  explain,
  moment,
  pictureSentence,
  stillAgeText,
  viewersText,
} from "./wording";

test.each([
  [0, "0.0 s"],
  [2449, "2.4 s"],
  [9949, "9.9 s"],
  [9951, "10 s"],
  [59_400, "59 s"],
  [59_600, "1 min"],
  [3_569_000, "59 min"],
  [3_571_000, "1 h"],
  [47 * 3_600_000, "47 h"],
  [72 * 3_600_000, "3 days"],
])("%i ms reads %s", (ms, text) => {
  expect(ageText(ms)).toBe(text);
});

test("a moment carries its date unless it is near", () => {
  expect(moment(SERVICE_NOW, SERVICE_NOW + 60_000, "UTC")).toBe("12:00:00");
  expect(moment(SERVICE_NOW, SERVICE_NOW + 90_000_000, "UTC")).toMatch(/1 Jun 2026.*12:00/);
  expect(moment(SERVICE_NOW, null, "UTC")).toMatch(/1 Jun 2026/);
});

const polls = (change: Partial<Status> = {}): Polls =>
  withResult(noPolls(0), { kind: "status", status: { ...LIVE, ...change }, sentMs: 0 }, 0);
const verdict = (state: Verdict["state"], reason: string, ageMs: number | null = 2400): Verdict => ({
  state,
  reason,
  ageMs,
});

test.each<[Verdict, Polls, string]>([
  [verdict("live", "live"), polls(), "Live"],
  [verdict("no-access", "ended"), polls(), "This link was ended"],
  [verdict("catching-up", "loading"), polls(), "Waiting for the first picture"],
  [verdict("stale", "stale"), polls(), "No new pictures"],
  [
    verdict("offline", "stopped"),
    polls({ desired: { state: "stopped", version: 2 } }),
    "The camera is stopped",
  ],
  [verdict("offline", "stopped"), polls(), "The camera is about to start"],
  [verdict("offline", "camera_fault"), polls(), "The camera has a fault"],
  [verdict("offline", "not_seen"), polls({ last_seen_unix_ms: null }), "Not seen"],
  [verdict("offline", "something_new"), polls(), "The camera is offline"],
  [verdict("no-access", "no_key"), noPolls(0), "This camera is private"],
  [verdict("no-access", "no_key"), polls(), "Your link has ended"],
  [verdict("unreachable", "no_answer"), polls(), "The service does not answer"],
])("%j is explained", (given, known, headline) => {
  expect(explain(given, known, SERVICE_NOW, true).headline).toBe(headline);
});

test("the service's own words are passed on as sentences, and its error told", () => {
  const fault = polls({ reason: { code: "camera_fault", text: "No camera is plugged in." } });
  expect(explain(verdict("offline", "camera_fault"), fault, SERVICE_NOW, true).detail).toBe(
    "No camera is plugged in.",
  );
  const phrase = polls({
    reason: { code: "stopped", text: "stopped from its page" },
    desired: { state: "stopped", version: 4 },
  });
  expect(explain(verdict("offline", "stopped"), phrase, SERVICE_NOW, true).detail).toBe(
    "Stopped from its page.",
  );
  const broken = withResult(
    polls(),
    { kind: "failed", failure: { code: "service_error", httpStatus: 502 } },
    0,
  );
  expect(explain(verdict("unreachable", "service_error"), broken, SERVICE_NOW, true).detail).toContain("502");
  expect(explain(verdict("unreachable", "no_answer"), polls(), SERVICE_NOW, false).headline).toBe(
    "You are offline",
  );
});

test("the sentence on the picture never calls an old one new", () => {
  const last = SERVICE_NOW - 2400;
  expect(pictureSentence(verdict("live", "live"), last, SERVICE_NOW)).toBe(
    "What you see happened 2.4\u00a0s\u00a0ago.",
  );
  expect(pictureSentence(verdict("catching-up", "behind", 7100), last, SERVICE_NOW)).toBe(
    "What you see happened 7.1\u00a0s\u00a0ago.",
  );
  expect(pictureSentence(verdict("stale", "stale"), last, SERVICE_NOW)).toMatch(
    /^The last picture is from .*2\.4\u00a0s\u00a0ago\.$/,
  );
  expect(pictureSentence(verdict("offline", "never_seen", null), null, SERVICE_NOW)).toBe("No picture yet.");
  expect(pictureSentence(verdict("no-access", "no_key", null), last, SERVICE_NOW)).toBe("");
});

test("viewers are counted in words", () => {
  expect([0, 1, 2].map(viewersText)).toEqual(["Nobody watches", "1 person watches", "2 people watch"]);
});

test("the badge says what the visitor has chosen, never LIVE for an old picture", () => {
  const words = (["connecting", "paused", "rewound", "unsupported", "behind", "frozen"] as const).map(
    (reason) => badgeWord(verdict("catching-up", reason)),
  );
  expect(words).toEqual(["CONNECTING", "PAUSED", "REWOUND", "NO PICTURE", "CATCHING UP", "CATCHING UP"]);
  expect(badgeWord(verdict("live", "live"))).toBe("LIVE");
  expect(badgeWord(verdict("offline", "stopped"))).toBe("CAMERA OFFLINE");
  expect(badgeWord(verdict("offline", "starting"))).toBe("CAMERA STARTING");
  expect(
    pictureSentence(verdict("catching-up", "rewound", 45_000), SERVICE_NOW - 45_000, SERVICE_NOW),
  ).toMatch(/^You are looking back: .*45\u00a0s\u00a0ago\.$/);
});

test.each([
  [0, "0 s"],
  [44.6, "45 s"],
  [60, "1:00 min"],
  [119.7, "2:00 min"],
])("%d s behind reads %s", (seconds, text) => {
  expect(behindText(seconds)).toBe(text);
});

test.each<[Partial<Status>, string]>([
  [{ viewers: 2 }, "2 people watch."],
  [{ state: "stale" }, "The camera has gone quiet. Waiting for it."],
  [{ state: "offline", reason: { code: "camera_fault", text: "" } }, "The camera has a fault."],
  [{ state: "offline", reason: { code: "never_seen", text: "" } }, "This camera has not connected yet."],
])("in the list, %j reads %s", (change, sentence) => {
  expect(cardSentence({ ...LIVE, ...change })).toBe(sentence);
});

test("a still is never called newer than it is", () => {
  expect([0, 1, 1001, 9999, 14_200].map(stillAgeText)).toEqual(["0 s", "1 s", "2 s", "10 s", "14 s"]);
});
