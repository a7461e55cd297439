import { expect, test } from "vitest";
import { readAddress } from "./address";

test.each([
  ["/watch/garden/", "garden"],
  ["/watch/front-door_2/", "front-door_2"],
  ["/t/abc.def/watch/garden/", "garden"],
  ["/watch/garden", null],
  ["/watch//", null],
  ["/watch/a/b/", null],
  ["/watch/a%2Fb/", null],
  ["/t//watch/garden/", null],
  ["/", null],
])("%s names %s", (path, camera) => {
  expect(readAddress(path)?.camera ?? null).toBe(camera);
});

test("everything else is relative, so that a token in the path is inherited", () => {
  const address = readAddress("/t/abc/watch/garden/");
  const base = "https://cam.example/t/abc/watch/garden/";
  expect(new URL(address?.sources.instant ?? "", base).pathname).toBe("/t/abc/watch/garden/live.mp4");
  expect(new URL(address?.status ?? "", base).pathname).toBe("/t/abc/api/cameras/garden");
  expect(new URL(address?.desired ?? "", base).pathname).toBe("/t/abc/api/cameras/garden/desired");
});
