// What is on the screen, and how old it is: plays a stream in Debian's Chromium,
// reads the bar code of the test picture (firmware/src/camera/clock_code.rs)
// from every picture that is presented, and prints the ages as JSON.
//
//   --player page     the camera's own page; --url is its link, with the engine
//                     that it has to use behind a #
//   --player hls.js   a bare page, hls.js as it comes; --url is a playlist
//   --player source   a bare page, MediaSource and no more; --url is the instant
//                     stream

import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { CHROMIUM } from "../../cloud/player/test/chromium.mjs";

const { values } = parseArgs({
  options: {
    player: { type: "string" },
    url: { type: "string" },
    settle: { type: "string" },
    seconds: { type: "string" },
  },
});
const hlsJs = new URL("../../cloud/player/node_modules/hls.js/dist/hls.min.js", import.meta.url);
// Ten times what a player needs at worst.
const patienceMs = 100_000;

/** The simplest player of the instant stream: the newest picture, whatever it takes. */
async function playSource(url) {
  const video = document.querySelector("video");
  const response = await fetch(url);
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await new Promise((resolve) => source.addEventListener("sourceopen", resolve));
  const codec = response.headers.get("zerocam-codec");
  const buffer = source.addSourceBuffer(`video/mp4; codecs="${codec}"`);
  for await (const bytes of response.body) {
    buffer.appendBuffer(bytes);
    await new Promise((resolve) => buffer.addEventListener("updateend", resolve, { once: true }));
    const ranges = video.buffered;
    if (ranges.length === 0) continue;
    const end = ranges.end(ranges.length - 1);
    if (end - video.currentTime > 0.4) video.currentTime = end - 0.1;
    if (video.paused) void video.play();
  }
}

function playHls(url) {
  const hls = new Hls();
  hls.loadSource(url);
  hls.attachMedia(document.querySelector("video"));
}

/** Collects `{code, ageMs}` of every picture in `window.shown`. */
function readScreen() {
  const video = document.querySelector("video");
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  window.shown = [];
  const crc8 = (bytes) =>
    bytes.reduce((crc, byte) => {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x80 ? (crc << 1) ^ 0x07 : crc << 1) & 0xff;
      return crc;
    }, 0xff);
  const read = () => {
    const { videoWidth: width, videoHeight: height } = video;
    canvas.width = width;
    context.drawImage(video, 0, Math.floor(0.95 * height), width, 1, 0, 0, width, 1);
    const pixels = context.getImageData(0, 0, width, 1).data;
    const bytes = [0, 0, 0, 0, 0];
    for (let cell = 0; cell < 40; cell += 1) {
      const white = pixels[4 * Math.floor(((cell + 0.5) / 40) * width) + 1] >= 128;
      bytes[cell >> 3] = (bytes[cell >> 3] << 1) | Number(white);
    }
    const word = bytes.slice(0, 4);
    return crc8(word) === bytes[4] ? word.reduce((code, byte) => code * 256 + byte, 0) : null;
  };
  const note = (now, { expectedDisplayTime }) => {
    const code = read();
    const shownUnixMs = performance.timeOrigin + Math.max(now, expectedDisplayTime);
    if (code !== null) window.shown.push({ code, ageMs: (shownUnixMs % 2 ** 32) - code });
    video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note);
}

const browser = await chromium.launch(CHROMIUM);
try {
  const page = await browser.newPage({ viewport: { width: 800, height: 600 } });
  page.setDefaultTimeout(patienceMs);
  if (values.player === "page") {
    const [link, engine] = values.url.split("#");
    await page.goto(link);
    // The address that is left has no token in it.
    await page.evaluate((engine) => (location.hash = engine), engine);
    await page.reload();
    await page.waitForSelector(`html[data-state="live"][data-engine="${engine}"]`, {
      state: "attached",
    });
  } else {
    const bare = new URL("bare.html", values.url).href;
    await page.route(bare, (route) =>
      route.fulfill({ contentType: "text/html", body: "<video muted autoplay></video>" }),
    );
    await page.goto(bare);
    if (values.player === "hls.js") {
      await page.addScriptTag({ path: hlsJs.pathname });
      await page.evaluate(playHls, values.url);
    } else {
      // Never ends by itself.
      page.evaluate(playSource, values.url).catch(() => {});
    }
  }
  await page.waitForFunction(() => document.querySelector("video").currentTime > 0);
  await page.waitForTimeout(1000 * Number(values.settle));
  await page.evaluate(readScreen);
  await page.waitForTimeout(1000 * Number(values.seconds));
  console.log(JSON.stringify(await page.evaluate(() => window.shown)));
} finally {
  await browser.close();
}
