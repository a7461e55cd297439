// The layout at every size: nothing sticks out, nothing overlaps, and every
// control is large enough for a thumb. With SCREENSHOTS=folder it also leaves
// pictures of every state, for people to look at.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Status } from "../src/status";
import { launch, reaches } from "./browser";
import { StandIn } from "./stand-in";

const SIZES = [
  { width: 390, height: 844 },
  { width: 844, height: 390 },
  { width: 1440, height: 900 },
  { width: 320, height: 568 },
  { width: 3840, height: 2160 },
];

const offline = (code: string, text: string, more: Partial<Status> = {}): Partial<Status> => ({
  state: "offline",
  reason: { code, text },
  ...more,
});

const STOPPED: Partial<Status> = { control: true, desired: { state: "stopped", version: 4 } };
const NEW_CAMERA: Partial<Status> = {
  newest: null,
  video: null,
  health: {},
  device: null,
  bitrate_bps: null,
  last_seen_unix_ms: null,
  viewers: 1,
};

/** [name, state, what the status says or the HTTP status of a refusal] */
const SCENES: [string, string, Partial<Status> | number][] = [
  ["live", "live", { control: true }],
  ["stale", "stale", { state: "stale", reason: { code: "stale", text: "" } }],
  ["stopped", "offline", offline("stopped", "Stopped with its button.", STOPPED)],
  [
    "fault",
    "offline",
    offline("camera_fault", "No camera is plugged in. Check the ribbon cable at both ends."),
  ],
  ["shut-down", "offline", offline("shut_down", "Shut down with its button.")],
  ["key-refused", "offline", offline("key_refused", "Put the key of this camera into its zerocam.toml.")],
  [
    "not-seen",
    "offline",
    offline("not_seen", "Its last Wi-Fi signal was −82 dBm.", {
      health: { wifi_signal_dbm: -82, temperature_celsius: 74.6, queue_age_ms: 1430, dropped_frames: 212 },
      black_box: [
        { unix_s: 1_790_000_000, text: "Power was lost while streaming." },
        { text: "Restarted by the watchdog: the upload thread stood still for 30 s." },
      ],
    }),
  ],
  ["numbers", "live", { control: true }],
  ["no-access", "no-access", 401],
  ["service-error", "unreachable", 503],
];

const FIRST_SCENES: [string, string, Partial<Status> | number][] = [
  [
    "never-seen",
    "offline",
    offline("never_seen", "Flash its card, put it in, and press the button.", NEW_CAMERA),
  ],
  ["loading", "catching-up", NEW_CAMERA],
  ["other-camera", "no-access", 403],
];

let browser: Browser;
let service: StandIn;

beforeAll(async () => {
  browser = await launch();
  service = await StandIn.start();
  await service.startCamera();
});

afterAll(async () => {
  await browser.close();
  await service.end();
});

test.each(["light", "dark"] as const)("%s, with a picture", (scheme) => show(scheme, SCENES, true));
test.each(["light", "dark"] as const)("%s, without a picture", (scheme) => show(scheme, FIRST_SCENES, false));

async function show(scheme: "light" | "dark", scenes: typeof SCENES, picture: boolean): Promise<void> {
  const page = await browser.newPage({ colorScheme: scheme });
  for (const [name, state, bend] of scenes) {
    service.bend = {};
    service.refuse = null;
    if (picture) {
      if (page.url() === "about:blank") await page.goto(`${service.origin}/watch/garden/`);
      await reaches(page, "live");
    }
    if (typeof bend === "number") service.refuse = bend;
    else service.bend = bend;
    if (!picture) await page.goto(`${service.origin}/watch/garden/`);
    await reaches(page, state);
    if (name === "numbers") await page.locator("summary").click();
    for (const size of SIZES) {
      await page.setViewportSize(size);
      await inspect(page);
      await shoot(page, `${name}-${size.width}x${size.height}-${scheme}`);
    }
  }
  await page.close();
}

async function inspect(page: Page): Promise<void> {
  const faults = await page.evaluate(() => {
    const faults: string[] = [];
    if (document.documentElement.scrollWidth > innerWidth) faults.push("the page is wider than the screen");
    const visible = (selector: string) =>
      [...document.querySelectorAll(selector)].filter((one) => one.getClientRects().length > 0);
    for (const button of visible("button, summary")) {
      const { width, height } = button.getBoundingClientRect();
      if (width < 44 || height < 44) faults.push(`${button.id || "summary"} is ${width}x${height}`);
    }
    const boxes = visible(".badge, .chip, .pill, .headline, .detail, .panel");
    for (const [at, one] of boxes.entries()) {
      const { left, right } = one.getBoundingClientRect();
      if (left < 0 || right > innerWidth) faults.push(`${one.className} sticks out of the screen`);
      for (const other of boxes.slice(at + 1)) {
        const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
        const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
        if (!apart) faults.push(`${one.className} overlaps ${other.className}`);
      }
    }
    return faults;
  });
  expect(faults, JSON.stringify(page.viewportSize())).toEqual([]);
}

async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.waitForTimeout(700);
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
