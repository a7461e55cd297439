import { expect, test } from "vitest";
import {
  type Abilities,
  afterFailure,
  afterSuccess,
  chosenIn,
  type EngineName,
  engineFor,
  engineOrder,
  FIRST_BENCH_MS,
  hasPast,
  LONGEST_BENCH_MS,
  type Standings,
} from "./choice";

const BOTH: Abilities = { mediaSource: true, nativeHls: true, nativeDates: false };
const FIREFOX: Abilities = { mediaSource: true, nativeHls: false, nativeDates: false };
const OLD_IPHONE: Abilities = { mediaSource: false, nativeHls: true, nativeDates: true };
const NOTHING: Abilities = { mediaSource: false, nativeHls: false, nativeDates: false };

test.each<[string, Abilities, EngineName | null, EngineName[]]>([
  ["Chromium says that it plays HLS and must not win with it", BOTH, null, ["instant", "ll-hls", "native"]],
  ["Firefox", FIREFOX, null, ["instant", "ll-hls"]],
  ["iPhone before iOS 17.1", OLD_IPHONE, null, ["native"]],
  ["a browser without H.264", NOTHING, null, []],
  ["a choice goes first, the others stay", BOTH, "native", ["native", "instant", "ll-hls"]],
  ["a choice that the browser cannot play", FIREFOX, "native", ["instant", "ll-hls"]],
])("order: %s", (_, abilities, choice, order) => {
  expect(engineOrder(abilities, choice)).toEqual(order);
});

test.each<[EngineName, Abilities, boolean]>([
  ["instant", BOTH, false],
  ["ll-hls", BOTH, true],
  ["native", BOTH, false],
  ["native", OLD_IPHONE, true],
])("%s has a past in %o: %s", (name, abilities, expected) => {
  expect(hasPast(name, abilities)).toBe(expected);
});

const NOW = 1_000_000;
const ORDER: EngineName[] = ["instant", "ll-hls", "native"];

/** [engine, unfit, at] of each failure. */
type Failures = [EngineName, boolean, number][];

const after = (failures: Failures): Standings =>
  failures.reduce<Standings>(
    (standings, [name, unfit, atMs]) => afterFailure(standings, name, unfit, atMs),
    {},
  );

test.each<[string, Failures, number, EngineName]>([
  ["nothing failed", [], NOW, "instant"],
  ["one failure is forgiven", [["instant", false, NOW]], NOW, "instant"],
  [
    "two in a row are not",
    [
      ["instant", false, NOW - 9],
      ["instant", false, NOW],
    ],
    NOW,
    "ll-hls",
  ],
  ["unfit is not tried twice", [["instant", true, NOW]], NOW, "ll-hls"],
  ["... until its time on the bench is over", [["instant", true, NOW - FIRST_BENCH_MS]], NOW, "instant"],
  [
    "the second time is twice as long",
    [
      ["instant", true, 0],
      ["instant", true, NOW - FIRST_BENCH_MS],
    ],
    NOW,
    "ll-hls",
  ],
  [
    "... and over",
    [
      ["instant", true, 0],
      ["instant", true, NOW - 2 * FIRST_BENCH_MS],
    ],
    NOW,
    "instant",
  ],
  [
    "there is a longest time",
    Array.from({ length: 40 }, () => ["instant", true, NOW - LONGEST_BENCH_MS]),
    NOW,
    "instant",
  ],
  [
    "the next one failed too",
    [
      ["instant", true, NOW],
      ["ll-hls", true, NOW],
    ],
    NOW,
    "native",
  ],
  [
    "all sit on the bench: the first to come back",
    [
      ["native", true, NOW - 3],
      ["instant", true, NOW - 2],
      ["ll-hls", true, NOW - 1],
    ],
    NOW,
    "native",
  ],
])("choice: %s", (_, failures, nowMs, expected) => {
  expect(engineFor(ORDER, after(failures), nowMs)).toBe(expected);
});

test("success clears the record", () => {
  const standings = after([
    ["instant", true, 0],
    ["instant", false, NOW],
  ]);
  expect(engineFor(ORDER, afterFailure(standings, "instant", false, NOW), NOW)).toBe("ll-hls");
  const cleared = afterSuccess(standings, "instant");
  expect(engineFor(ORDER, afterFailure(cleared, "instant", false, NOW), NOW)).toBe("instant");
  expect(afterSuccess(standings, "native")).toBe(standings);
});

test("no engine, no choice", () => {
  expect(engineFor([], {}, NOW)).toBeNull();
});

test.each([
  ["#ll-hls", "ll-hls"],
  ["#instant", "instant"],
  ["", null],
  ["#", null],
  ["#plain", null],
])("the hash %j chooses %s", (hash, name) => {
  expect(chosenIn(hash)).toBe(name);
});
