// Which way the picture comes: what is at work, and the choice for who knows better.

import { element, hide, text } from "../element";
import type { EngineName } from "../engine";
import type { Playback } from "../playback";

const NAMES: Record<EngineName, string> = {
  instant: "Instant stream",
  "ll-hls": "Low-latency HLS",
  native: "The browser's own HLS",
};

/** Wires the selection; returns what keeps it true. */
export function offerEngines(playback: Playback): () => void {
  const select = element<HTMLSelectElement>("engine");
  select.append(new Option("Automatic", ""));
  for (const name of playback.engines) select.append(new Option(NAMES[name], name));
  select.addEventListener("change", () => playback.choose((select.value || null) as EngineName | null));
  return () => {
    const { engine } = playback;
    hide(element("playback"), playback.engines.length === 0);
    text(element("engine-now"), engine === "none" ? "Not started" : NAMES[engine]);
    const choice = playback.choice ?? "";
    if (select.value !== choice) select.value = choice;
  };
}
