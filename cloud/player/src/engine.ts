// What plays the picture: one interface, one file each in engine/, and the pure
// choice between them.

/** A running engine; it owns the video element's source until destroyed. */
export interface Engine {
  /** Capture date of the picture at the video's current time, Unix ms by the service's clock. */
  currentDateUnixMs(): number | null;
  /** How far behind the newest frame it means to play. */
  targetDelayMs(): number;
  /** Jumps to where it would start if it were built now. */
  seekToLive(): void;
  destroy(): void;
}

/** Why an engine cannot go on: what it asked for did not come, or it cannot play what came. */
export interface EngineFailure {
  readonly fault: "network" | "engine";
  readonly why: string;
}

/** Begins to play `playlist`; calls `failed` when it cannot go on by itself. */
export type StartEngine = (
  video: HTMLVideoElement,
  playlist: string,
  failed: (failure: EngineFailure) => void,
) => Promise<Engine>;

export type EngineName = "hls.js" | "native";

/** What the browser can do. */
export interface Abilities {
  /** MediaSource or ManagedMediaSource takes H.264 in fragmented MP4. */
  readonly mediaSource: boolean;
  /** `canPlayType` for an HLS playlist. */
  readonly nativeHls: CanPlayTypeResult;
}

/**
 * The engines to try, best first. MediaSource goes first whatever the browser
 * says of HLS: Chromium answers "maybe" and then plays six seconds behind.
 */
export function engineOrder({ mediaSource, nativeHls }: Abilities): EngineName[] {
  const order: EngineName[] = [];
  if (mediaSource) order.push("hls.js");
  if (nativeHls !== "") order.push("native");
  return order;
}

/** The engine to try after this many failures in a row that were an engine's own: two tries each, in turn. */
export function engineFor(order: readonly EngineName[], strikes: number): EngineName | null {
  return order[Math.floor(strikes / 2) % order.length] ?? null;
}

/** Asks the browser. */
export function browserAbilities(video: HTMLVideoElement): Abilities {
  const { ManagedMediaSource, MediaSource } = globalThis as {
    ManagedMediaSource?: typeof globalThis.MediaSource;
    MediaSource?: typeof globalThis.MediaSource;
  };
  const source = ManagedMediaSource ?? MediaSource;
  return {
    mediaSource: source?.isTypeSupported('video/mp4; codecs="avc1.42e01e"') ?? false,
    nativeHls: video.canPlayType("application/vnd.apple.mpegurl"),
  };
}

/** The engines' code; hls.js is fetched only here, by browsers that use it. */
export async function loadEngine(name: EngineName): Promise<StartEngine> {
  switch (name) {
    case "hls.js":
      return (await import("./engine/hls")).startHls;
    case "native":
      return (await import("./engine/native")).startNative;
  }
}
