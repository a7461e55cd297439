import { expect, test } from "vitest";
import {
  CALM_MS,
  DRY_MS,
  gapAhead,
  Pace,
  type PaceLimits,
  type Ranges,
  SEEK_COOL_DOWN_MS,
  SETTLE_MS,
  seekTarget,
} from "./pace";

const LIMITS: PaceLimits = {
  firstTargetMs: 200,
  leastTargetMs: 150,
  mostTargetMs: 1000,
  fastestRate: 1.5,
  seekBeyondMs: 1000,
};
const WEBKIT: PaceLimits = { ...LIMITS, fastestRate: 1, seekBeyondMs: 500 };
const SEEK = { kind: "seek", gapMs: 200 };
const rate = (value: number) => ({ kind: "rate", rate: value });

test.each<[string, PaceLimits, number | null, object]>([
  ["outside of what is buffered", LIMITS, null, SEEK],
  ["on target", LIMITS, 200, rate(1)],
  ["within the tolerance", LIMITS, 220, rate(1)],
  ["a little late", LIMITS, 300, rate(1.05)],
  ["a little early", LIMITS, 100, rate(0.95)],
  ["empty: never slower than this", LIMITS, 0, rate(0.9)],
  ["just not seeking: never faster than this", LIMITS, 1200, rate(1.5)],
  ["late by more than a second", LIMITS, 1201, SEEK],
  ["WebKit, late: the rate stays", WEBKIT, 700, rate(1)],
  ["WebKit, early: the rate stays", WEBKIT, 0, rate(1)],
  ["WebKit, late by more than half a second", WEBKIT, 701, SEEK],
])("%s", (_, limits, gapMs, move) => {
  expect(new Pace(limits).step(gapMs, 0)).toEqual(move);
});

test("after a seek the next one has to wait", () => {
  const pace = new Pace(WEBKIT);
  expect(pace.step(2000, 0)).toEqual(SEEK);
  expect(pace.step(2000, SEEK_COOL_DOWN_MS - 2)).toEqual(rate(1));
  // Where nothing is buffered there is nothing to wait for.
  expect(pace.step(null, SEEK_COOL_DOWN_MS - 1)).toEqual(SEEK);
  expect(pace.step(2000, SEEK_COOL_DOWN_MS)).toEqual(SEEK);
});

test("a source that begins with a burst is followed by seeks, and its stalls say nothing", () => {
  const pace = new Pace(LIMITS);
  pace.settle(0);
  expect(pace.step(401, 10)).toEqual(SEEK);
  expect(pace.step(900, 20)).toEqual(SEEK);
  expect(pace.step(400, 30)).toEqual(rate(1));
  expect(pace.stalled(0, SETTLE_MS - 1)).toBe(true);
  expect(pace.targetMs).toBe(200);
  expect(pace.step(400, SETTLE_MS)).toEqual(rate(1.1));
});

test("each stall doubles the target, up to its bound; one more and the engine is given up", () => {
  const pace = new Pace(LIMITS);
  const stalls = [0, 100, 600, 1200, 1800, 2400].map((atMs) => [pace.stalled(0, atMs), pace.targetMs]);
  expect(stalls).toEqual([
    [true, 400],
    [true, 400], // the same stall, told again
    [true, 800],
    [true, 1000],
    [false, 1000],
    [false, 1000],
  ]);
});

test("a picture that waits with data at hand waits for the decoder: no reason to be later", () => {
  const pace = new Pace(LIMITS);
  expect(pace.stalled(DRY_MS + 1, 0)).toBe(true);
  expect(pace.targetMs).toBe(200);
});

/** Steps ten times a second with a gap that is never below `lowest` of the target. */
function calm(pace: Pace, lowest: number, fromMs: number, periods: number): void {
  for (let nowMs = fromMs; nowMs <= fromMs + periods * CALM_MS; nowMs += 100) {
    pace.step(lowest * pace.targetMs, nowMs);
  }
}

test("the target shrinks while half of it would do, down to its bound", () => {
  const pace = new Pace(LIMITS);
  pace.stalled(0, 0);
  calm(pace, 0.6, 0, 1);
  expect(pace.targetMs).toBe(320);
  calm(pace, 0.6, 10_000, 40);
  expect(pace.targetMs).toBe(150);
});

test("the target stays while more than half of it is needed", () => {
  const pace = new Pace(LIMITS);
  pace.stalled(0, 0);
  calm(pace, 0.5, 0, 10);
  expect(pace.targetMs).toBe(400);
});

const ranges = (...pairs: [number, number][]): Ranges => ({
  length: pairs.length,
  start: (at) => pairs[at]?.[0] ?? Number.NaN,
  end: (at) => pairs[at]?.[1] ?? Number.NaN,
});

test.each<[string, Ranges, number, number | null]>([
  ["nothing is buffered", ranges(), 0, null],
  ["before the only range", ranges([5000, 5001]), 0, null],
  ["a rounding error before it", ranges([5000, 5001]), 4999.95, 1050],
  ["inside", ranges([0, 10]), 9.8, 200],
  ["at the end", ranges([0, 10]), 10, 0],
  ["a rounding error past the end", ranges([0, 10]), 10.05, 0],
  ["past the end", ranges([0, 10]), 10.2, null],
  ["inside the first of two", ranges([0, 10], [20, 21]), 9, 12_000],
  ["at the hole between two", ranges([0, 10], [20, 21]), 9.95, null],
  ["in the hole", ranges([0, 10], [20, 21]), 15, null],
])("the gap ahead: %s", (_, buffered, playheadS, gapMs) => {
  const gap = gapAhead(buffered, playheadS);
  expect(gap === null ? null : Math.round(gap)).toBe(gapMs);
});

test("a seek lands in the last range", () => {
  expect(seekTarget(ranges([0, 10]), 200)).toBe(9.8);
  expect(seekTarget(ranges([0, 10], [20, 20.1]), 200)).toBe(20);
  expect(seekTarget(ranges(), 200)).toBeNull();
});
