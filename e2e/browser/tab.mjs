// One tab of Debian's Chromium, driven line by line: a command as a JSON object
// on standard input, its answer as one line of JSON on standard output. Ends
// with its input.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { CHROMIUM } from "../../cloud/player/test/chromium.mjs";

// Ten times what a command needs at worst.
const patienceMs = 60_000;

const browser = await chromium.launch(CHROMIUM);
const page = await browser.newPage({ viewport: { width: 800, height: 600 } });
page.setDefaultTimeout(patienceMs);
// In the page: how often playback stopped because the data had run out, and the
// longest time from one new picture to the next. A browser on a busy machine
// also waits with data at hand, for its decoder.
await page.addInitScript(() => {
  const stops = { count: 0, longestMs: 0 };
  globalThis.stops = stops;
  let playing = false;
  document.addEventListener("playing", () => (playing = true), true);
  document.addEventListener(
    "waiting",
    ({ target: { buffered, currentTime } }) => {
      const end = buffered.length ? buffered.end(buffered.length - 1) : 0;
      if (playing && end - currentTime < 0.2) stops.count += 1;
    },
    true,
  );
  let shown = 0;
  let sinceMs;
  const look = (nowMs) => {
    const frames = document.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
    if (sinceMs !== undefined) stops.longestMs = Math.max(stops.longestMs, nowMs - sinceMs);
    if (frames !== shown) sinceMs = nowMs;
    shown = frames;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
let loads = 0;
page.on("load", () => {
  loads += 1;
});

const libraries = `${import.meta.dirname}/../../cloud/player/node_modules`;

function glance() {
  return page.evaluate((loads) => {
    const { state, reason, engine, ageMs, frames } = document.documentElement.dataset;
    // A page without a picture shows none of one.
    const video = document.querySelector("video") ?? document.createElement("video");
    return {
      loads,
      state: state ?? "",
      reason: reason ?? "",
      engine: engine ?? "native",
      ageMs: ageMs ? Number(ageMs) : null,
      frames: Number(frames ?? video.getVideoPlaybackQuality().totalVideoFrames),
      mediaTimeS: video.currentTime,
      error: video.error ? `${video.error.code}: ${video.error.message}` : null,
      nowUnixMs: Date.now(),
    };
  }, loads);
}

/** Where the picture itself is on the page, after everything over it is hidden. */
function bareThePicture() {
  return page.evaluate(() => {
    for (const bar of document.querySelectorAll(".bar, .deck")) bar.style.visibility = "hidden";
    const video = document.querySelector("video");
    const box = video.getBoundingClientRect();
    const scale = Math.min(box.width / video.videoWidth, box.height / video.videoHeight);
    const width = video.videoWidth * scale;
    const height = video.videoHeight * scale;
    return { x: box.x + (box.width - width) / 2, y: box.y + (box.height - height) / 2, width, height };
  });
}

/** Plays a playlist with hls.js as it comes, on a page of its own at that address. */
async function playHls({ url }) {
  const address = new URL("hls.html", url).href;
  const body = "<!doctype html><video muted autoplay></video>";
  await page.route(address, (route) => route.fulfill({ contentType: "text/html", body }));
  await page.goto(address);
  await page.addScriptTag({ path: `${libraries}/hls.js/dist/hls.min.js` });
  await page.evaluate((url) => {
    const hls = new Hls({ lowLatencyMode: false });
    document.documentElement.dataset.engine = "hls.js";
    hls.on(Hls.Events.ERROR, (_, { fatal, type, details }) => {
      if (!fatal) return;
      document.documentElement.dataset.reason = details;
      if (type === Hls.ErrorTypes.NETWORK_ERROR) hls.loadSource(url);
      else hls.recoverMediaError();
    });
    hls.loadSource(url);
    hls.attachMedia(document.querySelector("video"));
  }, url);
}

/** What stops there were since the last time this was asked. */
function takeStops() {
  return page.evaluate(() => {
    const { count, longestMs } = globalThis.stops;
    Object.assign(globalThis.stops, { count: 0, longestMs: 0 });
    return { count, longestMs };
  });
}

/** What axe-core finds wrong for people who see, hear or move otherwise, light and dark. */
async function audit() {
  await page.evaluate(await readFile(`${libraries}/axe-core/axe.min.js`, "utf8"));
  const faults = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    faults.push(...violations.map(({ id, help }) => `${colorScheme}: ${id}: ${help}`));
  }
  return faults;
}

const commands = {
  audit,
  playHls,
  takeStops,
  open: ({ url }) => page.goto(url),
  // Nothing but a <video>, on a page of the service's own origin.
  async play({ url }) {
    const blank = new URL("/blank", url).href;
    await page.route(blank, (route) =>
      route.fulfill({
        contentType: "text/html",
        body: `<!doctype html><title>native</title><video src="${url}" muted autoplay></video>`,
      }),
    );
    await page.goto(blank);
  },
  look: glance,
  async click({ selector }) {
    // Over a live picture the controls hide until the mouse moves.
    await page.mouse.move(400, 100 + (Date.now() % 100));
    await page.click(selector);
  },
  press: ({ key }) => page.keyboard.press(key),
  // Waits until it is there; what is hidden has no text.
  async read({ selector }) {
    const found = await page.waitForSelector(selector, { state: "attached" });
    return found.evaluate((one) => {
      if (!one.checkVisibility()) return "";
      return one instanceof HTMLInputElement ? one.value : one.innerText;
    });
  },
  async photograph() {
    const clip = await bareThePicture();
    const before = await glance();
    const png = await page.screenshot({ clip });
    return { png: png.toString("base64"), before, after: await glance() };
  },
};

try {
  for await (const line of createInterface({ input: process.stdin })) {
    const { command, ...details } = JSON.parse(line);
    const answer = await commands[command](details);
    const silent = ["open", "play", "playHls", "click", "press"].includes(command);
    console.log(JSON.stringify(silent ? null : answer));
  }
} finally {
  await browser.close();
}
