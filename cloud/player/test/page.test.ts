// The page against a stand-in service whose picture is real: every state by a
// fault that causes it, and back to live without a reload.

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { facts, launch, reaches } from "./browser";
import { StandIn } from "./stand-in";

let browser: Browser;
let service: StandIn;
let context: BrowserContext;
let page: Page;
let complaints: string[];
let hosts: Set<string>;

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  service = await StandIn.start();
  context = await browser.newContext({ viewport: { width: 390, height: 844 } });
  page = await context.newPage();
  complaints = [];
  hosts = new Set();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (/Content.Security.Policy/i.test(message.text())) complaints.push(message.text());
  });
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol.startsWith("http")) hosts.add(host);
  });
});

afterEach(async () => {
  await context.close();
  await service.end();
  expect(complaints).toEqual([]);
  expect([...hosts]).toEqual([new URL(service.origin).host]);
});

/** Opens the page and marks it, so that a reload would show. */
async function open(path = "/watch/garden/"): Promise<void> {
  await page.goto(service.origin + path);
  await page.evaluate(() => document.body.classList.add("not-reloaded"));
}

async function notReloaded(): Promise<void> {
  expect(await page.locator("body.not-reloaded").count()).toBe(1);
}

test("plays by itself, muted, and tells the picture's true age whatever the phone's clock says", async () => {
  service.clockOffsetMs = 5 * 3_600_000;
  await service.startCamera();
  await open();
  await reaches(page, "live");
  const before = await facts(page);
  expect(before.engine).toBe("instant");
  expect(before.ageMs).not.toBeNull();
  expect(before.ageMs).toBeLessThan(60_000);
  await page.waitForFunction(
    (frames) => Number(document.documentElement.dataset.frames) > frames + 50,
    before.frames,
  );
  expect(await page.locator("video").evaluate((video: HTMLVideoElement) => video.muted)).toBe(true);
});

test("a token in the path is inherited", async () => {
  await service.startCamera();
  const paths: string[] = [];
  page.on("request", (request) => paths.push(new URL(request.url()).pathname));
  await open("/t/some-token/watch/garden/");
  await reaches(page, "live");
  expect(paths.filter((path) => !path.startsWith("/t/some-token/") && !path.startsWith("/assets/"))).toEqual(
    [],
  );
});

test("a picture that is not there yet is waited for", async () => {
  service.instant.refuse = 503;
  await service.startCamera();
  await open();
  await reaches(page, "catching-up", "loading");
  await page.waitForResponse((response) => response.url().endsWith("live.mp4") && response.status() === 503);
  service.instant.refuse = null;
  await reaches(page, "live");
  expect((await facts(page)).engine).toBe("instant");
});

test("a camera that goes quiet is stale, then offline, then live again", async () => {
  await service.startCamera();
  await open();
  await reaches(page, "live");
  service.freezeCamera(true);
  await reaches(page, "stale");
  await reaches(page, "offline", "not_seen");
  service.freezeCamera(false);
  await reaches(page, "live");
  await notReloaded();
});

test("a camera that restarts with a new run is live again", async () => {
  await service.startCamera();
  await open();
  await reaches(page, "live");
  await service.stopCamera();
  service.bend = { state: "offline", reason: { code: "shut_down", text: "restarting" } };
  await reaches(page, "offline", "shut_down");
  service.bend = {};
  await service.startCamera();
  await reaches(page, "live");
  await notReloaded();
});

test("a service that dies is unreachable, and live once it is back", async () => {
  await service.startCamera();
  await open();
  await reaches(page, "live");
  await service.kill();
  await reaches(page, "unreachable", "no_answer");
  await service.listen();
  await reaches(page, "live");
  service.refuse = 503;
  await reaches(page, "unreachable", "service_error");
  service.refuse = null;
  await reaches(page, "live");
  await notReloaded();
});

test("a link that ends shows no access and no picture, and recovers when renewed", async () => {
  await service.startCamera();
  await open();
  await reaches(page, "live");
  service.refuse = 401;
  await reaches(page, "no-access", "no_key");
  await page.waitForFunction(() => document.querySelector("video")?.src === "");
  service.refuse = null;
  await reaches(page, "live");
  service.refuse = 403;
  await reaches(page, "no-access", "wrong_key");
  await notReloaded();
});

test("where autoplay is refused, one tap plays", async () => {
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
  await service.startCamera();
  await open();
  await reaches(page, "catching-up", "paused");
  await page.locator("#play").click();
  await reaches(page, "live");
});

test("who may control the camera stops and starts it", async () => {
  await service.startCamera();
  service.bend = { control: true };
  await open();
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

test("without JavaScript there is a line of text and a plain video", async () => {
  const plain = await browser.newContext({ javaScriptEnabled: false });
  const plainPage = await plain.newPage();
  plainPage.on("request", (request) => hosts.add(new URL(request.url()).host));
  await plainPage.goto(`${service.origin}/watch/garden/`);
  await expect.poll(() => plainPage.locator("noscript video").getAttribute("src")).toBe("plain.m3u8");
  expect(await plainPage.locator("main").isVisible()).toBe(false);
  await plain.close();
});
