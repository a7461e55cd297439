import { expect, test } from "vitest";
import { type Head, Timeline } from "./timeline";

const FIRST: Head = { run: "1790000000", runDateUnixMs: 1_800_000_000_000, codec: "avc1.42c01f" };
const SECOND: Head = { run: "1790000600", runDateUnixMs: 1_800_000_100_000, codec: "avc1.640028" };

/** Places frames of 40 ms; answers what became of each. */
function place(timeline: Timeline, head: Head, decodeMs: number[]): string[] {
  return decodeMs.map((at) => {
    const placement = timeline.place(head, at);
    return placement.kind === "begin" ? `begin ${placement.offsetMs}` : placement.kind;
  });
}

test("the next response repeats from its keyframe on, and only what is new is taken", () => {
  const timeline = new Timeline();
  expect(place(timeline, FIRST, [5000, 5040, 5080])).toEqual(["begin 0", "append", "append"]);
  expect(place(timeline, FIRST, [5000, 5040, 5080, 5120])).toEqual(["skip", "skip", "skip", "append"]);
});

test("frames of the old response that come late are not taken twice", () => {
  const timeline = new Timeline();
  place(timeline, FIRST, [5000, 5040, 5080]);
  expect(place(timeline, FIRST, [5080, 5120])).toEqual(["skip", "append"]);
});

test("a hole in a run stays a hole: its times are the camera's", () => {
  const timeline = new Timeline();
  place(timeline, FIRST, [5000, 5040]);
  expect(place(timeline, FIRST, [65_000])).toEqual(["append"]);
  expect(timeline.dateAt(65)).toBe(FIRST.runDateUnixMs + 65_000);
});

test("a new run begins right behind the old one, and each has its dates", () => {
  const timeline = new Timeline();
  place(timeline, FIRST, [5000, 5040, 5080]);
  // Its clock starts at 0: frame 0 of it is where frame 5120 would have been.
  expect(place(timeline, SECOND, [0, 40])).toEqual(["begin 5120", "append"]);
  expect(timeline.dateAt(5.08)).toBe(FIRST.runDateUnixMs + 5080);
  expect(timeline.dateAt(5.16)).toBe(SECOND.runDateUnixMs + 40);
  expect(timeline.newestUnixMs).toBe(SECOND.runDateUnixMs + 40);
});

test("a new run that is joined late is placed just as well", () => {
  const timeline = new Timeline();
  place(timeline, FIRST, [5000, 5040]);
  expect(place(timeline, SECOND, [90_000])).toEqual(["begin -84920"]);
  expect(timeline.dateAt(5.08)).toBe(SECOND.runDateUnixMs + 90_000);
});

test("a date that the service knows better now is taken over", () => {
  const timeline = new Timeline();
  place(timeline, FIRST, [5000]);
  place(timeline, { ...FIRST, runDateUnixMs: FIRST.runDateUnixMs + 7 }, [5000]);
  expect(timeline.dateAt(5)).toBe(FIRST.runDateUnixMs + 5007);
});

test("before the first frame there is no date", () => {
  const timeline = new Timeline();
  expect(timeline.dateAt(0)).toBeNull();
  expect(timeline.newestUnixMs).toBeNull();
  place(timeline, FIRST, [5000]);
  expect(timeline.dateAt(0)).toBeNull();
});

test("what many new runs leave behind is bounded", () => {
  const timeline = new Timeline();
  for (let run = 0; run < 1000; run += 1) place(timeline, { ...FIRST, run: String(run) }, [0]);
  expect(timeline.dateAt(0)).toBeNull();
  expect(timeline.newestUnixMs).toBe(FIRST.runDateUnixMs);
});
