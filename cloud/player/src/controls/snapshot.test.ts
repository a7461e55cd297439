import { expect, test } from "vitest";
import { snapshotName } from "./snapshot";

test("a saved picture is named by camera and time", () => {
  const taken = Date.UTC(2026, 10, 21, 15, 30, 12, 900);
  expect(snapshotName("garden", taken, "UTC")).toBe("garden-2026-11-21-15-30-12.jpg");
  expect(snapshotName("back-door", taken, "Asia/Tokyo")).toBe("back-door-2026-11-22-00-30-12.jpg");
});
