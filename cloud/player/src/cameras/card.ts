// One camera in the list: its last picture, its state and why, and how old the
// picture is. The whole card is the link.

import { set, tag, text } from "../element";
import type { Status } from "../status";
import { letGo, stillFilm } from "../still-film";
import { badgeWord, cardSentence, stillAgeText } from "../wording";

/** A new picture is fetched no more often than this. */
const PICTURE_EVERY_MS = 5000;
/** One that has not come after this long is asked for anew. */
const PICTURE_DEADLINE_MS = 20_000;

export class Card {
  readonly element = tag("li", "", "");
  readonly #camera: string;
  readonly #view = tag("div", "view", "");
  readonly #nothing = tag("span", "nothing", "No picture yet");
  readonly #word = tag("span", "", "");
  readonly #age = tag("span", "age", "");
  readonly #sentence = tag("p", "sentence", "");
  #shown: HTMLVideoElement | null = null;
  #coming: HTMLVideoElement | null = null;
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
    text(this.#word, badgeWord({ state: status.state, reason: status.reason.code }));
    text(this.#sentence, cardSentence(status));
    this.#nowUnixMs = status.service_time_unix_ms;
    this.#showAge();
    this.#refreshPicture(status, performance.now());
  }

  /** Leaves the page, with its pictures. */
  remove(): void {
    this.element.remove();
    this.#giveUp();
    if (this.#shown !== null) letGo(this.#shown);
  }

  #showAge(): void {
    if (this.#shownUnixMs === null) return;
    text(this.#age, `${stillAgeText(Math.max(0, this.#nowUnixMs - this.#shownUnixMs))} ago`);
  }

  /** The new picture takes the place of the old one when it is there. */
  #refreshPicture({ newest, video: format }: Status, nowMs: number): void {
    const pauseMs = this.#coming === null ? PICTURE_EVERY_MS : PICTURE_DEADLINE_MS;
    if (newest === null || nowMs - this.#askedAtMs < pauseMs) return;
    // A still is the last keyframe: up to a segment older than the newest picture.
    const dateUnixMs = newest.date_unix_ms - 1000 * (format?.target_duration_s ?? 1);
    if (dateUnixMs === this.#shownUnixMs) return;
    this.#askedAtMs = nowMs;
    this.#giveUp();
    const film = stillFilm(`watch/${this.#camera}/still.mp4`, newest);
    this.#coming = film;
    film.setAttribute("aria-hidden", "true");
    film.addEventListener("error", () => {
      if (film === this.#coming) this.#giveUp();
    });
    film.addEventListener("loadeddata", () => {
      this.#coming = null;
      if (this.#shown !== null) letGo(this.#shown);
      (this.#shown ?? this.#nothing).replaceWith(film);
      this.#shown = film;
      this.#shownUnixMs = dateUnixMs;
      this.#showAge();
    });
  }

  #giveUp(): void {
    if (this.#coming !== null) letGo(this.#coming);
    this.#coming = null;
  }
}
