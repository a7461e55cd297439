// Which way the picture comes: what is at work, and a choice for who knows better.

import type { EngineName } from "../choice";
import { element, hide, rebuild, text } from "../element";
import type { Playback } from "../playback";
import type { Scene } from "../watching";

const NAMES: Record<EngineName, string> = {
  instant: "Instant stream",
  "ll-hls": "Low-latency HLS",
  native: "The browser's own HLS",
};

export class EngineChoice {
  readonly #select = element<HTMLSelectElement>("engine");
  #playback: Playback | null = null;

  constructor() {
    this.#select.addEventListener("change", () => {
      this.#playback?.choose((this.#select.value || null) as EngineName | null);
    });
  }

  render({ playback, verdict }: Scene): void {
    this.#playback = playback;
    const { engine, engines } = playback;
    hide(element("playback"), engines.length === 0 || verdict.state === "no-access");
    text(element("engine-now"), engine === "none" ? "Not started" : NAMES[engine]);
    const offered = (Object.keys(NAMES) as EngineName[]).filter((name) => engines.includes(name));
    rebuild(this.#select, offered.join(), () => [
      new Option("Automatic", ""),
      ...offered.map((name) => new Option(NAMES[name], name)),
    ]);
    const choice = playback.choice ?? "";
    if (this.#select.value !== choice) this.#select.value = choice;
  }
}
