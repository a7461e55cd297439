import { expect, test, vi } from "vitest";
import { type EngineSetting, loadEngine, type StartEngine } from "./engine";
import { Running } from "./running";

vi.mock("./engine");

const SETTING = {} as EngineSetting;

/** Builds an engine whose code comes when the returned function is called. */
function build() {
  let come = (_start: StartEngine) => {};
  const code = new Promise<StartEngine>((resolve) => {
    come = resolve;
  });
  vi.mocked(loadEngine).mockReturnValueOnce(code);
  const start = vi.fn<StartEngine>(() => ({ destroy: vi.fn() }) as unknown as ReturnType<StartEngine>);
  const events = { started: vi.fn(), failed: vi.fn() };
  const running = new Running("ll-hls", SETTING, events);
  return { running, events, start, comes: async () => come(start) };
}

test("an engine starts when its code has come", async () => {
  const { running, events, start, comes } = build();
  expect(running.engine).toBeNull();
  await comes();
  expect(start).toHaveBeenCalledOnce();
  expect(events.started).toHaveBeenCalledOnce();
  expect(running.engine).not.toBeNull();
});

test("an engine that was given up before its code came never touches the video", async () => {
  const { running, events, start, comes } = build();
  running.end();
  await comes();
  expect(start).not.toHaveBeenCalled();
  expect(events.started).not.toHaveBeenCalled();
});
