import { expect, test } from "vitest";
import {
  ARRIVING_MS,
  FAILED_PATIENCE_MS,
  FROZEN_PATIENCE_MS,
  STUCK_PATIENCE_MS,
  shouldRebuild,
  type Watch,
} from "./watchdog";

const NOW = 100_000;
const FROZEN = NOW - FROZEN_PATIENCE_MS;
const FAILED = NOW - FAILED_PATIENCE_MS;

const healthy: Watch = {
  serviceLive: true,
  watched: true,
  paused: false,
  builtAtMs: 1000,
  failedAtMs: null,
  movedAtMs: NOW - 40,
  arrivedAtMs: null,
  dueSinceMs: 1000,
  attempts: 0,
};

test.each<[string, Partial<Watch>, boolean]>([
  ["the picture moves", {}, false],
  ["the picture stands still for long", { movedAtMs: FROZEN }, true],
  ["... not quite", { movedAtMs: FROZEN + 1 }, false],
  [
    "... though media comes all the while",
    { movedAtMs: NOW - STUCK_PATIENCE_MS, arrivedAtMs: NOW - ARRIVING_MS + 1 },
    true,
  ],
  ["... as media does", { movedAtMs: NOW - STUCK_PATIENCE_MS, arrivedAtMs: NOW - ARRIVING_MS }, false],
  ["no picture since it was built", { movedAtMs: null, builtAtMs: FROZEN }, true],
  ["just built", { movedAtMs: null, builtAtMs: NOW - 10 }, false],
  ["the camera has only just come back", { movedAtMs: 1000, dueSinceMs: NOW - 10 }, false],
  ["the camera is offline", { movedAtMs: 1000, serviceLive: false }, false],
  ["nobody looks", { movedAtMs: 1000, watched: false }, false],
  ["somebody paused", { movedAtMs: 1000, paused: true }, false],
  ["failed", { failedAtMs: FAILED }, true],
  ["failed while paused: play finds an engine that works", { failedAtMs: FAILED, paused: true }, true],
  ["failed, camera offline", { failedAtMs: FAILED, serviceLive: false }, false],
  ["failed a moment ago", { failedAtMs: FAILED + 1 }, false],
  ["failed again, twice as patient", { failedAtMs: FAILED, attempts: 1 }, false],
  ["failed again and again: patience has a bound", { failedAtMs: NOW - 4000, attempts: 1000 }, true],
  ["frozen again, twice as patient", { movedAtMs: FROZEN, attempts: 1 }, false],
  ["frozen again and again: patience has a bound", { movedAtMs: NOW - 20_000, attempts: 1000 }, true],
])("%s", (_, change, expected) => {
  expect(shouldRebuild({ ...healthy, ...change }, NOW)).toBe(expected);
});
