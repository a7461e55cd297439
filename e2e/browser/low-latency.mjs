// Plays a low-latency playlist with hls.js, as the page bundles it, in Debian's
// Chromium, from a page of another origin. Prints what it saw as one JSON
// object.

import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { CHROMIUM } from "../../cloud/player/test/chromium.mjs";

const { values } = parseArgs({
  options: {
    page: { type: "string" },
    playlist: { type: "string" },
    library: { type: "string" },
    seconds: { type: "string" },
  },
});
// Ten times what a player needs at worst.
const patienceMs = 60_000;

const browser = await chromium.launch(CHROMIUM);
try {
  const page = await browser.newPage();
  await page.goto(values.page);
  await page.addScriptTag({ path: values.library });
  await page.evaluate((playlist) => {
    const video = document.createElement("video");
    video.muted = true;
    document.body.append(video);
    const seen = { parts: 0, segments: 0, deltas: 0, complaints: [] };
    const hls = new Hls({ lowLatencyMode: true });
    hls.on(Hls.Events.ERROR, (_, { fatal, details }) => {
      if (fatal) seen.complaints.push(details);
    });
    hls.on(Hls.Events.FRAG_LOADED, (_, { part }) => {
      seen[part ? "parts" : "segments"] += 1;
    });
    hls.on(Hls.Events.LEVEL_UPDATED, (_, { details }) => {
      seen.deltas += details.skippedSegments > 0 ? 1 : 0;
    });
    hls.loadSource(playlist);
    hls.attachMedia(video);
    hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
    window.look = () => ({
      ...seen,
      frames: video.getVideoPlaybackQuality().totalVideoFrames,
      mediaTimeS: video.currentTime,
      ageMs: hls.playingDate ? Date.now() - hls.playingDate.getTime() : null,
      error: video.error?.message ?? null,
    });
  }, values.playlist);
  await page.waitForFunction(() => window.look().frames > 0 || window.look().complaints.length, null, {
    timeout: patienceMs,
  });
  const samples = [];
  const until = Date.now() + Number(values.seconds) * 1000;
  while (Date.now() < until) {
    await page.waitForTimeout(500);
    samples.push(await page.evaluate(() => window.look()));
  }
  console.log(JSON.stringify(samples));
} finally {
  await browser.close();
}
