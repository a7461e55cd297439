// Which engine plays, and that each goes on: through stalls, new runs, the end
// of a response, hidden tabs and its own faults, always without a reload.

import type { Page } from "playwright-core";
import { type ExpectStatic, expect } from "vitest";
import { facts, isSamePage, reaches, shows, watch } from "./browser";
import type { StandIn } from "./stand-in";
import { test } from "./visit";

async function plays(page: Page, engine: string): Promise<void> {
  await page.waitForSelector(`html[data-engine="${engine}"][data-state="live"]`, { state: "attached" });
  await shows(page, 50);
  await isSamePage(page);
}

/** The page is told that it is hidden, or shown; the browser itself goes on. */
function setHidden(page: Page, hidden: boolean): Promise<void> {
  return page.evaluate((hidden) => {
    const state = hidden ? "hidden" : "visible";
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

test("the first picture needs no hls.js", async ({ page, paths }) => {
  await watch(page);
  expect(paths.filter((path) => path.includes("hls"))).toEqual([]);
  await plays(page, "instant");
});

test("the page's hash chooses an engine", async ({ page }) => {
  await watch(page, "#ll-hls");
  await plays(page, "ll-hls");
  expect(await page.locator("html").getAttribute("data-choice")).toBe("ll-hls");
});

test("without MediaSource the browser's own player takes over", async ({ page }) => {
  await page.addInitScript(() => {
    Reflect.deleteProperty(globalThis, "MediaSource");
  });
  await watch(page);
  await plays(page, "native");
  expect(await page.locator("#back").isVisible()).toBe(false);
});

test("an engine that knows no dates shows no age, and leaves the past to another", async ({ page }) => {
  await watch(page);
  await plays(page, "instant");
  await page.locator("#playback summary").click();
  await page.locator("select#engine").selectOption("native");
  await plays(page, "native");
  expect((await facts(page)).ageMs).toBeNull();
  await page.locator("#back").click();
  await page.waitForSelector('html[data-engine="ll-hls"][data-reason="rewound"]', { state: "attached" });
});

test("a codec that the browser refuses is said in words, not waited for", async ({ page, service }) => {
  service.bend = {
    video: { codec: "hev1.1.6.L93.B0", width: 1280, height: 720, frame_rate_hz: 25, target_duration_s: 1 },
  };
  await page.goto(`${service.origin}/watch/garden/`);
  await reaches(page, "catching-up", "unsupported");
});

test("a service without the instant stream is watched by LL-HLS", async ({ page, service }) => {
  service.instant.refuse = 404;
  await watch(page);
  await plays(page, "ll-hls");
});

test("a network that stalls again and again is left to LL-HLS", async ({ page, service }) => {
  await watch(page);
  await plays(page, "instant");
  // Each stall is longer than the last aim, which doubles.
  for (const stallMs of [1000, 1200, 1800, 3000, 4000, 4000]) {
    if ((await facts(page)).engine !== "instant") break;
    service.instant.hold(true);
    await page.waitForTimeout(stallMs);
    service.instant.hold(false);
    await page.waitForTimeout(2500);
  }
  await plays(page, "ll-hls");
});

test("a camera that stalls again and again is not held against the engine", async ({
  page,
  service,
  paths,
  expect,
}) => {
  await watch(page);
  await plays(page, "instant");
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
  await plays(page, "instant");
  expect(paths.filter((path) => path.includes("hls"))).toEqual([]);
});

interface Given {
  readonly page: Page;
  readonly service: StandIn;
  readonly expect: ExpectStatic;
}

/**
 * What happens to a response goes unseen: the next one plays on in the same
 * source, with nothing missing between them. A starved machine may stall for
 * reasons of its own, and the page then builds a new source: that is no answer.
 */
async function goesUnseen({ page, service, expect }: Given, happens: () => Promise<void>): Promise<void> {
  const held = () =>
    page.locator("video").evaluate((video: HTMLVideoElement) => ({
      source: video.src,
      ranges: video.buffered.length,
    }));
  const once = async () => {
    await plays(page, "instant");
    const before = await held();
    const { opened } = service.instant;
    await happens();
    await expect.poll(() => service.instant.opened).toBeGreaterThan(opened);
    await shows(page, 50);
    const after = await held();
    return after.source === before.source && after.ranges === 1;
  };
  await expect.poll(once, { timeout: 240_000 }).toBe(true);
  await expect.poll(() => service.instant.open).toBe(1);
}

test("a response that ends is followed by the next", async ({ page, service, expect }) => {
  await watch(page);
  await goesUnseen({ page, service, expect }, async () => service.instant.end());
});

test("a response that falls behind is replaced by one that is opened first", async ({
  page,
  service,
  expect,
}) => {
  await watch(page);
  await goesUnseen({ page, service, expect }, async () => {
    const { opened } = service.instant;
    // The service speaks of pictures that this response does not bring.
    service.bend = { newest: { run: 1, segment: 1, date_unix_ms: Date.now() + 3_600_000 } };
    await expect.poll(() => service.instant.opened).toBeGreaterThan(opened);
    service.bend = {};
  });
});

test("a response is renewed before the service ends it, and the picture does not stop", async ({
  page,
  service,
  expect,
}) => {
  // The page's 48 minutes become 5 seconds, the service's 50 become 20.
  await page.addInitScript(() => {
    Math.random = () => 0;
  });
  await page.route(/\/main-\w+\.js$/, async (route) => {
    const response = await route.fetch();
    const parts = (await response.text()).split("288e4");
    expect(parts).toHaveLength(2);
    await route.fulfill({ response, body: parts.join("5e3") });
  });
  service.instant.lifetimeMs = 20_000;
  await watch(page);
  const video = page.locator("video");
  await video.evaluate((video: HTMLVideoElement) => {
    const note = (nowMs: number) => {
      const { lastMs = String(nowMs), longestMs = "0", pictures = "0" } = video.dataset;
      video.dataset.longestMs = String(Math.max(Number(longestMs), Math.round(nowMs - Number(lastMs))));
      video.dataset.pictures = String(Number(pictures) + 1);
      video.dataset.lastMs = String(nowMs);
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
  });
  await goesUnseen({ page, service, expect }, async () => {
    const { opened } = service.instant;
    await expect.poll(() => service.instant.opened).toBeGreaterThan(opened + 3);
  });
  expect(service.instant.outlived).toBe(0);
  const { pictures, longestMs } = await video.evaluate((video: HTMLVideoElement) => ({ ...video.dataset }));
  console.log(
    `${service.instant.opened} responses, ${pictures} pictures, at most ${longestMs} ms between two`,
  );
});

test("a new run with another size plays on", async ({ page, service }) => {
  await watch(page);
  await plays(page, "instant");
  await service.startCamera("320x240");
  await page.waitForFunction(() => document.querySelector("video")?.videoHeight === 240, null, {
    timeout: 60_000,
  });
  await plays(page, "instant");
  const height = () => page.locator("video").evaluate((video: HTMLVideoElement) => video.videoHeight);
  expect(await height()).toBe(240);
  expect((await facts(page)).ageMs).not.toBeNull();
});

test("a phone that loses its network says so, and plays when it is back", async ({
  context,
  page,
  service,
}) => {
  await watch(page);
  await plays(page, "instant");
  await context.setOffline(true);
  // Chromium plays this for new requests only.
  service.instant.hold(true);
  await reaches(page, "unreachable", "no_answer");
  service.instant.hold(false);
  await context.setOffline(false);
  await plays(page, "instant");
});

test("a decoder that stands still while data comes is replaced", async ({ page }) => {
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
  await watch(page);
  await plays(page, "instant");
  await page.evaluate(() => document.body.classList.add("break"));
  await reaches(page, "catching-up", "frozen");
  await page.evaluate(() => document.body.classList.remove("break"));
  await plays(page, "instant");
});

test("an engine that loses its source is replaced at once", async ({ page }) => {
  await watch(page);
  await plays(page, "instant");
  await page.locator("video").evaluate((video: HTMLVideoElement) => {
    video.src = URL.createObjectURL(new Blob());
  });
  await plays(page, "instant");
});

test("a tab hidden for a minute downloads nothing, and plays when it is shown", async ({
  page,
  service,
  paths,
  expect,
}) => {
  await page.clock.install();
  await watch(page);
  await plays(page, "instant");
  await setHidden(page, true);
  await page.clock.fastForward(50_000);
  expect(service.instant.open).toBe(1);
  await page.clock.fastForward(11_000);
  await expect.poll(() => service.instant.open).toBe(0);
  const asked = paths.length;
  await page.clock.fastForward(60_000);
  expect(paths.length).toBe(asked);
  await setHidden(page, false);
  await plays(page, "instant");
});

test("a picture that floats goes on while its page is hidden", async ({ page, service }) => {
  await page.clock.install();
  await watch(page);
  await plays(page, "instant");
  await page.locator("#in-picture").click();
  await page.getByRole("button", { name: "Leave picture in picture" }).waitFor();
  await setHidden(page, true);
  await page.clock.fastForward(61_000);
  await shows(page, 50);
  expect(service.instant.open).toBe(1);
});

test("a video that the system pauses as it hides the page plays when it is shown", async ({ page }) => {
  await watch(page);
  await plays(page, "instant");
  await page.locator("video").evaluate(async (video: HTMLVideoElement) => {
    video.pause();
    await new Promise((paused) => video.addEventListener("pause", paused, { once: true }));
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "hidden" });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.waitForTimeout(1000);
  await setHidden(page, false);
  await plays(page, "instant");
});

test("a video that somebody paused stays so while the page is hidden and shown", async ({ page }) => {
  await watch(page);
  await plays(page, "instant");
  // At once: the video tells of the pause when the page is hidden already.
  await page.evaluate(() => {
    document.getElementById("pause")?.click();
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "hidden" });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.waitForTimeout(1000);
  await setHidden(page, false);
  await page.waitForResponse(/api\/cameras\/garden$/);
  await reaches(page, "catching-up", "paused");
});

test("a page that was hidden for a moment goes on asking", async ({ page, paths, expect }) => {
  await watch(page);
  await page.evaluate(() => {
    for (const state of ["hidden", "visible"]) {
      Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
      document.dispatchEvent(new Event("visibilitychange"));
    }
  });
  const polls = () => paths.filter((path) => path.includes("/api/cameras/garden")).length;
  // One may have been on its way.
  await expect.poll(polls).toBeGreaterThan(polls() + 2);
  await plays(page, "instant");
});

test("a page that slept takes up the live picture", async ({ page, service, expect }) => {
  await watch(page);
  await plays(page, "instant");
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 1000);
  await page.clock.fastForward(3_600_000);
  await page.clock.resume();
  // The old response may hold what was missed, or be dead.
  await expect.poll(() => service.instant.opened).toBeGreaterThan(1);
  await plays(page, "instant");
});

test("a pause stops the download, play continues with the live picture", async ({
  page,
  service,
  expect,
}) => {
  await watch(page);
  await plays(page, "instant");
  await page.locator("#pause").click();
  await reaches(page, "catching-up", "paused");
  await expect.poll(() => service.instant.open).toBe(0);
  await page.locator("#play").click();
  await plays(page, "instant");
});

test("a pause stops the download of LL-HLS too, which still seeks, and plays on", async ({
  page,
  paths,
  expect,
}) => {
  await watch(page, "#ll-hls");
  await plays(page, "ll-hls");
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
  await expect.poll(capturedUnixMs).toBeLessThan(pausedAtUnixMs - 8000);
  await page.locator("#to-live").click();
  await plays(page, "ll-hls");
});

test("a pause ends the browser's own player, which cannot stop; play brings the live picture", async ({
  page,
  paths,
  expect,
}) => {
  await page.addInitScript(() => {
    Reflect.deleteProperty(globalThis, "MediaSource");
  });
  await watch(page);
  await plays(page, "native");
  await page.locator("#pause").click();
  await reaches(page, "catching-up", "paused");
  await page.waitForSelector("video:not([src])", { state: "attached" });
  const media = () => paths.filter((path) => /m3u8$|m4s$/.test(path)).length;
  const asked = media();
  for (let poll = 0; poll < 4; poll += 1) await page.waitForResponse(/api\/cameras\/garden$/);
  expect(media()).toBe(asked);
  // The picture stays, and can be saved.
  const download = page.waitForEvent("download");
  await page.locator("#snapshot").click();
  expect((await download).suggestedFilename()).toMatch(/^garden-.*jpg$/);
  await page.locator("#play").click();
  await plays(page, "native");
  expect(media()).toBeGreaterThan(asked);
});

test("the past is played by LL-HLS, and live leads back to the instant stream", async ({ page, paths }) => {
  await watch(page);
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
  await plays(page, "instant");
  expect((await facts(page)).ageMs).toBeLessThan(3000);
  expect(paths.some((path) => path.includes("ll-hls"))).toBe(true);
});

test("a page that the service has updated since is opened anew when it lacks code", async ({
  page,
  service,
}) => {
  await watch(page);
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

test("a new engine takes up the past where the old one was", async ({ page, expect }) => {
  await watch(page);
  await shows(page, 300);
  await page.locator("#back").click();
  await reaches(page, "catching-up", "rewound");
  const capturedUnixMs = async () => Date.now() - ((await facts(page)).ageMs ?? 0);
  await expect.poll(async () => (await facts(page)).ageMs ?? 0).toBeGreaterThan(8000);
  const jumpedToUnixMs = await capturedUnixMs();
  await shows(page, 150);
  const broken = await page.locator("video").evaluate((video: HTMLVideoElement) => {
    video.src = URL.createObjectURL(new Blob());
    return video.src;
  });
  const rebuilt = (broken: string) => ![broken, ""].includes(document.querySelector("video")?.src ?? "");
  await page.waitForFunction(rebuilt, broken);
  await shows(page, 50);
  await reaches(page, "catching-up", "rewound");
  // Eight seconds were played since the jump, two of them by the new engine.
  expect((await capturedUnixMs()) - jumpedToUnixMs).toBeGreaterThan(5000);
});

test("a choice by hand changes the engine, and back", async ({ page }) => {
  await watch(page);
  await plays(page, "instant");
  await page.locator("#playback summary").click();
  const select = page.getByLabel("How the picture comes");
  expect(await select.locator("option").allTextContents()).toContain("Automatic");
  await select.selectOption("ll-hls");
  await plays(page, "ll-hls");
  expect(await page.locator("#engine-now").textContent()).toBe("Low-latency HLS");
  await select.selectOption("");
  await plays(page, "instant");
  expect(await page.locator("html").getAttribute("data-choice")).toBe("auto");
});
