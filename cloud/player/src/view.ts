// Puts a verdict and a status on the page. Writes only what changed, so that
// screen readers and layout stay calm, and repeats the facts for programs as
// data attributes of the root element.

import { offeredWish, WISH_WORDS } from "./command";
import { element, hide, rebuild, set, tag, text } from "./element";
import { healthNumbers, healthWords } from "./health";
import type { Scene } from "./watching";
import { ageText, badgeWord, explain, moment, pictureSentence, viewersText } from "./wording";

/** The age on the badge changes this often: readable, still true. */
const AGE_EVERY_MS = 1000;

export class View {
  readonly #camera: string;
  #ageShownAtMs = Number.NEGATIVE_INFINITY;
  #ageShownMs = 0;
  #shown = "";

  constructor(camera: string) {
    this.#camera = camera;
    text(element("camera"), camera);
  }

  render(scene: Scene): void {
    const { verdict, polls, picture, serviceUnixMs } = scene;
    const root = document.documentElement;
    const { status } = polls;
    set(root, "state", verdict.state);
    set(root, "reason", verdict.reason);
    set(root, "ageMs", verdict.ageMs === null ? "" : String(Math.round(verdict.ageMs)));
    set(root, "engine", scene.engine);
    set(root, "frames", String(scene.frames));
    set(root, "picture", picture.movedAtMs === null ? "none" : "some");

    const { headline, detail } = explain(verdict, polls, serviceUnixMs, navigator.onLine);
    const word = badgeWord(verdict);
    text(element("word"), word);
    text(element("headline"), headline);
    text(element("detail"), detail);
    const shown = word + headline;
    const changed = this.#shown !== shown;
    this.#shown = shown;
    if (changed) {
      document.title = `${this.#camera} · ${word.toLowerCase()}`;
      text(
        element("announcement"),
        headline.toUpperCase() === word ? `${headline}.` : `${word}. ${headline}.`,
      );
    }
    // Another picture, such as after a way back, at once.
    const jumped = Math.abs((verdict.ageMs ?? 0) - this.#ageShownMs) > AGE_EVERY_MS;
    if (changed || jumped || scene.nowMs - this.#ageShownAtMs >= AGE_EVERY_MS) {
      this.#ageShownAtMs = scene.nowMs;
      this.#ageShownMs = verdict.ageMs ?? 0;
      this.#renderAge(scene);
    }

    root.toggleAttribute("data-veiled", VEILED.has(verdict.state));
    hide(
      element("veil"),
      !(VEILED.has(verdict.state) || (picture.movedAtMs === null && verdict.reason !== "paused")),
    );
    hide(element("play"), verdict.reason !== "paused");

    // Nobody knows how many watch while the service does not answer; and who reads "0" knows better.
    const unknown = verdict.state === "no-access" || verdict.state === "unreachable";
    const viewers = unknown ? 0 : (status?.viewers ?? 0);
    hide(element("viewers"), viewers === 0);
    text(element("viewers-count"), String(viewers));
    text(element("viewers-words"), viewersText(viewers));
    const wish = verdict.state === "no-access" ? null : offeredWish(status);
    hide(element("command"), wish === null);
    if (wish) {
      text(element("command"), WISH_WORDS[wish]);
      set(element("command"), "wish", wish);
    }
    if (status?.video) {
      root.style.setProperty("--aspect", String(status.video.width / status.video.height));
    }
    this.#renderHealth(scene);
  }

  #renderAge({ verdict, picture, polls, serviceUnixMs }: Scene): void {
    const newest = polls.status?.newest?.date_unix_ms ?? null;
    const shown = picture.capturedUnixMs ?? newest;
    const known = verdict.ageMs ?? (shown !== null && serviceUnixMs !== null ? serviceUnixMs - shown : null);
    const onBadge = VEILED.has(verdict.state) ? null : verdict.ageMs;
    text(element("age"), onBadge === null ? "" : `${ageText(onBadge)} ago`);
    text(element("sentence"), pictureSentence({ ...verdict, ageMs: known }, shown, serviceUnixMs));
  }

  #renderHealth({ verdict, polls: { status }, serviceUnixMs }: Scene): void {
    const numbers = status && verdict.state !== "no-access" ? healthNumbers(status) : [];
    hide(element("health"), status === null || numbers.length === 0);
    if (status === null || numbers.length === 0) return;
    const words = healthWords(status.health);
    rebuild(element("health-words"), JSON.stringify(words), () =>
      words.length === 0
        ? [tag("span", "", "Camera in numbers")]
        : words.map(({ label, word, grade }) => {
            const item = tag("span", `word ${grade}`, "");
            item.append(tag("span", "label", label), " ", tag("b", "", word));
            return item;
          }),
    );
    rebuild(element("numbers"), JSON.stringify(numbers), () =>
      numbers.map(([name, value]) => {
        const item = tag("div", "", "");
        item.append(tag("dt", "", name), tag("dd", "", value));
        return item;
      }),
    );
    hide(element("black-box"), status.black_box.length === 0);
    rebuild(element("black-box-entries"), JSON.stringify(status.black_box), () =>
      status.black_box.map(({ unix_s, text }) => {
        const when = unix_s === undefined ? "Before its clock was set" : moment(1000 * unix_s, serviceUnixMs);
        const item = tag("li", "", "");
        item.append(tag("time", "", when), " ", text);
        return item;
      }),
    );
  }
}

const VEILED: ReadonlySet<string> = new Set(["offline", "no-access", "unreachable"]);
