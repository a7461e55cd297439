// Debian's Chromium, the page in it, and the page's facts for programs.

import axe from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import { CHROMIUM } from "./chromium.mjs";

/** Starts the browser, with more arguments if there are some. */
export function launch(...more: string[]): Promise<Browser> {
  return chromium.launch({ ...CHROMIUM, args: [...(CHROMIUM.args ?? []), ...more] });
}

/** Opens a camera's page and marks it, so that a reload would show. */
export async function open(page: Page, path = "/watch/garden/"): Promise<void> {
  await page.goto(path);
  await page.evaluate(() => document.body.classList.add("not-reloaded"));
}

/** Opens the camera's page, with a hash if one is given, and waits for the live picture. */
export async function watch(page: Page, hash = ""): Promise<void> {
  await open(page, `/watch/garden/${hash}`);
  await reaches(page, "live");
}

/** The page is the one that was opened, without a reload. */
export async function isSamePage(page: Page): Promise<void> {
  expect(await page.locator("body.not-reloaded").count()).toBe(1);
}

export interface Facts {
  readonly state: string;
  readonly reason: string;
  readonly ageMs: number | null;
  readonly engine: string;
  readonly frames: number;
}

export async function facts(page: Page): Promise<Facts> {
  const data = await page.evaluate(() => ({ ...document.documentElement.dataset }));
  return {
    state: data.state ?? "",
    reason: data.reason ?? "",
    ageMs: data.ageMs ? Number(data.ageMs) : null,
    engine: data.engine ?? "",
    frames: Number(data.frames),
  };
}

/** Waits until the page shows this state, and for this reason if one is given. */
export async function reaches(page: Page, state: string, reason?: string): Promise<void> {
  const selector = `html[data-state="${state}"]${reason ? `[data-reason="${reason}"]` : ""}`;
  await page.waitForSelector(selector, { state: "attached" });
}

/** Waits until so many more pictures have reached the screen. */
export async function shows(page: Page, pictures: number): Promise<void> {
  const { frames } = await facts(page);
  const enough = (frames: number) => Number(document.documentElement.dataset.frames) >= frames;
  await page.waitForFunction(enough, frames + pictures);
}

/** Asks axe-core: no violation of any of its rules. */
export async function isAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
  expect(violations).toEqual([]);
}
