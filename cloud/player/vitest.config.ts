// Three projects: `unit` is pure and quick; `browser` drives Debian's browsers
// against the stand-in service of test/; `service`, which the end-to-end tests run,
// drives WebKit against a real one.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts"] } },
      {
        test: {
          name: "browser",
          include: ["test/**/*.test.ts"],
          setupFiles: ["test/orphan.ts"],
          testTimeout: 300_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          // Tests mostly wait for real time to pass, each with a page and a service of its own.
          maxConcurrency: 4,
          expect: { poll: { timeout: 60_000 } },
        },
      },
      {
        test: {
          name: "service",
          include: ["test/service.ts"],
          setupFiles: ["test/orphan.ts"],
          testTimeout: 300_000,
          disableConsoleIntercept: true,
        },
      },
    ],
  },
});
