import { expect, test } from "vitest";
import { LIVE } from "./live-status.fixture";
import { readStatus } from "./status";

test("a whole status is read as it is, with what a newer service may add", () => {
  expect(readStatus(LIVE)).toEqual(LIVE);
  expect(readStatus({ ...LIVE, novelty: [1] })).toMatchObject(LIVE);
});

test("what is missing and not needed is filled in", () => {
  const { state, reason, service_time_unix_ms } = LIVE;
  expect(readStatus({ state, reason, service_time_unix_ms })).toMatchObject({
    newest: null,
    viewers: 0,
    health: {},
    black_box: [],
    control: false,
  });
});

test.each([
  null,
  "live",
  [],
  {},
  { ...LIVE, state: "dancing" },
  { ...LIVE, reason: "live" },
  { ...LIVE, reason: { code: 7, text: "" } },
  { ...LIVE, service_time_unix_ms: "noon" },
])("no status: %j", (document) => {
  expect(readStatus(document)).toBeNull();
});
