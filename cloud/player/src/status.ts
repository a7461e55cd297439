// The status JSON of `GET /api/cameras/{camera}`, as far as the page uses it.
// Unknown fields are ignored, so that a newer service may add some; a document
// without the fields that the page's state rests on is no status.

export type CameraState = "live" | "stale" | "offline";

export interface Status {
  readonly camera: string;
  readonly state: CameraState;
  readonly reason: { readonly code: string; readonly text: string };
  /** Age of the newest frame at the service; null before the first. */
  readonly age_ms: number | null;
  readonly service_time_unix_ms: number;
  readonly newest: NewestPicture | null;
  readonly video: Video | null;
  readonly bitrate_bps: number | null;
  readonly viewers: number;
  readonly last_seen_unix_ms: number | null;
  readonly device: string | null;
  readonly desired: { readonly state: DesiredState; readonly version: number } | null;
  readonly health: Health;
  readonly black_box: readonly BlackBoxEntry[];
  /** Whether this visitor may start and stop the camera. */
  readonly control: boolean;
}

export interface NewestPicture {
  readonly run: number;
  readonly segment: number;
  readonly date_unix_ms: number;
}

export type DesiredState = "started" | "stopped";

export interface Video {
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  readonly frame_rate_hz: number;
  readonly target_duration_s: number;
}

export interface Health {
  readonly wifi_signal_dbm?: number;
  readonly cpu_percent?: number;
  readonly memory_used_bytes?: number;
  readonly memory_total_bytes?: number;
  readonly temperature_celsius?: number;
  readonly uptime_s?: number;
  readonly bitrate_bps?: number;
  readonly queue_age_ms?: number;
  readonly dropped_frames?: number;
  readonly connections?: number;
}

export interface BlackBoxEntry {
  readonly unix_s?: number;
  readonly text: string;
}

/** Reads a status document; null when it is none. */
export function readStatus(document: unknown): Status | null {
  if (!isObject(document)) return null;
  const { state, reason, service_time_unix_ms } = document;
  if (state !== "live" && state !== "stale" && state !== "offline") return null;
  if (!isObject(reason) || typeof reason.code !== "string" || typeof reason.text !== "string") return null;
  if (typeof service_time_unix_ms !== "number") return null;
  return {
    ...EMPTY,
    ...document,
    health: isObject(document.health) ? document.health : {},
    black_box: Array.isArray(document.black_box) ? document.black_box : [],
    state,
    reason: { code: reason.code, text: reason.text },
    service_time_unix_ms,
  };
}

const EMPTY = {
  camera: "",
  age_ms: null,
  newest: null,
  video: null,
  bitrate_bps: null,
  viewers: 0,
  last_seen_unix_ms: null,
  device: null,
  desired: null,
  control: false,
};

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
