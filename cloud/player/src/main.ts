// Wires the page.

import { readAddress } from "./address";
import { postWish } from "./command";
import { offerFullscreen } from "./fullscreen";
import type { DesiredState } from "./status";
import { element, View } from "./view";
import { Watching } from "./watching";

const address = readAddress(location.pathname);
const video = element<HTMLVideoElement>("video");
const view = new View(address?.camera ?? "zerocam");
const still = element<HTMLCanvasElement>("still");
const watching = new Watching({ video, still, address, render: (scene) => view.render(scene) });

element("play").addEventListener("click", () => watching.playback.resume());
offerFullscreen(element<HTMLButtonElement>("fullscreen"), element("stage"), video);

const command = element<HTMLButtonElement>("command");
command.addEventListener("click", async () => {
  if (address === null || command.ariaBusy === "true") return;
  command.ariaBusy = "true";
  const complaint = await postWish(address.desired, command.dataset.wish as DesiredState);
  command.ariaBusy = "false";
  element("note").textContent = complaint ?? "";
  watching.askNow();
});
