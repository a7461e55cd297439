// How every browser test of the product starts Debian's Chromium: one place for
// its path and flags, without a library, so that each driver brings its own.

/** @type {import("playwright-core").LaunchOptions} */
export const CHROMIUM = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};
