// Opens a camera's share link in Debian's Chromium, watches for a while, and
// prints what it saw as one JSON object.

import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { CHROMIUM } from "../../cloud/player/test/chromium.mjs";

const { values } = parseArgs({
  options: {
    link: { type: "string" },
    name: { type: "string" },
    seconds: { type: "string" },
    screenshots: { type: "string" },
  },
});
const phone = { width: 390, height: 844 };
const desktop = { width: 1440, height: 900 };
// Ten times what the page needs at worst.
const patienceMs = 60_000;

const browser = await chromium.launch(CHROMIUM);
try {
  const page = await browser.newPage({ viewport: phone });
  const complaints = [];
  const hosts = new Set();
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error}`));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`console: ${message.text()}`);
  });
  page.on("requestfailed", (request) => {
    // A page that goes on to newer video drops the request for older.
    const reason = request.failure()?.errorText;
    if (reason !== "net::ERR_ABORTED") complaints.push(`${reason}: ${request.url()}`);
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http")) hosts.add(url.host);
  });

  const opened = Date.now();
  await page.goto(values.link);
  try {
    await page.waitForSelector('html[data-state="live"]', {
      state: "attached",
      timeout: patienceMs,
    });
  } catch (error) {
    await page.screenshot({ path: `${values.screenshots}/${values.name}-failed.png` });
    const now = await page.evaluate(() => JSON.stringify(document.documentElement.dataset));
    throw new Error(`the page did not become live: ${now}; ${complaints.join("; ")}`, {
      cause: error,
    });
  }
  const untilLiveMs = Date.now() - opened;

  const samples = [];
  const until = Date.now() + Number(values.seconds) * 1000;
  while (Date.now() < until) {
    samples.push(
      await page.evaluate(() => {
        const { state, ageMs, frames, engine } = document.documentElement.dataset;
        const video = document.querySelector("video");
        return {
          state,
          engine,
          ageMs: ageMs ? Number(ageMs) : null,
          frames: Number(frames),
          droppedFrames: video.getVideoPlaybackQuality().droppedVideoFrames,
          mediaTimeS: video.currentTime,
        };
      }),
    );
    await page.waitForTimeout(500);
  }
  for (const size of [phone, desktop]) {
    await page.setViewportSize(size);
    await page.waitForTimeout(500);
    const path = `${values.screenshots}/${values.name}-${size.width}x${size.height}.png`;
    await page.screenshot({ path });
  }
  console.log(
    JSON.stringify({ untilLiveMs, samples, complaints, hosts: [...hosts], address: page.url() }),
  );
} finally {
  await browser.close();
}
