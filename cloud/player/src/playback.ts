// Owns the engine: builds it when there is something to watch, replaces it when
// the watchdog or the choice says so, stops it when the visitor may not watch
// or does not. Which and when are pure functions elsewhere; this file carries
// them out.

import { isApart, isWatched } from "./attention";
import type { EngineName } from "./choice";
import type { DateWindow, Engine, Newest, Sources } from "./engine";
import { Frames } from "./frames";
import type { Polls } from "./polls";
import { Roster } from "./roster";
import { Running } from "./running";
import { Still } from "./still";
import type { Picture, Verdict } from "./verdict";
import { shouldRebuild } from "./watchdog";

/** A picture that moved for this long ends the growth of patience ... */
const WORKS_MS = 5000;
/** ... and for this long clears the engine of what it did before. */
const PROVEN_MS = 60_000;
/** A network that brings an engine nothing so many times in a row may bring another something. */
const NETWORK_ATTEMPTS = 4;
/** Behind for this long, the engine is told to jump; and not again for as long. */
const SEEK_COOL_DOWN_MS = 5000;
/** A page that is hidden so soon after a pause that nobody here asked for was paused by the system. */
const HIDES_WITHIN_MS = 1000;
/** Aim until the engine knows its own. */
const DEFAULT_TARGET_DELAY_MS = 4000;
/** A seek to within this of the newest picture is a wish for the live one. */
const LIVE_EDGE_MS = 3000;

export interface PlaybackSetting {
  readonly video: HTMLVideoElement;
  readonly still: HTMLCanvasElement;
  readonly sources: Sources;
  readonly choice: EngineName | null;
  /** Something happened that the service's status may explain. */
  news(): void;
}

export class Playback {
  readonly #video: HTMLVideoElement;
  readonly #still: Still;
  readonly #frames: Frames;
  readonly #setting: PlaybackSetting;
  readonly #roster: Roster;

  #running: Running | null = null;
  #name: EngineName | "none" = "none";
  /** Rebuilds in a row. */
  #attempts = 0;
  #dueSinceMs = 0;
  #wasDue = false;
  #behindSinceMs: number | null = null;
  #paused = false;
  /** When the video paused without being told to here, page clock. */
  #pausedUnaskedAtMs = Number.NEGATIVE_INFINITY;
  /** Where in the past the visitor is, or wants to be; null for the live edge. */
  #rewoundToUnixMs: number | null = null;
  /** Date and screen time of the last picture, so that both outlive their engine. */
  #capturedUnixMs: number | null = null;
  #movedAtMs: number | null = null;
  #newest: Newest | null = null;

