// Debian's WebKit (MiniBrowser of WebKitGTK) on a screen of its own, driven
// through the WebDriver protocol (https://www.w3.org/TR/webdriver2/).

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { spawnTied } from "./child";

const PATIENCE_MS = 60_000;
const LIBRARIES = "/usr/lib";

export class WebKit {
  readonly #processes: ChildProcess[];
  readonly #session: string;

  private constructor(processes: ChildProcess[], session: string) {
    this.#processes = processes;
    this.#session = session;
  }

  static async launch(): Promise<WebKit> {
    const screen = spawnTied(
      "Xvfb",
      ["-displayfd", "3", "-screen", "0", "1600x1200x24", "-nolisten", "tcp"],
      {
        stdio: ["ignore", "ignore", "ignore", "pipe"],
      },
    );
    const [display] = (await once(screen.stdio[3] as Readable, "data")) as [Buffer];
    const port = await freePort();
    const driver = spawnTied("WebKitWebDriver", [`--port=${port}`], {
      // It complains at length of a machine without sound.
      stdio: "ignore",
      env: {
        ...process.env,
        DISPLAY: `:${String(display).trim()}`,
        // There is no user namespace in many containers, and the page is our own.
        WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
      },
    });
    const origin = `http://127.0.0.1:${port}`;
    await until(() => ask(origin, "GET", "/status").catch(() => null));
    const { sessionId } = (await ask(origin, "POST", "/session", {
      capabilities: {
        alwaysMatch: {
          "webkitgtk:browserOptions": { binary: await miniBrowser(), args: ["--automation"] },
        },
      },
    })) as { sessionId: string };
    return new WebKit([driver, screen], `${origin}/session/${sessionId}`);
  }

  async open(url: string): Promise<void> {
    await ask(this.#session, "POST", "/url", { url });
  }

  /** Runs a function, which must stand by itself, in the page. */
  async evaluate<T>(work: () => T): Promise<T> {
    const script = `return (${work.toString()})();`;
    return (await ask(this.#session, "POST", "/execute/sync", { script, args: [] })) as T;
  }

  /** Asks until the answer is yes. */
  async waitFor(condition: () => boolean): Promise<void> {
    await until(() => this.evaluate(condition));
  }

  async resize(width: number, height: number): Promise<void> {
    await ask(this.#session, "POST", "/window/rect", { width, height });
  }

  async screenshot(): Promise<Buffer> {
    return Buffer.from((await ask(this.#session, "GET", "/screenshot")) as string, "base64");
  }

  async end(): Promise<void> {
    await ask(this.#session, "DELETE", "").catch(() => undefined);
    for (const process of this.#processes) {
      const ended = once(process, "exit");
      process.kill();
      await ended;
    }
  }
}

async function ask(base: string, method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(base + path, {
    method,
    signal: AbortSignal.timeout(PATIENCE_MS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { value } = (await response.json()) as { value: unknown };
  if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(value)}`);
  return value;
}

async function until(condition: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("it did not happen in time");
    await new Promise((wake) => setTimeout(wake, 100));
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** It is not on the PATH, and its folder is named by machine and version. */
async function miniBrowser(): Promise<string> {
  for (const machine of await readdir(LIBRARIES)) {
    if (!machine.endsWith("-linux-gnu")) continue;
    const folder = (await readdir(join(LIBRARIES, machine))).find((name) => name.startsWith("webkit2gtk-"));
    if (folder) return join(LIBRARIES, machine, folder, "MiniBrowser");
  }
  throw new Error("there is no MiniBrowser: install webkit2gtk-driver");
}
