// Wires the page: polls and pictures in, verdict out, four times a second.

import { readAddress } from "./address";
import { postWish } from "./command";
import { offerFullscreen } from "./fullscreen";
import { Playback } from "./playback";
import { Poller } from "./poller";
import { noPolls, takenUpAgain, withResult } from "./polls";
import { ServiceClock } from "./service-clock";
import type { DesiredState } from "./status";
import { judge } from "./verdict";
import { element, View } from "./view";

const TICK_MS = 250;
/** A tick that comes this late was held up by sleep or a hidden tab. */
const ASLEEP_MS = 2500;

const address = readAddress(location.pathname);
const video = element<HTMLVideoElement>("video");
const view = new View(address?.camera ?? "zerocam");
const playback = new Playback(video, element<HTMLCanvasElement>("still"), address?.playlist ?? "");
const clock = new ServiceClock();
let polls = noPolls(performance.now());

const poller = new Poller(address?.status ?? "", (result) => {
  const nowMs = performance.now();
  polls = withResult(polls, result, nowMs);
  if (result.kind === "status") clock.read(result.status.service_time_unix_ms, result.sentMs, nowMs);
  tick();
});

function tick(): void {
  const nowMs = performance.now();
  const serviceUnixMs = clock.at(nowMs);
  playback.observe(nowMs);
  const picture = playback.picture();
  const verdict = judge(polls, picture, nowMs, serviceUnixMs);
  playback.act(verdict, polls.status, nowMs);
  const { engine, frames } = playback;
  view.render({ verdict, polls, picture, engine, frames, nowMs, serviceUnixMs });
}

/** The page was hidden or asleep: what it knows is old, ask at once. */
function takeUpAgain(): void {
  const nowMs = performance.now();
  polls = takenUpAgain(polls, nowMs);
  playback.takenUpAgain(nowMs);
  poller.start();
}

if (address === null) {
  polls = withResult(polls, { kind: "refused", refusal: "bad_link" }, performance.now());
} else {
  if (document.visibilityState === "visible") poller.start();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") takeUpAgain();
    else poller.stop();
  });
  addEventListener("online", takeUpAgain);
}

let tickedAtMs = performance.now();
setInterval(() => {
  // Nobody looks, nothing is asked: silence would be taken for a fault.
  if (document.visibilityState === "hidden") return;
  const nowMs = performance.now();
  if (address !== null && nowMs - tickedAtMs > ASLEEP_MS) takeUpAgain();
  tickedAtMs = nowMs;
  tick();
}, TICK_MS);
tick();

element("play").addEventListener("click", () => playback.resume());
offerFullscreen(element<HTMLButtonElement>("fullscreen"), element("stage"), video);

const command = element<HTMLButtonElement>("command");
command.addEventListener("click", async () => {
  if (address === null || command.ariaBusy === "true") return;
  command.ariaBusy = "true";
  const complaint = await postWish(address.desired, command.dataset.wish as DesiredState);
  command.ariaBusy = "false";
  element("note").textContent = complaint ?? "";
  poller.start();
});
