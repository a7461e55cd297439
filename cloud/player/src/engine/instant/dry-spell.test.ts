import { expect, test } from "vitest";
import { DrySpell, ON_ITS_WAY_MS, PROMPT_MS, WITHHELD_MS } from "./dry-spell";

const HAD = 1_790_000_000_000;
const BEGAN_MS = 5000;

/** [case, how much newer the service's newest is, how long its answer took, how much newer is here by then, culprit] */
test.each<[string, number, number, number, "way" | "camera"]>([
  ["the camera sent nothing", 0, 30, 0, "camera"],
  ["a frame or two were on their way", WITHHELD_MS, 30, 0, "camera"],
  ["the service has seconds that do not come", WITHHELD_MS + 1, 30, 0, "way"],
  ["some of them came", 2600, 30, 1500, "way"],
  ["the camera is back, and so is the picture", 2600, 30, 2560, "camera"],
  ["the answer took as long as the pictures", 2600, PROMPT_MS + 1, 2560, "way"],
  ["the answer took long, and there was nothing to come", 0, PROMPT_MS + 1, 0, "camera"],
])("%s", (_, newerMs, answeredMs, cameMs, culprit) => {
  const spell = new DrySpell(HAD, BEGAN_MS);
  const heardAtMs = BEGAN_MS + answeredMs;
  const newest = { unixMs: HAD + newerMs, heardAtMs };
  expect(spell.judge(newest, HAD + cameMs, heardAtMs + ON_ITS_WAY_MS - 1)).toBeNull();
  expect(spell.judge(newest, HAD + cameMs, heardAtMs + ON_ITS_WAY_MS)).toBe(culprit);
});

test("what was heard before says nothing, and the first word counts", () => {
  const spell = new DrySpell(HAD, BEGAN_MS);
  const early = { unixMs: HAD, heardAtMs: BEGAN_MS - 1 };
  expect(spell.judge(early, HAD, BEGAN_MS + 900)).toBeNull();
  const first = { unixMs: HAD, heardAtMs: BEGAN_MS + 910 };
  expect(spell.judge(first, HAD, BEGAN_MS + 920)).toBeNull();
  const second = { unixMs: HAD + 5000, heardAtMs: BEGAN_MS + 1900 };
  expect(spell.judge(second, HAD, BEGAN_MS + 1900)).toBe("camera");
});
