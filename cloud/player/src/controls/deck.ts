// Play and pause, rewind, and back to live. Positions are seconds behind the
// newest picture, so that a hand on the slider is not pushed along by time.

import { element, hide, text } from "../element";
import type { Playback } from "../playback";
import type { Scene } from "../watching";
import { behindText, moment } from "../wording";

export const STEP_S = 10;
/** How far back the service keeps pictures, until the engine knows. */
const USUAL_WINDOW_S = 120;
/** This near the end of the slider means live. */
const LIVE_WITHIN_S = 2;

export class Deck {
  readonly #playback: Playback;
  readonly #slider = element<HTMLInputElement>("position");
  #held = false;
  #scene: Scene | null = null;

  constructor(playback: Playback) {
    this.#playback = playback;
    this.#slider.addEventListener("input", () => {
      this.#held = true;
      this.#showPosition(-this.#slider.valueAsNumber);
    });
    this.#slider.addEventListener("change", () => {
      this.#held = false;
      this.#seek(-this.#slider.valueAsNumber);
    });
    element("pause").addEventListener("click", () => this.toggle());
    element("back").addEventListener("click", () => playback.seekBack(STEP_S));
    element("to-live").addEventListener("click", () => playback.toLive());
  }

  toggle(): void {
    if (this.#playback.paused) this.#playback.resume();
    else this.#playback.pause();
  }

  render(scene: Scene): void {
    this.#scene = scene;
    const { verdict, picture } = scene;
    hide(element("deck"), verdict.state === "no-access");
    hide(element("rail"), !this.#playback.canRewind);
    hide(element("back"), !this.#playback.canRewind);
    element("pause").ariaLabel = this.#playback.paused ? "Play" : "Pause";
    const useless = picture.movedAtMs === null || verdict.state === "offline" || verdict.state === "unreachable";
    for (const id of ["position", "to-live", "pause", "back", "snapshot", "in-picture"]) {
      const control = element<HTMLButtonElement | HTMLInputElement>(id);
      if (control.disabled !== useless) control.disabled = useless;
    }
    if (this.#held) return;
    const window_s = Math.round(this.#windowS());
    if (this.#slider.min !== String(-window_s)) this.#slider.min = String(-window_s);
    const behind_s = this.#playback.rewound || this.#playback.paused ? this.#behindS() : 0;
    this.#slider.valueAsNumber = -Math.round(behind_s);
    this.#showPosition(behind_s);
  }

  #seek(behind_s: number): void {
    const newestUnixMs = this.#newestUnixMs();
    if (behind_s < LIVE_WITHIN_S) this.#playback.toLive();
    else if (newestUnixMs !== null) this.#playback.seekTo(newestUnixMs - 1000 * behind_s);
  }

  #showPosition(behind_s: number): void {
    const live = behind_s < LIVE_WITHIN_S;
    const newestUnixMs = this.#newestUnixMs();
    this.#slider.style.setProperty("--behind", String(Math.min(1, behind_s / this.#windowS())));
    const at = newestUnixMs === null ? "" : `, ${moment(newestUnixMs - 1000 * behind_s, newestUnixMs)}`;
    const words = live ? "live" : `${behindText(behind_s)} behind live${at}`;
    if (this.#slider.ariaValueText !== words) this.#slider.ariaValueText = words;
    text(element("to-live"), live || !this.#held ? "Live" : `−${behindText(behind_s)}`);
  }

  #newestUnixMs(): number | null {
    return this.#playback.window()?.endUnixMs ?? this.#scene?.serviceUnixMs ?? null;
  }

  #behindS(): number {
    const [newestUnixMs, shownUnixMs] = [this.#newestUnixMs(), this.#scene?.picture.capturedUnixMs ?? null];
    return newestUnixMs === null || shownUnixMs === null ? 0 : Math.max(0, newestUnixMs - shownUnixMs) / 1000;
  }

  #windowS(): number {
    const known = this.#playback.window();
    return known === null ? USUAL_WINDOW_S : Math.max(1, (known.endUnixMs - known.startUnixMs) / 1000);
  }
}
