import { expect, test } from "vitest";
import { type Abilities, engineFor, engineOrder } from "./engine";

test.each<[string, Abilities, string[]]>([
  [
    "Chromium answers maybe and must not win with it",
    { mediaSource: true, nativeHls: "maybe" },
    ["hls.js", "native"],
  ],
  ["Safari, ManagedMediaSource", { mediaSource: true, nativeHls: "probably" }, ["hls.js", "native"]],
  ["Firefox", { mediaSource: true, nativeHls: "" }, ["hls.js"]],
  ["iPhone before iOS 17.1", { mediaSource: false, nativeHls: "maybe" }, ["native"]],
  ["a browser without H.264", { mediaSource: false, nativeHls: "" }, []],
])("%s", (_, abilities, order) => {
  expect(engineOrder(abilities)).toEqual(order);
});

test("an engine has two tries before the next takes over, in turn", () => {
  const tried = [0, 1, 2, 3, 4].map((strikes) => engineFor(["hls.js", "native"], strikes));
  expect(tried).toEqual(["hls.js", "hls.js", "native", "native", "hls.js"]);
  expect(engineFor(["hls.js"], 7)).toBe("hls.js");
  expect(engineFor([], 0)).toBeNull();
});