  constructor(setting: PlaybackSetting) {
    const { video } = setting;
    this.#setting = setting;
    this.#video = video;
    this.#roster = new Roster(video, setting.choice);
    this.#still = new Still(setting.still);
    this.#frames = new Frames(video);
    video.addEventListener("pause", () => {
      if (this.#paused) return;
      // Browsers also say "pause" when a source fails or the page is hidden; a person pauses a picture.
      const picture = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && video.error === null;
      this.#paused = picture && isWatched(video);
      this.#pausedUnaskedAtMs = performance.now();
    });
    video.addEventListener("playing", () => {
      this.#paused = false;
    });
  }

  /** Name of the engine at work, or of the last one. */
  get engine(): EngineName | "none" {
    return this.#name;
  }

  /** What this browser can use, best first; a choice goes before all. */
  get engines(): readonly EngineName[] {
    return this.#roster.engines;
  }

  /** The visitor's choice; null leaves it to the page. */
  get choice(): EngineName | null {
    return this.#roster.choice;
  }

  /** Pictures that have reached the screen since the page was opened. */
  get frames(): number {
    return this.#frames.total;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get rewound(): boolean {
    return this.#rewoundToUnixMs !== null;
  }

  get canRewind(): boolean {
    return this.#roster.canRewind;
  }

  /** Dates that can be sought; null while they are not known. */
  window(): DateWindow | null {
    return this.#engine?.past?.window() ?? null;
  }

  picture(): Picture {
    return {
      movedAtMs: this.#movedAtMs,
      arrivedAtMs: this.#engine?.arrivedAtMs() ?? null,
      capturedUnixMs: this.#capturedUnixMs,
      targetDelayMs: this.#engine?.targetDelayMs() || DEFAULT_TARGET_DELAY_MS,
      paused: this.#paused,
      rewound: this.rewound,
      unsupported: this.engines.length === 0,
    };
  }

  /** Prefers an engine, or none; what it does badly still falls back. */
  choose(choice: EngineName | null): void {
    this.#roster.choose(choice);
    if (this.#running && this.#name !== this.#wanted(performance.now())) this.#build();
  }

  pause(): void {
    this.#paused = true;
    this.#video.pause();
  }

  /** Somebody asked for the picture: the gesture that a browser may insist on. */
  resume(): void {
    const letGo = this.#letGo;
    this.#paused = false;
    if (letGo) {
      this.#build();
      return;
    }
    if (!this.rewound) this.#engine?.toLive();
    this.#play();
  }

  /** Goes back in time; a negative number goes forward, at most to the live picture. */
  seekBack(seconds: number): void {
    // Presses in quick succession add up.
    const fromUnixMs = this.#rewoundToUnixMs ?? this.#capturedUnixMs ?? this.#newest?.unixMs;
    if (fromUnixMs !== undefined) this.seekTo(fromUnixMs - 1000 * seconds);
  }

  /** Goes to a capture date, at most to the live picture. */
  seekTo(unixMs: number): void {
    if (!this.canRewind || (this.#running === null && !this.#letGo)) return;
    const endUnixMs = this.window()?.endUnixMs ?? this.#newest?.unixMs ?? null;
    if (endUnixMs !== null && endUnixMs - unixMs < LIVE_EDGE_MS) {
      this.toLive();
      return;
    }
    const startUnixMs = this.window()?.startUnixMs ?? unixMs;
    this.#rewoundToUnixMs = Math.max(unixMs, startUnixMs);
    if (this.#engine?.past) this.#engine.past.seekTo(this.#rewoundToUnixMs);
    else this.#build();
  }

  toLive(): void {
    if (!this.rewound) return;
    this.#rewoundToUnixMs = null;
    if (this.#name === this.#wanted(performance.now())) {
      this.resume();
    } else {
      this.#paused = false;
      this.#build();
    }
  }

  /** Notes what is on screen. */
  observe(nowMs: number): void {
    this.#frames.tick(nowMs);
    const movedAtMs = this.#frames.movedAtMs;
    const running = this.#running;
    if (movedAtMs === null || movedAtMs === this.#movedAtMs || !running?.engine) return;
    this.#movedAtMs = movedAtMs;
    const { engine } = running;
    const capturedUnixMs = engine.dateAt(this.#frames.mediaTimeS);
    // On the way to a date the last one counts; an engine that knows none must not show another's.
    if ((capturedUnixMs !== null || engine.past === null) && !this.#video.seeking) {
      this.#capturedUnixMs = capturedUnixMs;
      if (this.rewound) this.#rewoundToUnixMs = capturedUnixMs;
    }
    const playedMs = movedAtMs - running.builtAtMs;
    if (playedMs > WORKS_MS) this.#attempts = 0;
    if (playedMs > PROVEN_MS) this.#roster.praise(running.name);
  }

  /** Starts, replaces, moves or stops the engine, as the verdict asks. */
  act(verdict: Verdict, { status, statusAtMs }: Polls, nowMs: number): void {
    if (verdict.state === "no-access") {
      this.#forget();
      return;
    }
    this.#roster.learnCodec(status?.video?.codec ?? null);
    const newestUnixMs = status?.newest?.date_unix_ms ?? null;
    this.#newest =
      newestUnixMs === null || statusAtMs === null ? null : { unixMs: newestUnixMs, heardAtMs: statusAtMs };
    if (this.#newest === null || this.engines.length === 0) return;
    if (this.#letGo) return;
    if (this.#running === null) {
      this.#build();
      return;
    }
    if (this.#downloadsInVain) {
      this.rest();
      return;
    }
    const watched = isWatched(this.#video);
    const serviceLive = status?.state === "live" && verdict.state !== "unreachable";
    const due = serviceLive && watched && !this.#paused;
    if (due && !this.#wasDue) {
      this.#dueSinceMs = nowMs;
      this.#attempts = 0;
    }
    this.#wasDue = due;
    if (this.#isSpent(this.#running, { serviceLive, watched }, nowMs)) {
      this.#attempts += 1;
      const failed = this.#running.failedAtMs !== null && this.#attempts < NETWORK_ATTEMPTS;
      if (!failed && this.#frames.movedAtMs === null) this.#roster.blame(this.#running.name, false, nowMs);
      this.#build();
      return;
    }
    if (due && !this.rewound && this.#roster.hasBetter(this.#running.name, nowMs)) {
      this.#build();
      return;
    }
    this.#engine?.tick(nowMs, serviceLive ? this.#newest : null);
    this.#jumpWhenBehind(verdict, nowMs);
  }

  /** Nobody looks any more; phones pause a video a moment before they hide its page. */
  unwatched(nowMs: number): void {
    if (nowMs - this.#pausedUnaskedAtMs < HIDES_WITHIN_MS) this.#paused = false;
  }

  /** After a pause of the page itself (hidden, asleep): silence until now is no fault of the engine. */
  takenUpAgain(nowMs: number): void {
    this.#dueSinceMs = nowMs;
    this.#behindSinceMs = null;
    if (this.#engine === null || this.#paused) return;
    if (!this.rewound) this.#engine.toLive();
    this.#play();
  }

  /** Downloads nothing until somebody looks, or plays what is paused. */
  rest(): void {
    if (this.#running === null) return;
    this.#still.keep(this.#video);
    this.#end();
  }

  get #engine(): Engine | null {
    return this.#running?.engine ?? null;
  }

  /** The paused picture is a still: its engine was let go. */
  get #letGo(): boolean {
    return this.#running === null && this.#paused && this.#movedAtMs !== null;
  }

  /** A paused picture is there, and its engine cannot stop by itself. In a window of its own it cannot be replaced by a still. */
  get #downloadsInVain(): boolean {
    if (!this.#paused || !this.#engine?.neverRests || this.#frames.movedAtMs === null) return false;
    return !this.#video.seeking && !isApart(this.#video);
  }

  #isSpent(
    { builtAtMs, failedAtMs, engine }: Running,
    service: { serviceLive: boolean; watched: boolean },
    nowMs: number,
  ): boolean {
    const watch = {
      ...service,
      paused: this.#paused,
      builtAtMs,
      failedAtMs,
      movedAtMs: this.#frames.movedAtMs,
      arrivedAtMs: engine?.arrivedAtMs() ?? null,
      dueSinceMs: this.#dueSinceMs,
      attempts: this.#attempts,
    };
    return shouldRebuild(watch, nowMs);
  }

  #wanted(nowMs: number): EngineName | null {
    return this.#roster.up(this.rewound, nowMs);
  }

  #jumpWhenBehind(verdict: Verdict, nowMs: number): void {
    const newestUnixMs = this.#newest?.unixMs ?? 0;
    // Where the camera itself is late, a jump would find nothing newer.
    const newer = newestUnixMs - (this.#capturedUnixMs ?? 0) > this.picture().targetDelayMs;
    if (verdict.reason !== "behind" || !newer) {
      this.#behindSinceMs = null;
    } else if (this.#behindSinceMs === null) {
      this.#behindSinceMs = nowMs;
    } else if (nowMs - this.#behindSinceMs > SEEK_COOL_DOWN_MS) {
      this.#behindSinceMs = nowMs;
      this.#engine?.toLive();
    }
  }

  #build(): void {
    this.#still.keep(this.#video);
    this.#end();
    const name = this.#wanted(performance.now());
    if (name === null) return;
    this.#name = name;
    const { video, sources, news } = this.#setting;
    const setting = { video, sources, news, startUnixMs: this.#rewoundToUnixMs };
    this.#running = new Running(name, setting, {
      started: () => {
        if (!this.#paused) this.#play();
      },
      failed: ({ fault, why }) => {
        console.info(`${name}: ${why}`);
        if (fault !== "network") this.#roster.blame(name, fault === "unfit", performance.now());
      },
    });
  }

  #end(): void {
    this.#running?.end();
    this.#running = null;
    this.#frames.restart();
    this.#behindSinceMs = null;
  }

  /** Nothing of the picture stays. */
  #forget(): void {
    if (this.#running === null && this.#movedAtMs === null) return;
    this.#end();
    this.#still.clear();
    this.#rewoundToUnixMs = null;
    this.#capturedUnixMs = null;
    this.#movedAtMs = null;
  }

  #play(): void {
    this.#video.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.#paused = true;
    });
  }
}
