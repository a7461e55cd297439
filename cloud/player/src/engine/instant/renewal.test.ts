import { expect, test } from "vitest";
import { BEHIND_MS, COOL_DOWN_MS, RENEW_AFTER_MS, RENEW_SPREAD_MS, Renewal } from "./renewal";

const MINUTE_MS = 60_000;
const OPENED_MS = 1000;

test.each<[string, number, number, number, boolean]>([
  ["begun just now", 0, 0, OPENED_MS, false],
  ["old, and first of all", 0, 0, OPENED_MS + RENEW_AFTER_MS, true],
  ["not yet old", 0, 0, OPENED_MS + RENEW_AFTER_MS - 1, false],
  ["old, and last of all", 1, 0, OPENED_MS + RENEW_AFTER_MS + RENEW_SPREAD_MS, true],
  ["old, its turn is later", 1, 0, OPENED_MS + RENEW_AFTER_MS + RENEW_SPREAD_MS - 1, false],
  ["behind", 0, BEHIND_MS + 1, OPENED_MS + COOL_DOWN_MS + 1, true],
  ["behind, but opened a moment ago", 0, BEHIND_MS + 1, OPENED_MS + COOL_DOWN_MS, false],
  ["a little behind", 0, BEHIND_MS, OPENED_MS + COOL_DOWN_MS + 1, false],
])("%s", (_, lot, behindMs, nowMs, due) => {
  expect(new Renewal(OPENED_MS, lot).isDue(behindMs, nowMs)).toBe(due);
});

test("the next one is opened before the service ends a response after 50 minutes", () => {
  for (const lot of [0, 0.5, 1]) {
    expect(new Renewal(0, lot).isDue(0, 49 * MINUTE_MS)).toBe(true);
  }
});

test("where the next one does not open, it is tried again after a while", () => {
  const renewal = new Renewal(0, 0);
  renewal.postpone(RENEW_AFTER_MS);
  expect(renewal.isDue(0, RENEW_AFTER_MS + COOL_DOWN_MS - 1)).toBe(false);
  expect(renewal.isDue(0, RENEW_AFTER_MS + COOL_DOWN_MS)).toBe(true);
});
