// The page of a real service in WebKit. The end-to-end tests run this, with the
// link to a camera that streams, and end and start the camera meanwhile.

import { expect, test } from "vitest";
import { WebKit } from "./webkit";

test("WebKit follows a real camera without a reload", async () => {
  const webkit = await WebKit.launch();
  try {
    await webkit.open(process.env.LINK ?? "");
    await webkit.evaluate(() => document.body.classList.add("not-reloaded"));
    await webkit.waitFor(() => Number(document.documentElement.dataset.frames) > 50);
    await webkit.waitFor(() => document.documentElement.dataset.state === "live");
    console.log("WebKit is live");
    await webkit.waitFor(() => document.documentElement.dataset.state === "offline");
    expect(await webkit.evaluate(() => document.documentElement.dataset.reason)).toBe("shut_down");
    console.log("WebKit says that the camera was shut down");
    await webkit.waitFor(() => document.documentElement.dataset.state === "live");
    expect(await webkit.evaluate(() => document.body.className)).toBe("not-reloaded");
    const age = await webkit.evaluate(() => document.documentElement.dataset.ageMs);
    const engine = await webkit.evaluate(() => document.documentElement.dataset.engine);
    console.log(`WebKit is live again by ${engine}, ${age} ms old`);
  } finally {
    await webkit.end();
  }
});
