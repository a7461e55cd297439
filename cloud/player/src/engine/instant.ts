// The instant stream: one endless response of fragmented MP4, one fragment a
// frame, fed to MediaSource or ManagedMediaSource. Responses follow each other
// without a seam: the next one is opened before an old one ends by itself, and
// at once when it ends unasked. What cannot be opened ends the engine; trying
// again is the watchdog's.

import { IS_WEBKIT, mediaSourceClass, mp4Type } from "../abilities";
import type { Engine, EngineFailure, EngineSetting, Newest, StartEngine } from "../engine";
import { carryOut, gapAhead, Pace, type PaceLimits } from "../pace";
import type { Piece } from "./instant/boxes";
import { DrySpell } from "./instant/dry-spell";
import { Renewal } from "./instant/renewal";
import { ResponseError, readResponse } from "./instant/response";
import { SourceQueue } from "./instant/source-queue";
import { type Head, Timeline } from "./instant/timeline";

const LIMITS: PaceLimits = {
  firstTargetMs: 180,
  leastTargetMs: 150,
  mostTargetMs: 2000,
  fastestRate: IS_WEBKIT ? 1 : 1.5,
  seekBeyondMs: IS_WEBKIT ? 500 : 1000,
};

/** A response that ends sooner than this was none. */
const SHORTEST_MS = 1000;

/** One request and what becomes of it. */
interface Link {
  readonly abort: AbortController;
  readonly openedAtMs: number;
  readonly renewal: Renewal;
  init: Uint8Array | null;
}

export const startInstant: StartEngine = (setting) => new Instant(setting);

class Instant implements Engine {
  readonly past = null;
  readonly neverRests = false;
  readonly #setting: EngineSetting;
  readonly #video: HTMLVideoElement;
  readonly #pace = new Pace(LIMITS);
  readonly #timeline = new Timeline();
  readonly #ended = new AbortController();
  readonly #queue: SourceQueue;
  readonly #url: string;
  /** The response that feeds, and the one that is to take its place. */
  #current: Link | null = null;
  #next: Link | null = null;
  /** Nothing is read while the visitor has paused or the browser has enough. */
  #resting = true;
  #arrivedAtMs: number | null = null;
  #drySpell: DrySpell | null = null;

