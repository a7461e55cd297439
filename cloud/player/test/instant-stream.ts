// The played service's `live.mp4`: fragments as ffmpeg writes them, each answer
// beginning with the newest keyframe. Faults are a test's to switch on.

import type { ServerResponse } from "node:http";
import { Cutter, type Piece } from "../src/engine/instant/boxes";

const CODEC = "avc1.42c01f";
const TICKS_PER_MS = 16;

export class InstantStream {
  /** HTTP status instead of the stream. */
  refuse: number | null = null;
  /** Responses that were begun. */
  opened = 0;
  /** A response is ended after this long. */
  lifetimeMs: number | null = null;
  /** Responses that were still open then. */
  outlived = 0;
  /** Nothing is sent, and what was is kept for later; as a network that stands still. */
  #held = false;
  readonly #responses = new Set<ServerResponse>();
  /** Requests that wait for the first picture. */
  #early: (() => void)[] = [];
  readonly #waiting = new Map<ServerResponse, Buffer[]>();
  readonly #gopFrames: number;
  #cutter = new Cutter();
  #init: Uint8Array | null = null;
  #gop: Uint8Array[] = [];
  readonly #stills = new Map<string, Buffer>();
  #frame = 0;
  #run = 0;
  #runDateUnixMs = 0;

  constructor(gopFrames: number) {
    this.#gopFrames = gopFrames;
  }

  /** Responses that are open. */
  get open(): number {
    return this.#responses.size;
  }

  /** Number of the newest segment, which is a group of pictures here. */
  get segment(): number {
    return this.#run + Math.ceil(this.#frame / this.#gopFrames);
  }

  /** A segment's keyframe, or the newest, as a file of one frame; null where there is none. */
  still(run: string | null, segment: string | null): Buffer | null {
    const name = run === null ? this.#stillName : `${run}-${segment}`;
    return this.#stills.get(name) ?? null;
  }

  get #stillName(): string {
    return `${this.#run}-${this.segment}`;
  }

  /** A run begins: its answers are new ones. */
  begin(run: number): void {
    this.end();
    this.#run = run;
    this.#cutter = new Cutter();
    this.#init = null;
    this.#gop = [];
    this.#frame = 0;
  }

  /** Ends the open responses, as at the end of their time. */
  end(): void {
    for (const response of this.#responses) response.end();
  }

  hold(held: boolean): void {
    this.#held = held;
    if (held) return;
    for (const [response, parts] of this.#waiting) response.write(Buffer.concat(parts));
    this.#waiting.clear();
  }

  /** What ffmpeg wrote. */
  push(bytes: Uint8Array): void {
    for (const piece of this.#cutter.push(bytes)) this.#take(piece);
  }

  answer(response: ServerResponse, clockOffsetMs: number): void {
    if (this.refuse !== null) {
      response.writeHead(this.refuse, { "Cache-Control": "no-store" }).end("no picture yet");
      return;
    }
    if (this.#init === null || this.#gop.length === 0) {
      this.#early.push(() => this.answer(response, clockOffsetMs));
      return;
    }
    this.opened += 1;
    response.writeHead(200, {
      "Content-Type": "video/mp4",
      "Cache-Control": "no-store",
      "zerocam-run": String(this.#run),
      "zerocam-run-date-unix-ms": String(Math.round(this.#runDateUnixMs + clockOffsetMs)),
      "zerocam-codec": CODEC,
    });
    this.#responses.add(response);
    const over = () => {
      this.outlived += 1;
      response.end();
    };
    const timer = this.lifetimeMs === null ? undefined : setTimeout(over, this.lifetimeMs);
    response.on("close", () => {
      clearTimeout(timer);
      this.#responses.delete(response);
      this.#waiting.delete(response);
    });
    this.#send(response, Buffer.concat([this.#init, ...this.#gop]));
  }

  #take(piece: Piece): void {
    if (piece.kind === "init") {
      this.#init = piece.bytes;
      return;
    }
    // The quickest frame was the least held up by ffmpeg.
    const dateUnixMs = Date.now() - piece.decodeTime / TICKS_PER_MS;
    this.#runDateUnixMs = this.#frame === 0 ? dateUnixMs : Math.min(this.#runDateUnixMs, dateUnixMs);
    const isKeyframe = this.#frame % this.#gopFrames === 0;
    if (isKeyframe) this.#gop = [];
    this.#frame += 1;
    this.#gop.push(piece.bytes);
    if (isKeyframe && this.#init) {
      this.#stills.set(this.#stillName, Buffer.concat([this.#init, piece.bytes]));
    }
    for (const response of this.#responses) this.#send(response, Buffer.from(piece.bytes));
    const early = this.#early;
    this.#early = [];
    for (const answer of early) answer();
  }

  #send(response: ServerResponse, bytes: Buffer): void {
    if (this.#held) this.#waiting.set(response, [...(this.#waiting.get(response) ?? []), bytes]);
    else response.write(bytes);
  }
}
