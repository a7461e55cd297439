import { expect, test } from "vitest";
import { LIVE } from "./live-status.fixture";
import { named } from "./still-film";

test("a still is named by what the status says is newest", () => {
  expect(LIVE.newest && named("still.mp4", LIVE.newest)).toBe("still.mp4?run=1790000000&segment=1790000017");
});
