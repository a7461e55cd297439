// What plays the picture: one interface, one file each in engine/. Which of
// them plays is decided in `choice.ts`.

import type { EngineName } from "./choice";
import { chunk } from "./chunk";
import { startInstant } from "./engine/instant";
import { startNative } from "./engine/native";

/** A running engine; it owns the video element's source until destroyed. */
export interface Engine {
  /** Capture date of the picture at a media time, Unix ms by the service's clock. */
  dateAt(mediaTimeS: number): number | null;
  /** How far behind the newest frame it means to play. */
  targetDelayMs(): number;
  /** When media last came, page clock; null when the engine cannot tell. */
  arrivedAtMs(): number | null;
  /** Null where only the live edge plays, and while no dates are known. */
  readonly past: Past | null;
  /** It goes on downloading while the video is paused, until it is destroyed. */
  readonly neverRests: boolean;
  /** Jumps to where it would start if it were built now. */
  toLive(): void;
  /** Called a few times a second; null while the service does not say that the camera is live. */
  tick(nowMs: number, newest: Newest | null): void;
  destroy(): void;
}

/** The service's newest frame, as it last told. */
export interface Newest {
  /** Its capture date. */
  readonly unixMs: number;
  /** When that was heard, page clock. */
  readonly heardAtMs: number;
}

/** What can be rewound. */
export interface Past {
  /** Null until it is known. */
  window(): DateWindow | null;
  /** Jumps to a capture date inside the window, and stops following the live edge. */
  seekTo(unixMs: number): void;
}

/** Capture dates, Unix ms by the service's clock. */
export interface DateWindow {
  readonly startUnixMs: number;
  readonly endUnixMs: number;
}

export interface EngineFailure {
  /**
   * `network`: what it asked for did not come. `engine`: it cannot play what
   * came. `unfit`: trying it again at once is of no use.
   */
  readonly fault: "network" | "engine" | "unfit";
  readonly why: string;
}

export interface EngineSetting {
  readonly video: HTMLVideoElement;
  readonly sources: Sources;
  /** Where to begin; null for the live edge. The instant engine knows only that. */
  readonly startUnixMs: number | null;
  /** The engine cannot go on by itself. */
  failed(failure: EngineFailure): void;
  /** Something happened that the service's status may explain. */
  news(): void;
}

/** Where the media is, relative to the page. */
export interface Sources {
  readonly instant: string;
  readonly lowLatency: string;
  readonly plain: string;
}

export type StartEngine = (setting: EngineSetting) => Engine;

/** An engine's code; hls.js is fetched only here, when it is needed. */
export async function loadEngine(name: EngineName): Promise<StartEngine> {
  switch (name) {
    case "instant":
      return startInstant;
    case "ll-hls":
      return (await chunk(() => import("./engine/ll-hls"))).startLlHls;
    case "native":
      return startNative;
  }
}
