// Brings polls, clock, playback and verdict together, four times a second and
// at once when something happens; follows the page being hidden, shown, cut off
// and put to sleep.

import type { Address } from "./address";
import { isWatched, wasAsleep, watchAttention } from "./attention";
import { chosenIn } from "./choice";
import { Playback } from "./playback";
import { Poller } from "./poller";
import { noPolls, type Polls, takenUpAgain, withResult } from "./polls";
import { ServiceClock } from "./service-clock";
import { judge, type Picture, type Verdict } from "./verdict";

const TICK_MS = 250;
/** Nobody looks for this long: nothing is downloaded any more. */
const REST_AFTER_MS = 60_000;

/** What is to be shown. */
export interface Scene {
  readonly verdict: Verdict;
  readonly polls: Polls;
  readonly picture: Picture;
  readonly playback: Playback;
  readonly engine: string;
  readonly frames: number;
  readonly nowMs: number;
  readonly serviceUnixMs: number | null;
}

export interface WatchingSetting {
  readonly video: HTMLVideoElement;
  readonly still: HTMLCanvasElement;
  /** Null when the page's address names no camera. */
  readonly address: Address | null;
  render(scene: Scene): void;
}

export class Watching {
  readonly playback: Playback;
  readonly #setting: WatchingSetting;
  readonly #poller: Poller;
  readonly #clock = new ServiceClock();
  #polls: Polls;
  #tickedAtMs: number;
  #watchedAtMs: number;

  constructor(setting: WatchingSetting) {
    const nowMs = performance.now();
    const { video, still, address } = setting;
    this.#setting = setting;
    this.#polls = noPolls(nowMs);
    this.#tickedAtMs = nowMs;
    this.#watchedAtMs = nowMs;
    this.#poller = new Poller(address?.status ?? "", (result) => {
      const heardMs = performance.now();
      this.#polls = withResult(this.#polls, result, heardMs);
      if (result.kind === "status") {
        this.#clock.read(result.status.service_time_unix_ms, result.sentMs, heardMs);
      }
      this.#show();
    });
    this.playback = new Playback({
      video,
      still,
      sources: address?.sources ?? { instant: "", lowLatency: "", plain: "" },
      choice: chosenIn(location.hash),
      news: () => this.askNow(),
    });
    if (address === null) {
      this.#polls = withResult(this.#polls, { kind: "refused", refusal: "bad_link" }, nowMs);
    } else {
      if (isWatched(video)) this.#poller.start();
      watchAttention(video, () => this.#attend());
      addEventListener("online", () => {
        if (isWatched(video)) this.#takeUpAgain();
      });
    }
    setInterval(() => this.#tick(), TICK_MS);
    this.#show();
  }

  /** Asks the service now: its answer may have changed. */
  askNow(): void {
    if (this.#setting.address !== null && isWatched(this.#setting.video)) this.#poller.start();
  }

  #tick(): void {
    const nowMs = performance.now();
    const { video, address } = this.#setting;
    if (!isWatched(video)) {
      // Nothing is asked: silence would be taken for a fault.
      if (nowMs - this.#watchedAtMs > REST_AFTER_MS) this.playback.rest();
      return;
    }
    const life = {
      tickedAtMs: this.#tickedAtMs,
      hidden: document.visibilityState === "hidden",
      arrivedAtMs: this.playback.picture().arrivedAtMs,
    };
    if (address !== null && wasAsleep(life, nowMs)) this.#takeUpAgain();
    this.#tickedAtMs = nowMs;
    this.#watchedAtMs = nowMs;
    this.#show();
  }

  #show(): void {
    const nowMs = performance.now();
    const serviceUnixMs = this.#clock.at(nowMs);
    const { playback } = this;
    playback.observe(nowMs);
    const picture = playback.picture();
    const polls = this.#polls;
    const verdict = judge(polls, picture, nowMs, serviceUnixMs);
    playback.act(verdict, polls, nowMs);
    const { engine, frames, choice } = playback;
    document.documentElement.dataset.choice = choice ?? "auto";
    this.#setting.render({ verdict, polls, picture, playback, engine, frames, nowMs, serviceUnixMs });
  }

  #attend(): void {
    const nowMs = performance.now();
    if (!isWatched(this.#setting.video)) {
      this.#poller.stop();
      this.playback.unwatched(nowMs);
    } else if (nowMs - this.#tickedAtMs > TICK_MS) this.#takeUpAgain();
    else this.#poller.start();
  }

  /** The page was hidden, cut off or asleep: what it knows is old, ask at once. */
  #takeUpAgain(): void {
    const nowMs = performance.now();
    this.#tickedAtMs = nowMs;
    this.#polls = takenUpAgain(this.#polls, nowMs);
    this.playback.takenUpAgain(nowMs);
    this.#poller.start();
  }
}
