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

/** Begins to play `playlist`; calls `failed` once if it cannot go on by itself. */
export type StartEngine = (
  video: HTMLVideoElement,
  playlist: string,
  failed: (why: string) => void,
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

/** The next engine to try after this many rebuilds in a row without a picture: two tries each, in turn. */
export function engineFor(order: readonly EngineName[], attempts: number): EngineName | null {
  return order[Math.floor(attempts / 2) % order.length] ?? null;
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
