import { expect, test } from "vitest";
import { Cutter, MAX_BOX_BYTES, type Piece } from "./boxes";

function box(type: string, ...contents: Uint8Array[]): Uint8Array {
  const size = contents.reduce((sum, one) => sum + one.length, 8);
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, size);
  bytes.set(new TextEncoder().encode(type), 4);
  let at = 8;
  for (const one of contents) {
    bytes.set(one, at);
    at += one.length;
  }
  return bytes;
}

function tfdt(version: number, time: bigint): Uint8Array {
  const fields = new DataView(new ArrayBuffer(version === 0 ? 8 : 12));
  fields.setUint8(0, version);
  if (version === 0) fields.setUint32(4, Number(time));
  else fields.setBigUint64(4, time);
  return box("tfdt", new Uint8Array(fields.buffer));
}

const moof = (...traf: Uint8Array[]) => box("moof", box("mfhd", new Uint8Array(8)), box("traf", ...traf));
const tfhd = box("tfhd", new Uint8Array(8));
const mdat = box("mdat", new Uint8Array([1, 2, 3]));
const INIT = [box("ftyp", new Uint8Array(4)), box("moov", new Uint8Array(16))];
const STREAM = Buffer.concat([
  ...INIT,
  moof(tfhd, tfdt(0, 640n)),
  mdat,
  moof(tfhd, tfdt(1, 40_000_000_000n)),
  mdat,
]);

const shape = (pieces: Piece[]) =>
  pieces.map((piece) => (piece.kind === "init" ? "init" : `fragment at ${piece.decodeTime}`));

test.each([1, 7, 8, 9, 50, STREAM.length])("the same pieces, %i bytes at a time", (step) => {
  const cutter = new Cutter();
  const pieces: Piece[] = [];
  for (let at = 0; at < STREAM.length; at += step)
    pieces.push(...cutter.push(STREAM.subarray(at, at + step)));
  expect(shape(pieces)).toEqual(["init", "fragment at 640", "fragment at 40000000000"]);
  expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).equals(STREAM)).toBe(true);
});

test("what has not come whole is not there", () => {
  expect(shape(new Cutter().push(STREAM.subarray(0, STREAM.length - 1)))).toEqual([
    "init",
    "fragment at 640",
  ]);
});

const claims = (size: number) => {
  const bytes = box("mdat", new Uint8Array(8));
  new DataView(bytes.buffer).setUint32(0, size);
  return bytes;
};

test.each<[string, Uint8Array]>([
  ["a box smaller than its header", claims(7)],
  ["a box of size 0, to the end of the file", claims(0)],
  ["a box of size 1, with a long size", claims(1)],
  ["a box above the bound", claims(MAX_BOX_BYTES + 1)],
  ["media data before any moof", mdat],
  ["a moof without a decode time", Buffer.concat([moof(tfhd), mdat])],
  ["a decode time that is cut off", Buffer.concat([moof(box("tfdt", new Uint8Array(4))), mdat])],
  ["a page of HTML", new TextEncoder().encode("<!doctype html><p>Sign in</p>")],
])("%s is refused", (_, bytes) => {
  expect(() => new Cutter().push(bytes)).toThrow();
});
