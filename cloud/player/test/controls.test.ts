// What a visitor's hands do: keyboard, rewind, pause, saving, sharing, choosing.

import type { Page } from "playwright-core";
import { expect } from "vitest";
import { facts, reaches, shows, watch } from "./browser";
import { test } from "./visit";

/** A new engine has to load its first picture before the age is its own. */
const ageOf = (page: Page) => async () => (await facts(page)).ageMs ?? 0;

test("the keyboard reaches every control, in the order of the page", async ({ page, service }) => {
  service.bend = { control: true };
  await watch(page);
  const seen: string[] = [];
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press("Tab");
    const id = await page.evaluate(() => {
      const focused = document.activeElement;
      return focused?.id || focused?.closest("[id]")?.id || "";
    });
    if (id === "" || id === seen[0]) break;
    seen.push(id);
  }
  const deck = ["position", "to-live", "pause", "back", "snapshot", "in-picture", "share", "fullscreen"];
  expect(seen).toEqual([...deck, "command", "health", "playback"]);
});

test("keys pause, rewind and return; the state says so", async ({ page, expect }) => {
  await watch(page);
  await page.keyboard.press("k");
  await reaches(page, "catching-up", "paused");
  expect(await page.locator("#word").textContent()).toBe("PAUSED");
  await page.keyboard.press("k");
  await reaches(page, "live");
  // Pictures to go back to.
  await shows(page, 200);
  await page.keyboard.press("ArrowLeft");
  await reaches(page, "catching-up", "rewound");
  await expect.poll(ageOf(page)).toBeGreaterThan(5000);
  expect(await page.locator("#announcement").textContent()).toBe("Rewound.");
  await page.keyboard.press("l");
  await reaches(page, "live");
});

test("single keys can be switched off, for good", async ({ page }) => {
  await watch(page);
  await page.locator("#playback summary").click();
  await page.getByRole("checkbox", { name: "Keyboard shortcuts" }).uncheck();
  await page.reload();
  await reaches(page, "live");
  await page.keyboard.press("k");
  await page.locator("#playback summary").click();
  expect(await page.getByRole("checkbox", { name: "Keyboard shortcuts" }).isChecked()).toBe(false);
  expect((await facts(page)).state).toBe("live");
});

test("the slider rewinds as far as it says, and its end is live", async ({ page, expect }) => {
  await watch(page);
  const slider = page.getByRole("slider", { name: "Rewind" });
  expect(await slider.getAttribute("aria-valuetext")).toBe("live");
  // Pictures to go back to.
  await shows(page, 250);
  await slider.fill("-8");
  await reaches(page, "catching-up", "rewound");
  await expect
    .poll(async () => slider.getAttribute("aria-valuetext"))
    .toMatch(/s behind live, \d\d:\d\d:\d\d$/);
  await expect.poll(ageOf(page)).toBeGreaterThan(6000);
  await page.getByRole("button", { name: "Live", exact: true }).click();
  await reaches(page, "live");
});

test("the picture is saved under the camera's name and its own time", async ({ page }) => {
  await watch(page);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save this picture" }).click();
  expect((await download).suggestedFilename()).toMatch(/^garden-20\d\d-\d\d-\d\d-\d\d-\d\d-\d\d\.jpg$/);
  expect(await page.locator("#announcement").textContent()).toMatch(/^Saved garden-/);
});

test("sharing shows a link for watching, as text and as a code, and gives the focus back", async ({
  page,
  service,
}) => {
  await watch(page);
  const button = page.getByRole("button", { name: "Share" });
  await button.click();
  const sheet = page.getByRole("dialog", { name: "Share this camera" });
  expect(await sheet.getByRole("textbox", { name: "Link" }).inputValue()).toMatch(
    new RegExp(`^${service.origin}/watch/garden/\\?token=view\\.`),
  );
  const code = sheet.getByRole("img", { name: "QR code of the link" });
  expect(await code.evaluate((canvas: HTMLCanvasElement) => canvas.width)).toBeGreaterThan(20);
  await page.keyboard.press("Escape");
  expect(await button.evaluate((one) => document.activeElement === one)).toBe(true);
});

