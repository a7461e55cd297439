// Play and pause, rewind, and back to live. Positions are seconds behind the
// newest picture, so that a hand on the slider is not pushed along by time.

import { element, hide, text } from "../element";
import type { Scene } from "../watching";
import { behindText, moment } from "../wording";

const STEP_S = 10;
/** How far back the service keeps pictures, until the engine knows. */
const USUAL_WINDOW_S = 120;
/** This near the end of the slider means live. */
const LIVE_WITHIN_S = 2;
/** Of no use without a picture. */
const NEED_PICTURE = ["position", "to-live", "pause", "back", "snapshot", "in-picture"];

export class Deck {
  readonly #slider = element<HTMLInputElement>("position");
  #held = false;
  #scene: Scene | null = null;

  constructor() {
    this.#slider.addEventListener("input", () => {
      this.#held = true;
      this.#showPosition(-this.#slider.valueAsNumber);
    });
    this.#slider.addEventListener("change", () => {
      this.#held = false;
      this.#seek(-this.#slider.valueAsNumber);
    });
    for (const end of ["pointerup", "pointercancel", "blur"]) {
      // Who lets go where he began has changed nothing, and browsers tell of no change; else they do so first.
      this.#slider.addEventListener(end, () => {
        setTimeout(() => {
          this.#held = false;
        });
      });
    }
    element("pause").addEventListener("click", () => this.toggle());
    element("back").addEventListener("click", () => this.back());
    element("to-live").addEventListener("click", () => this.toLive());
  }

  toggle(): void {
    const { playback } = this.#scene ?? {};
    if (playback?.paused) playback.resume();
    else playback?.pause();
  }

  back(): void {
    this.#scene?.playback.seekBack(STEP_S);
  }

  forward(): void {
    this.#scene?.playback.seekBack(-STEP_S);
  }

  toLive(): void {
    const { playback } = this.#scene ?? {};
    if (playback?.rewound) playback.toLive();
    else playback?.resume();
  }

  render(scene: Scene): void {
    this.#scene = scene;
    const { verdict, picture, playback } = scene;
    hide(element("deck"), verdict.state === "no-access");
    hide(element("rail"), !playback.canRewind);
    hide(element("back"), !playback.canRewind);
    const label = playback.paused ? "Play" : "Pause";
    if (element("pause").ariaLabel !== label) element("pause").ariaLabel = label;
    const useless =
      picture.movedAtMs === null || verdict.state === "offline" || verdict.state === "unreachable";
    for (const id of NEED_PICTURE) {
      const control = element<HTMLButtonElement | HTMLInputElement>(id);
      if (control.disabled !== useless) control.disabled = useless;
    }
    if (this.#held) return;
    const least = String(-Math.round(this.#windowS()));
    if (this.#slider.min !== least) this.#slider.min = least;
    const behindS = playback.rewound || playback.paused ? this.#behindS() : 0;
    this.#slider.valueAsNumber = -Math.round(behindS);
    this.#showPosition(behindS);
  }

  #seek(behindS: number): void {
    const newestUnixMs = this.#newestUnixMs();
    if (behindS < LIVE_WITHIN_S) this.toLive();
    else if (newestUnixMs !== null) this.#scene?.playback.seekTo(newestUnixMs - 1000 * behindS);
  }

  #showPosition(behindS: number): void {
    const live = behindS < LIVE_WITHIN_S;
    const newestUnixMs = this.#newestUnixMs();
    this.#slider.style.setProperty("--behind", String(Math.min(1, behindS / this.#windowS())));
    const at = newestUnixMs === null ? "" : `, ${moment(newestUnixMs - 1000 * behindS, newestUnixMs)}`;
    const words = live ? "live" : `${behindText(behindS)} behind live${at}`;
    if (this.#slider.ariaValueText !== words) this.#slider.ariaValueText = words;
    text(element("to-live"), live || !this.#held ? "Live" : `−${behindText(behindS)}`);
  }

  #newestUnixMs(): number | null {
    return this.#scene?.playback.window()?.endUnixMs ?? this.#scene?.serviceUnixMs ?? null;
  }

  #behindS(): number {
    const newestUnixMs = this.#newestUnixMs();
    const shownUnixMs = this.#scene?.picture.capturedUnixMs ?? null;
    return newestUnixMs === null || shownUnixMs === null ? 0 : Math.max(0, newestUnixMs - shownUnixMs) / 1000;
  }

  #windowS(): number {
    const known = this.#scene?.playback.window() ?? null;
    return known === null ? USUAL_WINDOW_S : Math.max(1, (known.endUnixMs - known.startUnixMs) / 1000);
  }
}
