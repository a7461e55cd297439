// What every test in Chromium is given: a service of its own with a camera that
// streams, and a phone's page. So tests share nothing but the browser and run
// side by side: most of their time is real waiting. A page must never complain,
// and never ask another host.

import { setTimeout } from "node:timers/promises";
import { test as base, expect } from "vitest";
import { launch } from "./browser";
import { StandIn } from "./stand-in";

export const PHONE = { width: 390, height: 844 };

/** Ten times what anything takes on a calm machine. */
export const PATIENCE_MS = 60_000;

const given = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of what is wanted from here
  .extend("browser", { scope: "file" }, async ({}, { onCleanup }) => {
    const browser = await launch();
    onCleanup(() => browser.close());
    return browser;
  })
  // biome-ignore lint/correctness/noEmptyPattern: the same
  .extend("service", async ({}, { onCleanup }) => {
    const service = await StandIn.start();
    onCleanup(() => service.end());
    await service.startCamera();
    while (service.instant.still(null, null) === null) await setTimeout(20);
    return service;
  })
  .extend("context", async ({ browser, service }, { onCleanup }) => {
    // Motion would cost a machine without a graphics card more than the picture does.
    const setting = { viewport: PHONE, baseURL: service.origin, reducedMotion: "reduce" } as const;
    const context = await browser.newContext(setting);
    onCleanup(() => context.close());
    return context;
  })
  .extend("page", async ({ context, service }, { onCleanup }) => {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (/Content.Security.Policy/i.test(message.text())) complaints.push(message.text());
    });
    page.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol.startsWith("http") && origin !== service.origin) complaints.push(request.url());
    });
    onCleanup(() => expect(complaints).toEqual([]));
    return page;
  })
  /** Paths of what the page has asked for. */
  .extend("paths", ({ page }) => {
    const paths: string[] = [];
    page.on("request", (request) => paths.push(new URL(request.url()).pathname));
    return paths;
  });

export const test = given.concurrent;
