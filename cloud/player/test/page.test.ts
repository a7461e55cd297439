// The page against a stand-in service whose picture is real: every state by a
// fault that causes it, and back to live without a reload.

import { expect } from "vitest";
import { facts, isSamePage, open, reaches, shows, watch } from "./browser";
import { test } from "./visit";

test("plays by itself, muted, and tells the picture's true age whatever the phone's clock says", async ({
  page,
  service,
}) => {
  service.clockOffsetMs = 5 * 3_600_000;
  await watch(page);
  const { engine, ageMs } = await facts(page);
  expect(engine).toBe("instant");
  expect(ageMs).not.toBeNull();
  expect(ageMs).toBeLessThan(60_000);
  await shows(page, 50);
  expect(await page.locator("video").evaluate((video: HTMLVideoElement) => video.muted)).toBe(true);
});

test("a token in the path is inherited", async ({ page, paths }) => {
  await open(page, "/t/some-token/watch/garden/");
  await reaches(page, "live");
  expect(paths.filter((path) => !path.startsWith("/t/some-token/") && !path.startsWith("/assets/"))).toEqual(
    [],
  );
});

test("a picture that is not there yet is waited for", async ({ page, service }) => {
  service.instant.refuse = 503;
  await open(page);
  await reaches(page, "catching-up", "loading");
  await page.waitForResponse((response) => response.url().endsWith("live.mp4") && response.status() === 503);
  service.instant.refuse = null;
  await reaches(page, "live");
  expect((await facts(page)).engine).toBe("instant");
});

test("a camera that goes quiet is stale, then offline, then live again", async ({ page, service }) => {
  await watch(page);
  service.freezeCamera(true);
  await reaches(page, "stale");
  await reaches(page, "offline", "not_seen");
  service.freezeCamera(false);
  await reaches(page, "live");
  await isSamePage(page);
});

test("a camera that restarts with a new run is live again", async ({ page, service }) => {
  await watch(page);
  await service.stopCamera();
  service.bend = { state: "offline", reason: { code: "shut_down", text: "restarting" } };
  await reaches(page, "offline", "shut_down");
  service.bend = {};
  await service.startCamera();
  await reaches(page, "live");
  await isSamePage(page);
});

test("a service that dies is unreachable, and live once it is back", async ({ page, service }) => {
  await watch(page);
  await service.kill();
  await reaches(page, "unreachable", "no_answer");
  await service.listen();
  await reaches(page, "live");
  service.refuse = 503;
  await reaches(page, "unreachable", "service_error");
  service.refuse = null;
  await reaches(page, "live");
  await isSamePage(page);
});

test("a link that ends shows no access and no picture, and recovers when renewed", async ({
  page,
  service,
}) => {
  await watch(page);
  service.refuse = 401;
  await reaches(page, "no-access", "no_key");
  await page.waitForFunction(() => document.querySelector("video")?.src === "");
  service.refuse = null;
  await reaches(page, "live");
  service.refuse = 403;
  await reaches(page, "no-access", "wrong_key");
  await isSamePage(page);
});

test("where autoplay is refused, one tap plays", async ({ page }) => {
  await page.addInitScript(() => {
    // Not navigator.userActivation: Playwright's own calls count as gestures.
    let tapped = false;
    addEventListener("pointerdown", () => {
      tapped = true;
    });
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function (this: HTMLMediaElement) {
      return tapped ? play.call(this) : Promise.reject(new DOMException("no gesture", "NotAllowedError"));
    };
  });
  await open(page);
  await reaches(page, "catching-up", "paused");
  await page.locator("#play").click();
  await reaches(page, "live");
});

test("who may control the camera stops and starts it", async ({ page, service, expect }) => {
  service.bend = { control: true };
  await open(page);
  await page.getByRole("button", { name: "Stop camera" }).click();
  await expect.poll(() => service.wishes).toEqual(['{"state":"stopped"}']);
  service.bend = {
    control: true,
    state: "offline",
    reason: { code: "stopped", text: "stopped from the page" },
    desired: { state: "stopped", version: 4 },
  };
  await reaches(page, "offline", "stopped");
  await page.getByRole("button", { name: "Start camera" }).click();
  await expect.poll(() => service.wishes.length).toBe(2);
  service.refuse = 403;
});

test("without JavaScript there is a line of text and a plain video", async ({ browser, service }) => {
  const plain = await browser.newContext({ javaScriptEnabled: false, baseURL: service.origin });
  const page = await plain.newPage();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.goto("/watch/garden/");
  await page.locator('noscript video[src="plain.m3u8"]').waitFor();
  expect(await page.locator("main").isVisible()).toBe(false);
  expect(asked.filter((url) => !url.startsWith(service.origin))).toEqual([]);
  await plain.close();
});
