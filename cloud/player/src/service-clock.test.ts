import { expect, test } from "vitest";
import { ServiceClock } from "./service-clock";

test("knows nothing before the first reading", () => {
  expect(new ServiceClock().at(1000)).toBeNull();
});

test("takes the middle of a round trip", () => {
  const clock = new ServiceClock();
  clock.read(5_000_000, 1000, 1200);
  expect(clock.at(1100)).toBe(5_000_000);
  expect(clock.at(2100)).toBe(5_001_000);
});

test("lets the quickest round trip decide", () => {
  const clock = new ServiceClock();
  clock.read(5_000_000, 1000, 3000); // anywhere between 4_997_000 and 4_999_000
  clock.read(5_002_050, 4000, 4020); // 4_998_030 to 4_998_050
  clock.read(5_004_000, 5000, 7000);
  expect(clock.at(0)).toBe(4_998_040);
});

test("believes a reading that contradicts the earlier ones", () => {
  const clock = new ServiceClock();
  clock.read(5_000_000, 1000, 1020);
  clock.read(9_000_000, 2000, 2020); // the phone slept for an hour, its page clock did not run
  expect(clock.at(2010)).toBe(9_000_000);
});
