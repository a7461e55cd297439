import { expect, test } from "vitest";
import { offeredWish } from "./command";
import { LIVE } from "./live-status.fixture";
import type { Status } from "./status";

test.each<[string, Partial<Status> | null, string | null]>([
  ["nothing known", null, null],
  ["a guest", { control: false }, null],
  ["the owner of a camera that runs", { control: true }, "stopped"],
  ["... that is stopped", { control: true, desired: { state: "stopped", version: 1 } }, "started"],
  [
    "... that should run and is away: the wish can be taken back",
    { control: true, state: "offline" },
    "stopped",
  ],
  ["... whose wish is unknown, offline", { control: true, state: "offline", desired: null }, "started"],
  ["... whose wish is unknown, live", { control: true, desired: null }, "stopped"],
])("%s", (_, change, wish) => {
  expect(offeredWish(change && { ...LIVE, ...change })).toBe(wish);
});
