// Reads one response of the instant stream: its head, then pieces as they come.

import type { EngineFailure } from "../../engine";
import { Cutter, type Piece } from "./boxes";
import type { Head } from "./timeline";

/** The service may hold a request for 8 s until there is a picture. */
const HEAD_DEADLINE_MS = 10_000;

/** Why a response did not begin, or brought what is no such video. */
export class ResponseError extends Error {
  readonly fault: EngineFailure["fault"];

  constructor(fault: EngineFailure["fault"], why: string) {
    super(why);
    this.fault = fault;
  }
}

/**
 * Calls `take` with every piece until the response ends, in whatever way:
 * endings are usual here. Throws a `ResponseError` before the first piece, and
 * for bytes that are not fragmented MP4.
 */
export async function readResponse(
  url: string,
  abort: AbortController,
  take: (head: Head, pieces: Piece[]) => void,
): Promise<void> {
  const response = await open(url, abort);
  const head = headOf(response);
  const reader = response.body?.getReader();
  if (!reader) throw new ResponseError("unfit", "this browser does not stream responses");
  const cutter = new Cutter();
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
    if (done || value === undefined) return;
    const pieces = cut(cutter, value);
    if (pieces.length > 0) take(head, pieces);
  }
}

async function open(url: string, abort: AbortController): Promise<Response> {
  const deadline = setTimeout(() => abort.abort(), HEAD_DEADLINE_MS);
  try {
    const response = await fetch(url, { cache: "no-store", signal: abort.signal });
    if (response.ok) return response;
    // No picture yet, or no room: that passes. Anything else does not.
    const fault = response.status === 503 || response.status === 429 ? "network" : "unfit";
    throw new ResponseError(fault, `the service answers with status ${response.status}`);
  } catch (error) {
    throw error instanceof ResponseError ? error : new ResponseError("network", String(error));
  } finally {
    clearTimeout(deadline);
  }
}

function headOf({ headers }: Response): Head {
  const run = headers.get("zerocam-run");
  const codec = headers.get("zerocam-codec");
  const runDateUnixMs = Number(headers.get("zerocam-run-date-unix-ms") ?? Number.NaN);
  if (run === null || codec === null || Number.isNaN(runDateUnixMs)) {
    throw new ResponseError("unfit", "something between here and the service drops its headers");
  }
  return { run, codec, runDateUnixMs };
}

function cut(cutter: Cutter, bytes: Uint8Array): Piece[] {
  try {
    return cutter.push(bytes);
  } catch (error) {
    throw new ResponseError("engine", String(error));
  }
}
