import { expect, test } from "vitest";
import { isOutdated } from "./chunk";

const SCRIPTS = [{ src: "https://cameras.example/assets/main-M44E5ROS.js" }];
const page = (name: string) => `<link href="/assets/watch.css"><script src="/assets/${name}" type="module">`;

test.each<[string, string | null, boolean]>([
  ["the same page", page("main-M44E5ROS.js"), false],
  ["another one", page("main-AAAAAAAA.js"), true],
  ["no answer", null, false],
])("compared with %s", (_, today, expected) => {
  expect(isOutdated(today, SCRIPTS)).toBe(expected);
});
