// The camera's health: a few plain words first, the numbers behind them. Pure.

import type { Health, Status } from "./status";
import { ageText } from "./wording";

export type Grade = "good" | "fair" | "poor";

export interface HealthWord {
  readonly label: string;
  readonly word: string;
  readonly grade: Grade;
}

/** [below this, word, grade], in rising order; the last has no bound. */
type Scale = readonly (readonly [number, string, Grade])[];

/** dBm. Below -80 a Pi Zero's link drops packets; below -88 it breaks. */
const WIFI: Scale = [
  [-85, "poor", "poor"],
  [-75, "weak", "fair"],
  [-60, "good", "good"],
  [Number.POSITIVE_INFINITY, "strong", "good"],
];
/** Degrees Celsius. The Pi slows itself down at 80 to 85. */
const TEMPERATURE: Scale = [
  [70, "normal", "good"],
  [80, "warm", "fair"],
  [Number.POSITIVE_INFINITY, "hot", "poor"],
];
/** Age of the oldest frame that waits to be sent, ms. At 1500 frames are dropped. */
const UPLOAD: Scale = [
  [400, "on time", "good"],
  [1200, "slow", "fair"],
  [Number.POSITIVE_INFINITY, "late", "poor"],
];

/** What is known of the camera's well-being, in words. */
export function healthWords(health: Health): HealthWord[] {
  const words: HealthWord[] = [];
  const grade = (label: string, value: number | undefined, scale: Scale) => {
    const step = value === undefined ? undefined : scale.find(([below]) => value < below);
    if (step) words.push({ label, word: step[1], grade: step[2] });
  };
  grade("Wi-Fi", health.wifi_signal_dbm, WIFI);
  grade("Temperature", health.temperature_celsius, TEMPERATURE);
  grade("Upload", health.queue_age_ms, UPLOAD);
  return words;
}

/** [name, value] of everything that is known, for those who want numbers. */
export function healthNumbers({ health, video, bitrate_bps, device }: Status): [string, string][] {
  const numbers: [string, string][] = [];
  const add = <T>(name: string, value: T | null | undefined, text: (value: T) => string) => {
    if (value !== null && value !== undefined) numbers.push([name, text(value)]);
  };
  add("Wi-Fi signal", health.wifi_signal_dbm, (dbm) => `${minus(dbm)} dBm`);
  add("Temperature", health.temperature_celsius, (c) => `${minus(Math.round(c))} °C`);
  add("Waiting to be sent", health.queue_age_ms, (ms) => `${Math.round(ms)} ms`);
  add("Picture", video, (v) => `${v.width} × ${v.height}, ${round(v.frame_rate_hz, 2)} per second`);
  add("Bit rate", bitrate_bps ?? health.bitrate_bps, bitrateText);
  add("Frames dropped", health.dropped_frames, String);
  add("Connections made", health.connections, String);
  add("Processor", health.cpu_percent, (percent) => `${Math.round(percent)} %`);
  add("Memory in use", health.memory_used_bytes, (bytes) => {
    const total = health.memory_total_bytes;
    return total === undefined ? megabytes(bytes) : `${megabytes(bytes)} of ${megabytes(total)}`;
  });
  add("Switched on for", health.uptime_s, (s) => ageText(1000 * s));
  add("Codec", video, (v) => v.codec);
  add("Device", device, String);
  return numbers;
}

function bitrateText(bps: number): string {
  return bps < 1e6 ? `${Math.round(bps / 1000)} kb/s` : `${round(bps / 1e6, 1)} Mb/s`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

function round(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}

/** The true minus sign: a hyphen is easily overlooked. */
function minus(value: number): string {
  return value < 0 ? `−${-value}` : String(value);
}
