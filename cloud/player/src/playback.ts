// Owns the engine: builds it when there is something to watch, replaces it when
// the watchdog says so, stops it when the visitor may not watch. Which and when
// are pure functions elsewhere; this file carries them out.

import {
  browserAbilities,
  type Engine,
  type EngineFailure,
  engineFor,
  engineOrder,
  loadEngine,
} from "./engine";
import { Frames } from "./frames";
import type { Status } from "./status";
import { Still } from "./still";
import type { Picture, Verdict } from "./verdict";
import { shouldRebuild } from "./watchdog";

/** A picture that moved for this long has shown that its engine works. */
const PROVEN_MS = 5000;
/** Behind for this long, the engine is told to jump; and not again for as long. */
const SEEK_COOL_DOWN_MS = 5000;
/** Aim until the engine knows its own. */
const DEFAULT_TARGET_DELAY_MS = 4000;

export class Playback {
  readonly #video: HTMLVideoElement;
  readonly #still: Still;
  readonly #frames: Frames;
  readonly #playlist: string;
  readonly #order: ReturnType<typeof engineOrder>;

  #name: string | null = null;
  #engine: Engine | null = null;
  /** Tells a late call of a replaced engine from one of the present. */
  #generation = 0;
  #builtAtMs: number | null = null;
  #failedAtMs: number | null = null;
  /** Rebuilds in a row, and those of them that were the engine's own fault. */
  #attempts = 0;
  #strikes = 0;
  #dueSinceMs = 0;
  #wasDue = false;
  #behindSinceMs: number | null = null;
  #paused = false;
  /** Date and screen time of the last picture, so that both outlive their engine. */
  #capturedUnixMs: number | null = null;
  #movedAtMs: number | null = null;

  constructor(video: HTMLVideoElement, canvas: HTMLCanvasElement, playlist: string) {
    this.#video = video;
    this.#still = new Still(canvas);
    this.#frames = new Frames(video);
    this.#playlist = playlist;
    this.#order = engineOrder(browserAbilities(video));
    // The code is on its way while the first status is.
    if (this.#order[0]) loadEngine(this.#order[0]).catch(() => undefined);
    video.addEventListener("pause", () => {
      // Browsers also say "pause" when a source fails or the page is hidden; a person pauses a picture.
      const picture = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && video.error === null;
      this.#paused = picture && document.visibilityState === "visible";
    });
    video.addEventListener("playing", () => {
      this.#paused = false;
    });
  }

  /** Name of the engine at work, `none` before the first. */
  get engine(): string {
    return this.#name ?? "none";
  }

  /** Pictures that have reached the screen since the page was opened. */
  get frames(): number {
    return this.#frames.total;
  }

  picture(): Picture {
    return {
      movedAtMs: this.#movedAtMs,
      capturedUnixMs: this.#capturedUnixMs,
      targetDelayMs: this.#engine?.targetDelayMs() || DEFAULT_TARGET_DELAY_MS,
      paused: this.#paused,
      unsupported: this.#order.length === 0,
    };
  }

  /** Notes what is on screen. */
  observe(nowMs: number): void {
    this.#frames.tick(nowMs);
    const movedAtMs = this.#frames.movedAtMs;
    if (movedAtMs === null || movedAtMs === this.#movedAtMs || this.#engine === null) return;
    this.#movedAtMs = movedAtMs;
    const currentUnixMs = this.#engine.currentDateUnixMs();
    if (currentUnixMs !== null) this.#capturedUnixMs = currentUnixMs - this.#frames.lagMs;
    if (this.#builtAtMs !== null && movedAtMs - this.#builtAtMs > PROVEN_MS) {
      this.#attempts = 0;
      this.#strikes = 0;
    }
  }

  /** Starts, replaces, moves or stops the engine, as the verdict asks. */
  act(verdict: Verdict, status: Status | null, nowMs: number): void {
    if (verdict.state === "no-access") {
      if (this.#builtAtMs !== null) this.#stop();
      return;
    }
    if (status?.newest == null || this.#order.length === 0) return;
    if (this.#builtAtMs === null) {
      this.#build(nowMs);
      return;
    }
    const visible = document.visibilityState === "visible";
    const serviceLive = status.state === "live" && verdict.state !== "unreachable";
    const due = serviceLive && visible && !this.#paused;
    if (due && !this.#wasDue) {
      this.#dueSinceMs = nowMs;
      this.#attempts = 0;
    }
    this.#wasDue = due;
    const watch = {
      serviceLive,
      visible,
      paused: this.#paused,
      builtAtMs: this.#builtAtMs,
      failedAtMs: this.#failedAtMs,
      movedAtMs: this.#frames.movedAtMs,
      dueSinceMs: this.#dueSinceMs,
      attempts: this.#attempts,
    };
    if (shouldRebuild(watch, nowMs)) {
      this.#attempts += 1;
      if (this.#failedAtMs === null && this.#frames.movedAtMs === null) this.#strikes += 1;
      this.#build(nowMs);
      return;
    }
    this.#jumpWhenBehind(verdict, nowMs);
  }

  /** After a pause of the page itself (hidden, asleep): silence until now is no fault of the engine. */
  takenUpAgain(nowMs: number): void {
    this.#dueSinceMs = nowMs;
    this.#behindSinceMs = null;
    if (this.#engine !== null && !this.#paused) this.#play();
  }

  /** Somebody asked for the picture: the gesture that a browser may insist on. */
  resume(): void {
    this.#paused = false;
    this.#engine?.seekToLive();
    this.#play();
  }

  #jumpWhenBehind(verdict: Verdict, nowMs: number): void {
    if (verdict.reason !== "behind") {
      this.#behindSinceMs = null;
    } else if (this.#behindSinceMs === null) {
      this.#behindSinceMs = nowMs;
    } else if (nowMs - this.#behindSinceMs > SEEK_COOL_DOWN_MS) {
      this.#behindSinceMs = nowMs;
      this.#engine?.seekToLive();
    }
  }

  #build(nowMs: number): void {
    this.#still.keep(this.#video);
    this.#engine?.destroy();
    this.#engine = null;
    this.#frames.restart();
    this.#generation += 1;
    this.#builtAtMs = nowMs;
    this.#failedAtMs = null;
    this.#behindSinceMs = null;
    const name = engineFor(this.#order, this.#strikes);
    if (name === null) return;
    this.#name = name;
    const generation = this.#generation;
    const failed = ({ fault, why }: EngineFailure) => {
      if (generation !== this.#generation || this.#failedAtMs !== null) return;
      console.info(`${name}: ${why}`);
      this.#failedAtMs = performance.now();
      if (fault === "engine") this.#strikes += 1;
    };
    loadEngine(name)
      .then((start) => (generation === this.#generation ? start(this.#video, this.#playlist, failed) : null))
      .then((engine) => {
        if (generation !== this.#generation) {
          engine?.destroy();
          return;
        }
        this.#engine = engine;
        if (!this.#paused) this.#play();
      })
      .catch((error: unknown) => failed({ fault: "network", why: String(error) }));
  }

  #stop(): void {
    this.#generation += 1;
    this.#engine?.destroy();
    this.#engine = null;
    this.#still.clear();
    this.#frames.restart();
    this.#builtAtMs = null;
    this.#capturedUnixMs = null;
    this.#movedAtMs = null;
  }

  #play(): void {
    this.#video.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.#paused = true;
    });
  }
}
