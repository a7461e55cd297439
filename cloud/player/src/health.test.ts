import { expect, test } from "vitest";
import { healthNumbers, healthWords } from "./health";
import { LIVE } from "./live-status.fixture";
import type { Health } from "./status";

test.each<[Health, string]>([
  [{}, ""],
  [{ wifi_signal_dbm: -40 }, "Wi-Fi strong good"],
  [{ wifi_signal_dbm: -61 }, "Wi-Fi good good"],
  [{ wifi_signal_dbm: -76 }, "Wi-Fi weak fair"],
  [{ wifi_signal_dbm: -88 }, "Wi-Fi poor poor"],
  [{ temperature_celsius: 47.2 }, "Temperature normal good"],
  [{ temperature_celsius: 74 }, "Temperature warm fair"],
  [{ temperature_celsius: 85 }, "Temperature hot poor"],
  [{ queue_age_ms: 40 }, "Upload on time good"],
  [{ queue_age_ms: 800 }, "Upload slow fair"],
  [{ queue_age_ms: 1500 }, "Upload late poor"],
])("%j", (health, words) => {
  expect(
    healthWords(health)
      .map(({ label, word, grade }) => `${label} ${word} ${grade}`)
      .join(),
  ).toBe(words);
});

test("only what is known is listed", () => {
  const unknown = { ...LIVE, video: null, bitrate_bps: null, device: null };
  expect(healthNumbers(unknown)).toEqual([]);
  expect(
    Object.fromEntries(
      healthNumbers({ ...LIVE, health: { wifi_signal_dbm: -61, memory_used_bytes: 96_400_000 } }),
    ),
  ).toEqual({
    "Wi-Fi signal": "−61 dBm",
    Picture: "1280 × 720, 25 per second",
    "Bit rate": "2 Mb/s",
    "Memory in use": "96 MB",
    Codec: "avc1.42e01f",
    Device: "00000000a1b2c3d4",
  });
});
