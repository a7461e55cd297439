import { expect, test } from "vitest";
import { type Action, actionFor, SHORTCUTS } from "./keys";

const press = (key: string, more = {}) => ({ key, ctrlKey: false, altKey: false, metaKey: false, ...more });

test.each<[string, string, Action | null]>([
  ["k", "BODY", "pause"],
  ["K", "BUTTON", "pause"],
  [" ", "BODY", "pause"],
  [" ", "BUTTON", null],
  [" ", "SUMMARY", null],
  ["ArrowLeft", "BODY", "back"],
  ["ArrowLeft", "INPUT", null],
  ["ArrowRight", "BUTTON", "forward"],
  ["l", "SELECT", null],
  ["x", "BODY", null],
  ["constructor", "BODY", null],
])("%s on %s", (key, focus, action) => {
  expect(actionFor(press(key), focus)).toBe(action);
});

test("the browser's own shortcuts stay its own", () => {
  for (const more of [{ ctrlKey: true }, { altKey: true }, { metaKey: true }]) {
    expect(actionFor(press("s", more), "BODY")).toBeNull();
  }
});

test("every shortcut that is told of works", () => {
  const names: Record<string, string> = { "←": "ArrowLeft", "→": "ArrowRight" };
  for (const [action, key] of SHORTCUTS) {
    expect(actionFor(press(names[key] ?? key), "BODY")).toBe(action);
  }
});