test("what needs a secure context hides itself without one", async ({ page }) => {
  await page.addInitScript(() => {
    for (const name of ["clipboard", "share", "wakeLock"]) Reflect.deleteProperty(Navigator.prototype, name);
    Object.defineProperty(Document.prototype, "pictureInPictureEnabled", { value: false });
  });
  await watch(page);
  expect(await page.locator("#in-picture").isVisible()).toBe(false);
  await page.getByRole("button", { name: "Share" }).click();
  await page.getByRole("textbox", { name: "Link" }).waitFor();
  expect(await page.locator("#share-copy").isVisible()).toBe(false);
  expect(await page.locator("#share-system").isVisible()).toBe(false);
});

test("the screen stays on for a live picture, and only for that", async ({ page }) => {
  await page.addInitScript(() => {
    // There is no page yet.
    const say = (screen: string) => document.documentElement.setAttribute("data-screen", screen);
    const release = async () => say("free");
    const request = async () => {
      say("held");
      return { released: false, release };
    };
    Object.defineProperty(Navigator.prototype, "wakeLock", { value: { request } });
  });
  await watch(page);
  await page.waitForSelector('html[data-screen="held"]', { state: "attached" });
  await page.keyboard.press("k");
  await page.waitForSelector('html[data-screen="free"]', { state: "attached" });
  await page.keyboard.press("k");
  await page.waitForSelector('html[data-screen="held"]', { state: "attached" });
});

test("controls leave a live picture alone, and come back with the mouse", async ({ page }) => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await watch(page);
  await page.waitForSelector(".stage[data-idle]");
  await page.mouse.move(300, 300);
  await page.waitForSelector(".stage:not([data-idle])");
  await page.keyboard.press("k");
  await reaches(page, "catching-up", "paused");
  await page.mouse.move(1430, 890);
  expect(await page.locator(".stage[data-idle]").count()).toBe(0);
});

test("full screen takes the whole stage, and gives it back", async ({ page }) => {
  await watch(page);
  await page.getByRole("button", { name: "Full screen" }).click();
  await page.waitForSelector(".stage[data-fullscreen]");
  await page.getByRole("button", { name: "Leave full screen" }).click();
  await page.waitForSelector(".stage:not([data-fullscreen])");
});

test("the list shows every camera, keeps itself true, and leads to each", async ({
  page,
  service,
  expect,
}) => {
  const gone = { run: 1, segment: 1, date_unix_ms: Date.now() };
  service.cameras = [
    {},
    { camera: "barn", state: "offline", reason: { code: "shut_down", text: "" }, newest: gone },
  ];
  const stills: string[] = [];
  page.on("request", (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname.endsWith("/garden/still.mp4")) stills.push(search);
  });
  await page.goto("/");
  const garden = page.getByRole("link", { name: /garden/ });
  await garden.locator("video").waitFor();
  expect(await garden.textContent()).toContain("LIVE");
  const barn = page.getByRole("link", { name: /barn/ });
  expect(await barn.textContent()).toContain("CAMERA OFFLINE");
  // Its newest segment has left the service: the last still stands in.
  await barn.locator("video").waitFor();
  await expect.poll(() => garden.locator(".age").textContent()).toMatch(/^\d+ s ago$/);
  const first = await garden.locator("video").elementHandle();
  await page.waitForFunction((old) => !old?.isConnected, first);
  // A film that nobody sees holds no memory.
  expect(await first?.evaluate((old) => old.hasAttribute("src"))).toBe(false);
  service.cameras = [{}];
  await barn.waitFor({ state: "detached" });
  expect(stills.filter((search) => !/^\?run=\d+&segment=\d+$/.test(search))).toEqual([]);
  await garden.click();
  await reaches(page, "live");
});
