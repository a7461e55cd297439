// Which engine plays, and that each goes on: through stalls, new runs, the end
// of a response, hidden tabs and its own faults, always without a reload.

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { facts, launch, reaches, shows } from "./browser";
import { StandIn } from "./stand-in";

let browser: Browser;
let service: StandIn;
let context: BrowserContext;
let page: Page;
let errors: string[];
let paths: string[];

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  service = await StandIn.start();
  await service.startCamera();
  context = await browser.newContext({ viewport: { width: 390, height: 844 } });
  page = await context.newPage();
  errors = [];
  paths = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => paths.push(new URL(request.url()).pathname));
});

afterEach(async () => {
  await context.close();
  await service.end();
  expect(errors).toEqual([]);
});

async function open(hash = ""): Promise<void> {
  await page.goto(`${service.origin}/watch/garden/${hash}`);
  await page.evaluate(() => document.body.classList.add("not-reloaded"));
  await reaches(page, "live");
}

async function plays(engine: string): Promise<void> {
  await page.waitForSelector(`html[data-engine="${engine}"][data-state="live"]`, {
    state: "attached",
    timeout: 60_000,
  });
  await shows(page, 50);
  expect(await page.locator("body.not-reloaded").count()).toBe(1);
}

/** The page is told that it is hidden, or shown; the browser itself goes on. */
function setHidden(hidden: boolean): Promise<void> {
  return page.evaluate((hidden) => {
    const state = hidden ? "hidden" : "visible";
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

test("the first picture needs no hls.js", async () => {
  await open();
  expect(paths.filter((path) => path.includes("hls"))).toEqual([]);
  await plays("instant");
});

test("the page's hash chooses an engine", async () => {
  await open("#ll-hls");
  await plays("ll-hls");
  expect(await page.locator("html").getAttribute("data-choice")).toBe("ll-hls");
});

test("without MediaSource the browser's own player takes over", async () => {
  await page.addInitScript(() => {
    Reflect.deleteProperty(globalThis, "MediaSource");
  });
  await open();
  await plays("native");
  expect(await page.locator("#back").isVisible()).toBe(false);
});

test("an engine that knows no dates shows no age, and leaves the past to another", async () => {
  await open();
  await plays("instant");
  await page.locator("#playback summary").click();
  await page.locator("select#engine").selectOption("native");
  await plays("native");
  expect((await facts(page)).ageMs).toBeNull();
  await page.locator("#back").click();
  await page.waitForSelector('html[data-engine="ll-hls"][data-reason="rewound"]', { state: "attached" });
});

test("a codec that the browser refuses is said in words, not waited for", async () => {
  service.bend = {
    video: { codec: "hev1.1.6.L93.B0", width: 1280, height: 720, frame_rate_hz: 25, target_duration_s: 1 },
  };
  await page.goto(`${service.origin}/watch/garden/`);
  await reaches(page, "catching-up", "unsupported");
});

test("a service without the instant stream is watched by LL-HLS", async () => {
  service.instant.refuse = 404;
  await open();
  await plays("ll-hls");
});

test("a network that stalls again and again is left to LL-HLS", async () => {
  await open();
  await plays("instant");
  // Each stall is longer than the last aim, which doubles.
  for (const stallMs of [1000, 1200, 1800, 3000, 4000, 4000]) {
    if ((await facts(page)).engine !== "instant") break;
    service.instant.hold(true);
    await page.waitForTimeout(stallMs);
    service.instant.hold(false);
    await page.waitForTimeout(2500);
  }
  await plays("ll-hls");
});

test("a camera that stalls again and again is not held against the engine", async () => {
  await open();
  await plays("instant");
  const video = page.locator("video");
  await video.evaluate((video: HTMLVideoElement) => {
    video.addEventListener("waiting", () => video.classList.add("stalled"));
  });
  // More often than an aim can grow.
  for (let stalls = 0; stalls < 7; ) {
    service.freezeCamera(true);
    // Longer than any aim, and shorter than what makes a picture stale.
    await page.waitForTimeout(2600);
    service.freezeCamera(false);
    await page.waitForTimeout(1500);
    stalls += Number(await video.evaluate((video: HTMLVideoElement) => video.classList.contains("stalled")));
    await video.evaluate((video: HTMLVideoElement) => video.classList.remove("stalled"));
  }
  await plays("instant");
  expect(paths.filter((path) => path.includes("hls"))).toEqual([]);
});

/**
 * What happens to a response goes unseen: the next one plays on in the same
 * source, with nothing missing between them. A starved machine may stall for
 * reasons of its own, and the page then builds a new source: that is no answer.
 */
async function goesUnseen(happens: () => Promise<void>): Promise<void> {
  const held = () =>
    page.locator("video").evaluate((video: HTMLVideoElement) => ({
      source: video.src,
      ranges: video.buffered.length,
    }));
  const once = async () => {
    await plays("instant");
    const before = await held();
    const { opened } = service.instant;
    await happens();
    await expect.poll(() => service.instant.opened, { timeout: 60_000 }).toBeGreaterThan(opened);
    await shows(page, 50);
    const after = await held();
    return after.source === before.source && after.ranges === 1;
  };
  await expect.poll(once, { timeout: 240_000 }).toBe(true);
  await expect.poll(() => service.instant.open, { timeout: 60_000 }).toBe(1);
}

test("a response that ends is followed by the next", async () => {
  await open();
  await goesUnseen(async () => service.instant.end());
});

test("a response that falls behind is replaced by one that is opened first", async () => {
  await open();
  await goesUnseen(async () => {
    const { opened } = service.instant;
    // The service speaks of pictures that this response does not bring.
    service.bend = { newest: { run: 1, segment: 1, date_unix_ms: Date.now() + 3_600_000 } };
    await expect.poll(() => service.instant.opened, { timeout: 60_000 }).toBeGreaterThan(opened);
    service.bend = {};
  });
});

test("a new run with another size plays on", async () => {
  await open();
  await plays("instant");
  await service.startCamera("320x240");
  await page.waitForFunction(() => document.querySelector("video")?.videoHeight === 240, null, {
    timeout: 60_000,
  });
  await plays("instant");
  const height = () => page.locator("video").evaluate((video: HTMLVideoElement) => video.videoHeight);
  expect(await height()).toBe(240);
  expect((await facts(page)).ageMs).not.toBeNull();
});

test("a phone that loses its network says so, and plays when it is back", async () => {
  await open();
  await plays("instant");
  await context.setOffline(true);
  // Chromium plays this for new requests only.
  service.instant.hold(true);
  await reaches(page, "unreachable", "no_answer");
  service.instant.hold(false);
  await context.setOffline(false);
  await plays("instant");
});

test("a decoder that stands still while data comes is replaced", async () => {
  await page.addInitScript(() => {
    const append = SourceBuffer.prototype.appendBuffer;
    const broken = new WeakSet<SourceBuffer>();
    SourceBuffer.prototype.appendBuffer = function (this: SourceBuffer, bytes: BufferSource) {
      if (document.body.classList.contains("break")) broken.add(this);
      if (!broken.has(this)) return append.call(this, bytes);
      // Swallowed: the data arrives, and nothing comes of it.
      setTimeout(() => this.dispatchEvent(new Event("updateend")));
    };
  });
  await open();
  await plays("instant");
  await page.evaluate(() => document.body.classList.add("break"));
  await reaches(page, "catching-up", "frozen");
  await page.evaluate(() => document.body.classList.remove("break"));
  await plays("instant");
});

test("an engine that loses its source is replaced at once", async () => {
  await open();
  await plays("instant");
  await page.locator("video").evaluate((video: HTMLVideoElement) => {
    video.src = URL.createObjectURL(new Blob());
  });
  await plays("instant");
});

test("a tab hidden for a minute downloads nothing, and plays when it is shown", async () => {
  await page.clock.install();
  await open();
  await plays("instant");
  await setHidden(true);
  await page.clock.fastForward(50_000);
  expect(service.instant.open).toBe(1);
  await page.clock.fastForward(11_000);
  await expect.poll(() => service.instant.open).toBe(0);
  const asked = paths.length;
  await page.clock.fastForward(60_000);
  expect(paths.length).toBe(asked);
  await setHidden(false);
  await plays("instant");
});

test("a video that the system pauses as it hides the page plays when it is shown", async () => {
  await open();
  await plays("instant");
  await page.locator("video").evaluate(async (video: HTMLVideoElement) => {
    video.pause();
    await new Promise((paused) => video.addEventListener("pause", paused, { once: true }));
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "hidden" });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.waitForTimeout(1000);
  await setHidden(false);
  await plays("instant");
});

test("a video that somebody paused stays so while the page is hidden and shown", async () => {
  await open();
  await plays("instant");
  // At once: the video tells of the pause when the page is hidden already.
  await page.evaluate(() => {
    document.getElementById("pause")?.click();
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "hidden" });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.waitForTimeout(1000);
  await setHidden(false);
  await page.waitForResponse(/api\/cameras\/garden$/);
  await reaches(page, "catching-up", "paused");
});

test("a page that was hidden for a moment goes on asking", async () => {
  await open();
  await page.evaluate(() => {
    for (const state of ["hidden", "visible"]) {
      Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
      document.dispatchEvent(new Event("visibilitychange"));
    }
  });
  const polls = () => paths.filter((path) => path.includes("/api/cameras/garden")).length;
  // One may have been on its way.
  await expect.poll(polls, { timeout: 60_000 }).toBeGreaterThan(polls() + 2);
  await plays("instant");
});

test("a page that slept takes up the live picture", async () => {
  await open();
  await plays("instant");
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 1000);
  await page.clock.fastForward(3_600_000);
  await page.clock.resume();
  // The old response may hold what was missed, or be dead.
  await expect.poll(() => service.instant.opened).toBeGreaterThan(1);
  await plays("instant");
});

test("a pause stops the download, play continues with the live picture", async () => {
  await open();
  await plays("instant");
  await page.locator("#pause").click();
  await reaches(page, "catching-up", "paused");
  await expect.poll(() => service.instant.open).toBe(0);
  await page.locator("#play").click();
  await plays("instant");
});

test("a pause stops the download of LL-HLS too, which still seeks, and plays on", async () => {
  await open("#ll-hls");
  await plays("ll-hls");
  await shows(page, 300);
  await page.locator("#pause").click();
  await reaches(page, "catching-up", "paused");
  const polls = async (count: number) => {
    for (let poll = 0; poll < count; poll += 1) await page.waitForResponse(/api\/cameras\/garden$/);
  };
  const media = () => paths.filter((path) => /m3u8$|m4s$/.test(path)).length;
  // What was on its way may still come.
  await polls(1);
  const asked = media();
  await polls(4);
  expect(media()).toBe(asked);
  const capturedUnixMs = async () => Date.now() - ((await facts(page)).ageMs ?? 0);
  const pausedAtUnixMs = await capturedUnixMs();
  await page.locator("#back").click();
  await expect.poll(capturedUnixMs, { timeout: 60_000 }).toBeLessThan(pausedAtUnixMs - 8000);
  await page.locator("#to-live").click();
  await plays("ll-hls");
});

test("the past is played by LL-HLS, and live leads back to the instant stream", async () => {
  await open();
  await shows(page, 400);
  await page.locator("#back").click();
  await page.waitForSelector('html[data-engine="ll-hls"][data-reason="rewound"]', { state: "attached" });
  await shows(page, 25);
  const first = await facts(page);
  expect(first.ageMs).toBeGreaterThan(8000);
  // It stays where it is, and is not drawn to the live edge.
  await shows(page, 50);
  expect((await facts(page)).ageMs).toBeGreaterThan(8000);
  await page.locator("#to-live").click();
  await plays("instant");
  expect((await facts(page)).ageMs).toBeLessThan(3000);
  expect(paths.some((path) => path.includes("ll-hls"))).toBe(true);
});

test("a page that the service has updated since is opened anew when it lacks code", async () => {
  await open();
  await shows(page, 300);
  service.release = "2/";
  await page.locator("#back").click();
  await page.waitForSelector("body:not(.not-reloaded)", { state: "attached", timeout: 60_000 });
  await reaches(page, "live");
  await shows(page, 300);
  await page.locator("#back").click();
  await page.waitForSelector('html[data-engine="ll-hls"][data-reason="rewound"]', { state: "attached" });
  await shows(page, 25);
});

test("a new engine takes up the past where the old one was", async () => {
  await open();
  await shows(page, 300);
  await page.locator("#back").click();
  await reaches(page, "catching-up", "rewound");
  const capturedUnixMs = async () => Date.now() - ((await facts(page)).ageMs ?? 0);
  await expect.poll(async () => (await facts(page)).ageMs ?? 0, { timeout: 60_000 }).toBeGreaterThan(8000);
  const jumpedToUnixMs = await capturedUnixMs();
  await shows(page, 150);
  const broken = await page.locator("video").evaluate((video: HTMLVideoElement) => {
    video.src = URL.createObjectURL(new Blob());
    return video.src;
  });
  const rebuilt = (broken: string) => ![broken, ""].includes(document.querySelector("video")?.src ?? "");
  await page.waitForFunction(rebuilt, broken, { timeout: 60_000 });
  await shows(page, 50);
  await reaches(page, "catching-up", "rewound");
  // Eight seconds were played since the jump, two of them by the new engine.
  expect((await capturedUnixMs()) - jumpedToUnixMs).toBeGreaterThan(5000);
});

test("a choice by hand changes the engine, and back", async () => {
  await open();
  await plays("instant");
  await page.locator("#playback summary").click();
  await page.locator("select#engine").selectOption("ll-hls");
  await plays("ll-hls");
  await page.locator("select#engine").selectOption("");
  await plays("instant");
});
