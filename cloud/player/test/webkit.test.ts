// The page in WebKit, the engine of iPhones: which way it takes the picture,
// its states, its layout.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { layoutFaults } from "./layout";
import { StandIn } from "./stand-in";
import { WebKit } from "./webkit";

let webkit: WebKit;
let service: StandIn;

beforeAll(async () => {
  service = await StandIn.start();
  // Machines without a graphics card decode and draw in software.
  await service.startCamera("320x180");
  webkit = await WebKit.launch();
});

afterAll(async () => {
  await webkit?.end();
  await service.end();
});

async function look(name: string): Promise<void> {
  for (const [width, height] of [
    [500, 900],
    [900, 500],
    [1440, 900],
  ] as const) {
    await webkit.resize(width, height);
    expect(await webkit.evaluate(layoutFaults), `${name} at ${width}x${height}`).toEqual([]);
    const folder = process.env.SCREENSHOTS;
    if (!folder) continue;
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `webkit-${name}-${width}x${height}.png`), await webkit.screenshot());
  }
}

test("plays the instant stream, and follows the camera without a reload", async () => {
  await webkit.open(`${service.origin}/watch/garden/`);
  await webkit.evaluate(() => document.body.classList.add("not-reloaded"));
  await webkit.waitFor(() => document.documentElement.dataset.engine !== "none");
  expect(await webkit.evaluate(() => document.documentElement.dataset.engine)).toBe("instant");
  await webkit.waitFor(() => document.documentElement.dataset.state === "live");
  await webkit.waitFor(() => Number(document.documentElement.dataset.frames) > 50);
  await look("live");

  service.freezeCamera(true);
  await webkit.waitFor(() => document.documentElement.dataset.state === "stale");
  await webkit.waitFor(() => document.documentElement.dataset.state === "offline");
  await look("offline");
  service.freezeCamera(false);
  await webkit.waitFor(() => document.documentElement.dataset.state === "live");
  expect(await webkit.evaluate(() => document.body.className)).toBe("not-reloaded");
});

test("shows no access in words", async () => {
  service.refuse = 401;
  await webkit.open(`${service.origin}/watch/garden/`);
  await webkit.waitFor(() => document.documentElement.dataset.state === "no-access");
  expect(await webkit.evaluate(() => document.getElementById("headline")?.textContent)).toBe(
    "This camera is private",
  );
  await look("no-access");
  service.refuse = null;
});

test("lists the cameras with their pictures", async () => {
  await webkit.open(`${service.origin}/`);
  await webkit.waitFor(() => document.querySelector(".view video") !== null);
  await look("list");
});
