// Cuts the bytes of an endless fragmented MP4 into its init and its fragments
// (moof and mdat together), and reads each fragment's decode time. Pure; knows
// no more of MP4 (ISO/IEC 14496-12) than that.

export type Piece =
  | { readonly kind: "init"; readonly bytes: Uint8Array }
  | { readonly kind: "fragment"; readonly bytes: Uint8Array; readonly decodeTime: number };

/** Far above any keyframe of these cameras: what claims more is no video of theirs. */
export const MAX_BOX_BYTES = 8_000_000;

const HEADER_BYTES = 8;

export class Cutter {
  #rest: Uint8Array = new Uint8Array();
  /** Boxes of the piece that is not complete yet. */
  #boxes: Uint8Array[] = [];
  #decodeTime: number | null = null;

  /** Adds bytes; returns what is complete. Throws on what is no such MP4. */
  push(bytes: Uint8Array): Piece[] {
    const pieces: Piece[] = [];
    let data = join([this.#rest, bytes]);
    for (;;) {
      const size = boxSize(data);
      if (size === null || data.length < size) break;
      const piece = this.#take(boxType(data, 0), data.subarray(0, size));
      if (piece) pieces.push(piece);
      data = data.subarray(size);
    }
    // A copy: the network's buffer is not kept alive for a few bytes of it.
    this.#rest = data.slice();
    return pieces;
  }

  #take(type: string, box: Uint8Array): Piece | null {
    this.#boxes.push(box);
    if (type === "moof") this.#decodeTime = decodeTime(box);
    if (type !== "moov" && type !== "mdat") return null;
    const bytes = join(this.#boxes);
    this.#boxes = [];
    if (type === "moov") return { kind: "init", bytes };
    if (this.#decodeTime === null) throw new Error("media data without a decode time");
    const piece: Piece = { kind: "fragment", bytes, decodeTime: this.#decodeTime };
    this.#decodeTime = null;
    return piece;
  }
}

/** Size of the box at the beginning; null while its header is not complete. */
function boxSize(data: Uint8Array): number | null {
  if (data.length < HEADER_BYTES) return null;
  const size = view(data).getUint32(0);
  if (size < HEADER_BYTES || size > MAX_BOX_BYTES) throw new Error(`a box of ${size} bytes`);
  return size;
}

function boxType(data: Uint8Array, at: number): string {
  return String.fromCharCode(...data.subarray(at + 4, at + 8));
}

/** moof/traf/tfdt's base media decode time. */
function decodeTime(moof: Uint8Array): number | null {
  const tfdt = child(child(moof, "traf"), "tfdt");
  if (tfdt === null || tfdt.length < HEADER_BYTES + 8) return null;
  const fields = view(tfdt);
  const version = fields.getUint8(HEADER_BYTES);
  if (version === 0) return fields.getUint32(HEADER_BYTES + 4);
  return tfdt.length < HEADER_BYTES + 12 ? null : Number(fields.getBigUint64(HEADER_BYTES + 4));
}

function child(box: Uint8Array | null, type: string): Uint8Array | null {
  let rest = box?.subarray(HEADER_BYTES) ?? new Uint8Array();
  for (;;) {
    const size = boxSize(rest);
    if (size === null || size > rest.length) return null;
    if (boxType(rest, 0) === type) return rest.subarray(0, size);
    rest = rest.subarray(size);
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** One array from several. */
export function join(parts: readonly Uint8Array[]): Uint8Array {
  const only = parts.filter((part) => part.length > 0);
  if (only.length === 1 && only[0]) return only[0];
  const whole = new Uint8Array(only.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of only) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
