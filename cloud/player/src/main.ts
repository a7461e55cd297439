// Wires one camera's page.

import { readAddress } from "./address";
import { offerCommand } from "./command";
import { offerAllCameras } from "./controls/all-cameras";
import { Deck } from "./controls/deck";
import { EngineChoice } from "./controls/engine-choice";
import { offerFullscreen } from "./controls/fullscreen";
import { Idle } from "./controls/idle";
import { offerKeys } from "./controls/keyboard";
import { offerPictureInPicture } from "./controls/picture-in-picture";
import { offerShare } from "./controls/share";
import { offerSnapshot } from "./controls/snapshot";
import { WakeLock } from "./controls/wake-lock";
import { element } from "./element";
import { showPoster } from "./poster";
import { View } from "./view";
import { type Scene, Watching } from "./watching";

const address = readAddress(location.pathname);
const camera = address?.camera ?? "zerocam";
const video = element<HTMLVideoElement>("video");
const still = element<HTMLCanvasElement>("still");
const stage = element("stage");
const button = (id: string) => element<HTMLButtonElement>(id);

const view = new View(camera);
const deck = new Deck();
const engineChoice = new EngineChoice();
const idle = new Idle(stage);
const wakeLock = new WakeLock();
let scene: Scene | null = null;
let posterAsked = false;

const watching = new Watching({ video, still, address, render });

function render(next: Scene): void {
  scene = next;
  view.render(next);
  deck.render(next);
  engineChoice.render(next);
  const live = next.verdict.state === "live";
  idle.allow(live);
  wakeLock.want(live && document.visibilityState === "visible", next.nowMs);
  const newest = next.polls.status?.newest;
  if (address !== null && newest && !posterAsked) {
    posterAsked = true;
    showPoster(still, address.still, newest);
  }
}

button("play").addEventListener("click", () => deck.toggle());
offerFullscreen(button("fullscreen"), stage, video);
offerPictureInPicture(button("in-picture"), video);
offerSnapshot(button("snapshot"), camera, {
  video,
  still,
  taken: () => scene?.picture.capturedUnixMs ?? null,
});
offerKeys({
  pause: () => button("pause").click(),
  back: () => button("back").click(),
  forward: () => deck.forward(),
  live: () => button("to-live").click(),
  fullscreen: () => button("fullscreen").click(),
  "in-picture": () => button("in-picture").click(),
  snapshot: () => button("snapshot").click(),
});
if (address !== null) {
  void offerAllCameras(element<HTMLAnchorElement>("all-cameras"), address.cameras);
  offerShare(button("share"), camera, address.link);
  offerCommand(button("command"), address.desired, () => watching.askNow());
}
