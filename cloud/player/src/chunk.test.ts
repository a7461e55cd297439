import { beforeEach, expect, test, vi } from "vitest";
import { chunk } from "./chunk";

const reload = vi.fn();
const served = vi.fn();
const load = vi.fn<() => Promise<string>>();

beforeEach(() => {
  vi.resetAllMocks();
  vi.stubGlobal("location", { href: "https://cameras.example/watch/garden/", reload });
  vi.stubGlobal("fetch", served);
  vi.spyOn(performance, "now").mockReturnValue(3_600_000);
  served.mockResolvedValue({ ok: true });
});

test("code that comes is all that is asked for", async () => {
  load.mockResolvedValue("code");
  expect(await chunk(load)).toBe("code");
  expect(served).not.toHaveBeenCalled();
});

test("what failed once is tried again", async () => {
  load.mockRejectedValueOnce(new Error("network")).mockResolvedValue("code");
  expect(await chunk(load)).toBe("code");
  expect(reload).not.toHaveBeenCalled();
});

test("the page begins anew when the service has the page but not its code", async () => {
  load.mockRejectedValue(new Error("404"));
  await expect(chunk(load)).rejects.toThrow("404");
  expect(reload).toHaveBeenCalledOnce();
});

test.each([
  ["the service does not answer", () => served.mockRejectedValue(new TypeError("offline"))],
  ["it refuses the page", () => served.mockResolvedValue({ ok: false })],
  ["the page has just begun", () => vi.spyOn(performance, "now").mockReturnValue(2000)],
])("... but not when %s", async (_, happens) => {
  happens();
  load.mockRejectedValue(new Error("404"));
  await expect(chunk(load)).rejects.toThrow("404");
  expect(reload).not.toHaveBeenCalled();
});
