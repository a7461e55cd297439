// One camera in the list: its last picture, its state and why, and how old the
// picture is. The whole card is the link.

import { set, tag, text } from "../element";
import type { Status } from "../status";
import { cardSentence, STATE_WORDS, stillAgeText } from "../wording";

/** A new picture is fetched no more often than this. */
const PICTURE_EVERY_MS = 5000;

export class Card {
  readonly element = tag("li", "", "");
  readonly #camera: string;
  readonly #view = tag("div", "view", "");
  readonly #nothing = tag("span", "nothing", "No picture yet");
  readonly #word = tag("span", "", "");
  readonly #age = tag("span", "age", "");
  readonly #sentence = tag("p", "sentence", "");
  /** No later than this the shown picture was captured, service clock. */
  #shownUnixMs: number | null = null;
  #nowUnixMs = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(camera: string) {
    this.#camera = camera;
    const link = tag("a", "camera", "") as HTMLAnchorElement;
    link.href = `watch/${camera}/`;
    const badge = tag("p", "badge", "");
    const word = tag("span", "word", "");
    word.append(tag("span", "dot", ""), this.#word);
    badge.append(word, this.#age);
    this.#view.append(this.#nothing, badge);
    const about = tag("div", "about", "");
    about.append(tag("h2", "", camera), this.#sentence);
    link.append(this.#view, about);
    this.element.append(link);
  }

  render(status: Status): void {
    set(this.element, "state", status.state);
    text(this.#word, STATE_WORDS[status.state]);
    text(this.#sentence, cardSentence(status));
    this.#nowUnixMs = status.service_time_unix_ms;
    this.#showAge();
    this.#refreshPicture(status, performance.now());
  }

  #showAge(): void {
    if (this.#shownUnixMs === null) return;
    text(this.#age, `${stillAgeText(Math.max(0, this.#nowUnixMs - this.#shownUnixMs))} ago`);
  }

  /** The new picture takes the place of the old one when it is there. */
  #refreshPicture({ newest, video: format }: Status, nowMs: number): void {
    if (newest === null || nowMs - this.#askedAtMs < PICTURE_EVERY_MS) return;
    // A still is the last keyframe: up to a segment older than the newest picture.
    const dateUnixMs = newest.date_unix_ms - 1000 * (format?.target_duration_s ?? 1);
    if (dateUnixMs === this.#shownUnixMs) return;
    this.#askedAtMs = nowMs;
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    // Safari loads no picture of a video that is not to play.
    video.autoplay = true;
    video.setAttribute("aria-hidden", "true");
    video.addEventListener("loadeddata", () => {
      for (const old of this.#view.querySelectorAll("video")) old.remove();
      this.#nothing.remove();
      this.#view.prepend(video);
      this.#shownUnixMs = dateUnixMs;
      this.#showAge();
    });
    video.src = `watch/${this.#camera}/still.mp4`;
  }
}
