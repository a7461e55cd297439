// Feeds a SourceBuffer, which takes one thing at a time: appends wait in a
// bounded queue and are merged, a run's beginning keeps its place among them,
// the past is trimmed, and a full buffer is emptied once before giving up.

import { mp4Type } from "../../abilities";
import { join } from "./boxes";

type Job =
  | { readonly kind: "bytes"; readonly parts: Uint8Array[] }
  | { readonly kind: "begin"; readonly codec: string; readonly offsetMs: number; readonly init: Uint8Array };

/** The past that stays, and what may gather before it is cut back to that; seconds. */
const KEPT_S = 5;
const TRIM_ABOVE_S = 15;
/** The browser takes no more: it sleeps, or is broken. */
const MAX_WAITING_BYTES = 16_000_000;

export interface QueueEvents {
  /** Something was appended or removed. */
  changed(): void;
  broken(why: string): void;
}

export class SourceQueue {
  readonly #source: MediaSource;
  readonly #playheadS: () => number;
  readonly #events: QueueEvents;
  #buffer: SourceBuffer | null = null;
  #codec = "";
  #jobs: Job[] = [];
  #waitingBytes = 0;
  /** The buffer was full and has been emptied; cleared by the next append that works. */
  #emptied = false;

  constructor(source: MediaSource, playheadS: () => number, events: QueueEvents) {
    this.#source = source;
    this.#playheadS = playheadS;
    this.#events = events;
    source.addEventListener("sourceopen", () => this.#pump(), { once: true });
  }

  /** A run begins: its init, and where on the media timeline its time 0 is. */
  begin(codec: string, offsetMs: number, init: Uint8Array): void {
    this.#jobs.push({ kind: "begin", codec, offsetMs, init });
    this.#pump();
  }

  append(bytes: Uint8Array): void {
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#events.broken("the browser takes no more video");
      return;
    }
    const last = this.#jobs.at(-1);
    if (last?.kind === "bytes") last.parts.push(bytes);
    else this.#jobs.push({ kind: "bytes", parts: [bytes] });
    this.#pump();
  }

  #pump(): void {
    if (this.#source.readyState !== "open" || this.#buffer?.updating || this.#trim()) return;
    const job = this.#jobs[0];
    if (!job) return;
    try {
      if (job.kind === "begin") this.#begin(job);
      else this.#append(job.parts);
      this.#jobs.shift();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "QuotaExceededError" || !this.#makeRoom()) {
        this.#events.broken(String(error));
      }
    }
  }

  #begin({ codec, offsetMs, init }: Extract<Job, { kind: "begin" }>): void {
    if (this.#buffer === null) {
      this.#source.duration = Number.POSITIVE_INFINITY;
      this.#buffer = this.#source.addSourceBuffer(mp4Type(codec));
      this.#buffer.addEventListener("updateend", () => {
        this.#events.changed();
        this.#pump();
      });
    } else if (codec !== this.#codec) {
      this.#buffer.changeType(mp4Type(codec));
    }
    this.#codec = codec;
    this.#buffer.timestampOffset = offsetMs / 1000;
    this.#buffer.appendBuffer(init as BufferSource);
  }

  #append(parts: Uint8Array[]): void {
    const bytes = join(parts);
    this.#buffer?.appendBuffer(bytes as BufferSource);
    this.#waitingBytes -= bytes.length;
    this.#emptied = false;
  }

  /** True when it began to remove something. */
  #trim(): boolean {
    const buffered = this.#buffer?.buffered;
    if (!buffered?.length || this.#playheadS() - buffered.start(0) < TRIM_ABOVE_S) return false;
    this.#buffer?.remove(0, this.#playheadS() - KEPT_S);
    return true;
  }

  #makeRoom(): boolean {
    const upToS = this.#playheadS() - 1;
    if (this.#emptied || upToS <= 0) return false;
    this.#emptied = true;
    this.#buffer?.remove(0, upToS);
    return true;
  }
}
