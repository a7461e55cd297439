// The layout at every size: nothing sticks out, nothing overlaps, and every
// control is large enough for a thumb; and axe-core's rules in every state.
// With SCREENSHOTS=folder it also leaves pictures of every state, for people to
// look at.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Status } from "../src/status";
import { facts, isAccessible, launch, reaches } from "./browser";
import { layoutFaults } from "./layout";
import { StandIn } from "./stand-in";
import { PATIENCE_MS, PHONE } from "./visit";

const WALL = { width: 3840, height: 2160 };
/** Where it is looked at on a wall too: every picture there costs seconds. */
const ON_WALL = new Set(["live", "not-seen", "rewound", "list"]);
const SIZES = [
  PHONE,
  { width: 844, height: 390 },
  { width: 1440, height: 900 },
  { width: 320, height: 568 },
  WALL,
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

/** [name, state before anything is done there, what the status says or the HTTP status of a refusal] */
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
  ["paused", "live", {}],
  ["rewound", "live", {}],
  ["share", "live", {}],
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

/** What a visitor does to see a scene, and to leave it. */
const ACTIONS: Record<string, (page: Page) => Promise<void>> = {
  numbers: async (page) => {
    for (const card of ["#health", "#playback"]) await page.locator(`${card} summary`).click();
  },
  paused: async (page) => {
    await page.keyboard.press("k");
    await reaches(page, "catching-up", "paused");
  },
  rewound: async (page) => {
    await page.keyboard.press("ArrowLeft");
    await reaches(page, "catching-up", "rewound");
  },
  share: async (page) => {
    await page.getByRole("button", { name: "Share" }).click();
    await page.getByRole("textbox", { name: "Link" }).waitFor();
  },
};
const UNDO: typeof ACTIONS = {
  numbers: ACTIONS.numbers as (page: Page) => Promise<void>,
  paused: (page) => page.keyboard.press("l"),
  rewound: (page) => page.keyboard.press("l"),
  share: (page) => page.keyboard.press("Escape"),
};

const { SCREENSHOTS } = process.env;

let browser: Browser;
let page: Page;
let service: StandIn;

beforeAll(async () => {
  browser = await launch();
  service = await StandIn.start();
  service.cameras = GARDEN_AND_OTHERS;
  await service.startCamera("1280x720");
  page = await browser.newPage({ reducedMotion: "reduce", baseURL: service.origin });
  page.setDefaultTimeout(PATIENCE_MS);
});

afterAll(async () => {
  await browser.close();
  await service.end();
});

describe("with a picture", () => {
  test.each(SCENES)("%s", async (name, state, bend) => {
    service.bend = {};
    service.refuse = null;
    if (page.url() === "about:blank") await page.goto("/watch/garden/");
    await reaches(page, "live");
    if (typeof bend === "number") service.refuse = bend;
    else service.bend = bend;
    // A picture that goes on would be believed.
    const silent = state === "stale" || state === "offline";
    if (silent) service.freezeCamera(true);
    await reaches(page, state);
    // Where the state is the same, the rest comes with the next answer.
    if (state === "live") await page.waitForResponse(/api\/cameras\/garden$/);
    await ACTIONS[name]?.(page);
    await look(name);
    await UNDO[name]?.(page);
    if (silent) service.freezeCamera(false);
  });
});

describe("before the first picture", () => {
  test.each(FIRST_SCENES)("%s", async (name, state, bend) => {
    service.cameras = [{}];
    service.bend = typeof bend === "number" ? {} : bend;
    service.refuse = typeof bend === "number" ? bend : null;
    await page.goto("/watch/garden/");
    await reaches(page, state);
    await look(name);
  });
});

const GARDEN_AND_OTHERS: Partial<Status>[] = [
  {},
  { camera: "back-door", viewers: 0 },
  { camera: "barn", state: "stale", reason: { code: "stale", text: "" }, age_ms: 5400 },
  {
    camera: "a-camera-with-the-longest-name-32",
    ...offline("not_seen", ""),
    age_ms: 7_400_000,
  },
  { camera: "workshop", ...offline("stopped", "", STOPPED), age_ms: 86_000_000 },
  { camera: "new-one", ...offline("never_seen", "", NEW_CAMERA), age_ms: null },
];

describe("the list", () => {
  test.each([
    ["list", GARDEN_AND_OTHERS],
    ["list-of-one", [{}]],
    ["list-of-none", []],
  ])("%s", async (name, cameras) => {
    service.bend = {};
    service.refuse = null;
    service.cameras = cameras;
    await page.goto("/");
    await page.waitForSelector('html[data-list="known"]', { state: "attached" });
    if (cameras.length > 0) await page.waitForSelector(".view video");
    await look(name);
  });
});

test("in type twice as large nothing sticks out", async () => {
  service.bend = { control: true };
  service.cameras = [{}, { camera: "back-door" }];
  const large = await launch("--blink-settings=defaultFontSize=32");
  const page = await large.newPage({ baseURL: service.origin });
  await page.goto("/watch/garden/");
  await reaches(page, "live");
  await page.locator("#all-cameras").waitFor();
  expect(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize)).toBe("32px");
  // The narrowest phone has no room for such type.
  for (const size of SIZES.filter(({ width }) => width >= PHONE.width)) {
    await page.setViewportSize(size);
    expect(await page.evaluate(layoutFaults), JSON.stringify(size)).toEqual([]);
  }
  await large.close();
});

/** Inspects the page at every size, and asks axe-core in either scheme. */
async function look(name: string): Promise<void> {
  const { state } = await facts(page);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(PHONE);
    await isAccessible(page);
    for (const size of SIZES) {
      if (colorScheme === "dark" && !SCREENSHOTS) continue;
      if (size === WALL && !ON_WALL.has(name)) continue;
      await page.setViewportSize(size);
      expect(await page.evaluate(layoutFaults), JSON.stringify(size)).toEqual([]);
      if (SCREENSHOTS) await shoot(`${name}-${size.width}x${size.height}-${colorScheme}`, SCREENSHOTS);
    }
  }
  expect((await facts(page)).state).toBe(state);
}

async function shoot(name: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
