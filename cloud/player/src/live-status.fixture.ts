// A status of a camera that is live, for tests to change.

import type { Status } from "./status";

export const SERVICE_NOW = Date.UTC(2026, 5, 1, 12, 0, 0);

export const LIVE: Status = {
  camera: "garden",
  state: "live",
  reason: { code: "live", text: "" },
  age_ms: 80,
  service_time_unix_ms: SERVICE_NOW,
  newest: { run: 1_790_000_000, segment: 1_790_000_017, date_unix_ms: SERVICE_NOW - 80 },
  video: { codec: "avc1.42e01f", width: 1280, height: 720, frame_rate_hz: 25, target_duration_s: 1 },
  bitrate_bps: 2_000_000,
  viewers: 1,
  last_seen_unix_ms: SERVICE_NOW - 80,
  device: "00000000a1b2c3d4",
  desired: { state: "started", version: 1 },
  health: {},
  black_box: [],
  control: false,
};
