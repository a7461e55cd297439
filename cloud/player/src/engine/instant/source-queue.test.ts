import { beforeEach, expect, test } from "vitest";
import { SourceQueue } from "./source-queue";

/** A SourceBuffer that writes down what is asked of it, and is done when told. */
class Buffer extends EventTarget {
  readonly log: string[] = [];
  updating = false;
  full = false;
  held: [number, number] | null = null;
  #offset = 0;

  set timestampOffset(seconds: number) {
    this.#offset = seconds;
  }

  get buffered() {
    const held = this.held;
    return { length: held ? 1 : 0, start: () => held?.[0] ?? 0, end: () => held?.[1] ?? 0 };
  }

  changeType(type: string): void {
    this.log.push(`change to ${type}`);
  }

  appendBuffer(bytes: Uint8Array): void {
    if (this.full) throw new DOMException("full", "QuotaExceededError");
    this.log.push(`append ${bytes.join("")} at ${this.#offset}`);
    this.updating = true;
  }

  remove(fromS: number, toS: number): void {
    this.log.push(`remove ${fromS} to ${toS}`);
    this.updating = true;
  }

  finish(): void {
    this.updating = false;
    this.dispatchEvent(new Event("updateend"));
  }
}

class Source extends EventTarget {
  readyState = "open";
  duration = 0;
  readonly buffer = new Buffer();

  addSourceBuffer(type: string): Buffer {
    this.buffer.log.push(`add ${type}`);
    return this.buffer;
  }
}

let source: Source;
let queue: SourceQueue;
let faults: string[];
let playheadS: number;

beforeEach(() => {
  source = new Source();
  faults = [];
  playheadS = 0;
  queue = new SourceQueue(source as unknown as MediaSource, () => playheadS, {
    changed: () => undefined,
    broken: (why) => faults.push(why),
  });
});

const bytes = (...values: number[]) => new Uint8Array(values);
const log = () => source.buffer.log.splice(0);

function begin(): void {
  queue.begin("avc1.42c01f", 0, bytes(0));
  source.buffer.finish();
  log();
}

test("nothing is touched before the source is open", () => {
  source.readyState = "closed";
  queue.begin("avc1.42c01f", 0, bytes(0));
  queue.append(bytes(1));
  expect(log()).toEqual([]);
  source.readyState = "open";
  source.dispatchEvent(new Event("sourceopen"));
  expect(log()).toEqual(['add video/mp4; codecs="avc1.42c01f"', "append 0 at 0"]);
  expect(source.duration).toBe(Number.POSITIVE_INFINITY);
});

test("what comes while the buffer is busy is appended at once", () => {
  begin();
  queue.append(bytes(1));
  queue.append(bytes(2));
  queue.append(bytes(3));
  expect(log()).toEqual(["append 1 at 0"]);
  source.buffer.finish();
  expect(log()).toEqual(["append 23 at 0"]);
});

test("a new run keeps its place, and changes the type only with the codec", () => {
  begin();
  queue.append(bytes(1));
  queue.begin("avc1.42c01f", 5000, bytes(7));
  queue.append(bytes(2));
  queue.begin("avc1.640028", 9000, bytes(8));
  for (let times = 0; times < 4; times += 1) source.buffer.finish();
  expect(log()).toEqual([
    "append 1 at 0",
    "append 7 at 5",
    "append 2 at 5",
    'change to video/mp4; codecs="avc1.640028"',
    "append 8 at 9",
  ]);
});

test("the past is trimmed before more is appended", () => {
  begin();
  source.buffer.held = [10, 40];
  playheadS = 39;
  queue.append(bytes(1));
  expect(log()).toEqual(["remove 0 to 34"]);
  source.buffer.held = [34, 40];
  source.buffer.finish();
  expect(log()).toEqual(["append 1 at 0"]);
});

test("a full buffer is emptied once, and the same bytes are tried again", () => {
  begin();
  playheadS = 8;
  source.buffer.full = true;
  queue.append(bytes(1));
  expect(log()).toEqual(["remove 0 to 7"]);
  source.buffer.full = false;
  source.buffer.finish();
  expect(log()).toEqual(["append 1 at 0"]);
  expect(faults).toEqual([]);
});

test("a buffer that stays full is a fault", () => {
  begin();
  playheadS = 8;
  source.buffer.full = true;
  queue.append(bytes(1));
  source.buffer.finish();
  expect(faults).toEqual(["QuotaExceededError: full"]);
});

test("a browser that takes nothing is a fault, not a growing queue", () => {
  begin();
  const frame = new Uint8Array(1_000_000);
  for (let times = 0; times < 20; times += 1) queue.append(frame);
  expect(faults[0]).toBe("the browser takes no more video");
});