  constructor(setting: EngineSetting) {
    this.#setting = setting;
    const { video } = setting;
    this.#video = video;
    const Source = mediaSourceClass() ?? MediaSource;
    // Without this a ManagedMediaSource never opens.
    if (Source !== globalThis.MediaSource) video.disableRemotePlayback = true;
    const source = new Source();
    this.#queue = new SourceQueue(source, () => video.currentTime, {
      changed: () => this.#follow(),
      broken: (why) => this.#fail({ fault: "engine", why }),
    });
    const { signal } = this.#ended;
    const wake = () => this.#wake();
    source.addEventListener("startstreaming", wake, { signal });
    source.addEventListener("endstreaming", () => this.#rest(), { signal });
    video.addEventListener("play", wake, { signal });
    video.addEventListener("waiting", () => this.#waiting(), { signal });
    video.addEventListener(
      "error",
      () => this.#fail({ fault: "engine", why: video.error?.message || "the decoder gave up" }),
      { signal },
    );
    this.#url = URL.createObjectURL(source);
    video.src = this.#url;
    this.#wake();
  }

  dateAt(mediaTimeS: number): number | null {
    return this.#timeline.dateAt(mediaTimeS);
  }

  targetDelayMs(): number {
    return this.#pace.targetMs;
  }

  arrivedAtMs(): number | null {
    return this.#arrivedAtMs;
  }

  toLive(): void {
    this.#rest();
    this.#wake();
  }

  tick(nowMs: number, newest: Newest | null): void {
    const shown = this.#video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    if (this.#video.paused && shown) this.#rest();
    const current = this.#current;
    if (current === null) return;
    this.#follow();
    const have = this.#timeline.newestUnixMs;
    const known = newest !== null && have !== null;
    const culprit = known ? this.#drySpell?.judge(newest, have, nowMs) : null;
    if (culprit) this.#drySpell = null;
    if (culprit === "way") this.#fail({ fault: "unfit", why: "the picture stalls again and again" });
    else if (current.renewal.isDue(known ? newest.unixMs - have : 0, nowMs)) this.#open();
  }

  destroy(): void {
    this.#ended.abort();
    this.#rest();
    this.#video.disableRemotePlayback = false;
    this.#video.playbackRate = 1;
    this.#video.removeAttribute("src");
    this.#video.load();
    URL.revokeObjectURL(this.#url);
  }

  #wake(): void {
    if (!this.#resting) return;
    this.#resting = false;
    this.#open();
  }

  #rest(): void {
    this.#resting = true;
    this.#current?.abort.abort();
    this.#next?.abort.abort();
    this.#current = null;
    this.#next = null;
  }

  #open(): void {
    if (this.#next !== null) return;
    const openedAtMs = performance.now();
    const renewal = new Renewal(openedAtMs, Math.random());
    const link: Link = { abort: new AbortController(), openedAtMs, renewal, init: null };
    this.#next = link;
    readResponse(this.#setting.sources.instant, link.abort, (head, pieces) => this.#take(link, head, pieces))
      .then(() => this.#over(link, null))
      .catch((error: unknown) => this.#over(link, error));
  }

  #take(link: Link, head: Head, pieces: Piece[]): void {
    if (link !== this.#current && link !== this.#next) return;
    this.#arrivedAtMs = performance.now();
    if (link === this.#next) {
      this.#current?.abort.abort();
      this.#current = link;
      this.#next = null;
      this.#pace.settle(this.#arrivedAtMs);
    }
    for (const piece of pieces) {
      if (piece.kind === "init") link.init = piece.bytes;
      else this.#append(link, head, piece);
    }
  }

  #append(link: Link, head: Head, { bytes, decodeTime }: Extract<Piece, { kind: "fragment" }>): void {
    if (link.init === null) {
      this.#fail({ fault: "engine", why: "a fragment before the init" });
      return;
    }
    const placement = this.#timeline.place(head, decodeTime / TICKS_PER_MS);
    if (placement.kind === "skip") return;
    if (placement.kind === "begin") {
      if (!mediaSourceClass()?.isTypeSupported(mp4Type(head.codec))) {
        this.#fail({ fault: "unfit", why: `this browser does not play ${head.codec}` });
        return;
      }
      this.#queue.begin(head.codec, placement.offsetMs, link.init);
    }
    this.#queue.append(bytes);
  }

  /** A response is over: by itself, or with an error. */
  #over(link: Link, error: unknown): void {
    const nowMs = performance.now();
    if (link === this.#next) {
      this.#next = null;
      const failure = failureOf(error);
      if (this.#current === null || failure.fault === "unfit") {
        this.#fail(failure);
        return;
      }
      this.#current.renewal.postpone(nowMs);
      return;
    }
    if (link !== this.#current) return;
    this.#current = null;
    this.#setting.news();
    if (error !== null || nowMs - link.openedAtMs < SHORTEST_MS) {
      this.#fail(failureOf(error));
      return;
    }
    this.#open();
  }

  #follow(): void {
    const video = this.#video;
    if (video.seeking || video.buffered.length === 0 || this.#ended.signal.aborted) return;
    if (video.paused && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) return;
    carryOut(this.#pace.step(gapAhead(video.buffered, video.currentTime), performance.now()), video);
  }

  #waiting(): void {
    if (this.#video.seeking || this.#current === null) return;
    const nowMs = performance.now();
    const gapMs = gapAhead(this.#video.buffered, this.#video.currentTime);
    if (gapMs === null) this.#follow();
    else if (!this.#pace.stalled(gapMs, nowMs)) {
      this.#drySpell ??= new DrySpell(this.#timeline.newestUnixMs ?? 0, nowMs);
      this.#setting.news();
    }
  }

  #fail(failure: EngineFailure): void {
    if (this.#ended.signal.aborted) return;
    this.#rest();
    this.#setting.failed(failure);
  }
}

/** Decode times count 16 to the millisecond. */
const TICKS_PER_MS = 16;

function failureOf(error: unknown): EngineFailure {
  if (error instanceof ResponseError) return { fault: error.fault, why: error.message };
  return { fault: "network", why: error === null ? "the response ended at once" : String(error) };
}
