import { expect, test } from "vitest";
import { ASLEEP_MS, type Life, wasAsleep } from "./attention";

const NOW = 100_000;
const LATE = NOW - ASLEEP_MS - 1;

test.each<[string, Life, boolean]>([
  ["called in time", { tickedAtMs: NOW - ASLEEP_MS, hidden: false, arrivedAtMs: null }, false],
  ["called late", { tickedAtMs: LATE, hidden: false, arrivedAtMs: null }, true],
  [
    "called late, what waited meanwhile has just come",
    { tickedAtMs: LATE, hidden: false, arrivedAtMs: NOW },
    true,
  ],
  [
    "hidden, its timer held back, its picture floats",
    { tickedAtMs: 40_000, hidden: true, arrivedAtMs: NOW - 40 },
    false,
  ],
  ["hidden and called late, without media", { tickedAtMs: LATE, hidden: true, arrivedAtMs: LATE }, true],
  [
    "hidden and called late, nobody knows of media",
    { tickedAtMs: LATE, hidden: true, arrivedAtMs: null },
    true,
  ],
])("asleep: %s", (_, life, expected) => {
  expect(wasAsleep(life, NOW)).toBe(expected);
});
