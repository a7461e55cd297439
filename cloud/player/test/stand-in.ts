// A stand-in for the service and the camera behind it: the built page, an
// instant stream and plain HLS that a real ffmpeg writes live from one clip
// (the low-latency playlist is the plain one), and a status that a test can bend. It
// keeps to the service's paths and headers, and holds no logic of its own.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Status } from "../src/status";
import { spawnTied } from "./child";
import { clip, GOP_FRAMES } from "./clip";
import { InstantStream } from "./instant-stream";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));

const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".m3u8": "application/vnd.apple.mpegurl",
  ".mp4": "video/mp4",
  ".m4s": "video/mp4",
};

export class StandIn {
  /** Overrides of what the status says. */
  bend: Partial<Status> = {};
  readonly instant = new InstantStream(GOP_FRAMES);
  /** The folder of the page's scripts; another one is another version of the page. */
  release = "";
  /** The playlist is not there yet. */
  noPlaylist = false;
  /** How far this service's clock is from the machine's, ms. */
  clockOffsetMs = 0;
  /** The cameras of the list, as overrides of the garden's status. */
  cameras: Partial<Status>[] = [{}];
  /** Bodies posted to `desired`. */
  readonly wishes: string[] = [];

  readonly #folder: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #port = 0;
  #refuse: number | null = null;
  #camera: ChildProcess | null = null;
  #run = 0;
  #frozenSinceMs: number | null = null;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<StandIn> {
    const standIn = new StandIn(await mkdtemp(join(tmpdir(), "zerocam-page-")));
    await standIn.listen();
    return standIn;
  }

  /** HTTP status instead of the camera's status JSON and media; open streams end. */
  set refuse(httpStatus: number | null) {
    this.#refuse = httpStatus;
    if (httpStatus !== null) this.instant.end();
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Begins to serve; after `kill`, on the same port. */
  async listen(): Promise<void> {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.writeHead(500).end());
    });
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Dies without a word, as a service does. */
  async kill(): Promise<void> {
    const server = this.#server;
    if (!server?.listening) return;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Starts the camera with a new run; a camera that runs is ended first. */
  async startCamera(size = "640x360"): Promise<void> {
    await this.stopCamera();
    this.#run = Math.max(this.#run + 1, Math.floor(Date.now() / 1000));
    this.#frozenSinceMs = null;
    const folder = join(this.#folder, String(this.#run));
    await mkdir(folder);
    const hls = `[f=hls:hls_time=0.9:hls_list_size=60:hls_segment_type=fmp4:start_number=${this.#run}:hls_flags=program_date_time+omit_endlist:hls_segment_filename=%d.m4s]plain.m3u8`;
    const mp4 =
      "[f=mp4:video_track_timescale=16000:movflags=+frag_every_frame+empty_moov+default_base_moof:flush_packets=1]pipe:1";
    const source = `-re -stream_loop -1 -i ${await clip(size)} -map 0:v -c copy`;
    const args = `-hide_banner -loglevel error -nostdin ${source} -f tee ${hls}|${mp4}`.split(" ");
    this.instant.begin(this.#run);
    const camera = spawnTied("ffmpeg", args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    camera.stdout?.on("data", (bytes: Buffer) => this.instant.push(bytes));
    this.#camera = camera;
    await once(this.#camera, "spawn");
  }

  /** The camera goes quiet, or comes back to itself. */
  freezeCamera(frozen: boolean): void {
    this.#camera?.kill(frozen ? "SIGSTOP" : "SIGCONT");
    this.#frozenSinceMs = frozen ? Date.now() : null;
  }

  async stopCamera(): Promise<void> {
    const camera = this.#camera;
    this.#camera = null;
    this.instant.end();
    if (!camera || camera.exitCode !== null || camera.signalCode !== null) return;
    camera.kill("SIGKILL");
    await once(camera, "exit");
  }

  async end(): Promise<void> {
    await this.stopCamera();
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #status(bend: Partial<Status> = this.bend): Status {
    const now = Date.now() + this.clockOffsetMs;
    const silentMs = this.#frozenSinceMs === null ? 80 : Date.now() - this.#frozenSinceMs;
    const state = silentMs < 3000 ? "live" : silentMs < 10_000 ? "stale" : "offline";
    return {
      camera: "garden",
      state,
      reason: { code: state === "offline" ? "not_seen" : state, text: "" },
      age_ms: silentMs,
      service_time_unix_ms: now,
      newest: { run: this.#run, segment: this.instant.segment, date_unix_ms: now - silentMs },
      video: { codec: "avc1.42c01f", width: 1280, height: 720, frame_rate_hz: 25, target_duration_s: 1 },
      bitrate_bps: 2_040_000,
      viewers: 2,
      last_seen_unix_ms: now - silentMs,
      device: "00000000a1b2c3d4",
      desired: { state: "started", version: 3 },
      health: {
        wifi_signal_dbm: -61,
        cpu_percent: 23.4,
        memory_used_bytes: 96_400_000,
        memory_total_bytes: 447_000_000,
        temperature_celsius: 47.2,
        uptime_s: 92_311,
        queue_age_ms: 42,
        dropped_frames: 0,
        connections: 3,
      },
      black_box: [],
      control: false,
      ...bend,
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.origin);
    const path = pathname.replace(/^\/t\/[^/]+/, "");
    const asset = /^\/assets\/(.*?)([\w.-]+)$/.exec(path);
    if (asset?.[1] === this.release) return this.#file(response, join(DIST, "assets", asset[2] ?? ""));
    if (path.startsWith("/watch/") && path.endsWith("/")) return this.#page(response, "index.html");
    if (path === "/") return this.#page(response, "cameras.html");
    if (this.#refuse !== null) return void response.writeHead(this.#refuse).end("refused");
    if (path === "/api/cameras/garden") return void response.end(JSON.stringify(this.#status()));
    if (path === "/api/cameras") {
      const cameras = this.cameras.map((bend) => this.#status(bend));
      return void response.end(JSON.stringify({ cameras }));
    }
    if (path === "/api/cameras/garden/link") {
      return void response.end(
        JSON.stringify({ path: "/watch/garden/?token=view.garden.x7Kq2m.0.GUXca5xF1J" }),
      );
    }
    if (/^\/watch\/[a-z0-9-]+\/still\.mp4$/.test(path)) {
      const still = this.instant.still(searchParams.get("run"), searchParams.get("segment"));
      return this.#still(still, request, response);
    }
    if (path === "/api/cameras/garden/desired" && request.method === "POST") {
      let body = "";
      for await (const chunk of request) body += chunk;
      this.wishes.push(body);
      return void response.end(JSON.stringify({ ...JSON.parse(body), version: 4 }));
    }
    const media = /^\/watch\/garden\/(live\.mp4|plain\.m3u8|index\.m3u8|\d+\/[\w.]+)$/.exec(path)?.[1];
    if (media === "live.mp4") return this.instant.answer(response, this.clockOffsetMs);
    if (media?.endsWith(".m3u8") && !this.noPlaylist) return this.#playlist(response);
    if (media?.includes("/")) return this.#file(response, join(this.#folder, media));
    response.writeHead(404).end("not here");
  }

  /** Whole, or the range that Safari insists on. */
  #still(still: Buffer | null, request: IncomingMessage, response: ServerResponse): void {
    if (still === null) return void response.writeHead(404).end("no picture yet");
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const first = Number(range?.[1] ?? 0);
    const last = Math.min(still.length - 1, range?.[2] ? Number(range[2]) : still.length - 1);
    response.writeHead(range ? 206 : 200, {
      "Content-Type": TYPES[".mp4"],
      "Accept-Ranges": "bytes",
      "Content-Length": last + 1 - first,
      ...(range ? { "Content-Range": `bytes ${first}-${last}/${still.length}` } : {}),
    });
    response.end(still.subarray(first, last + 1));
  }

  /** ffmpeg's playlist with the run in front of each name, by this service's clock. */
  async #playlist(response: ServerResponse): Promise<void> {
    const run = String(this.#run);
    const written = await readFile(join(this.#folder, run, "plain.m3u8"), "utf8").catch(() => null);
    if (written === null) return void response.writeHead(404).end("no picture yet");
    const text = written
      .replace('URI="init.mp4"', `URI="${run}/init.mp4"`)
      .replace(/^\d+\.m4s$/gm, `${run}/$&`)
      .replace(/(?<=^#EXT-X-PROGRAM-DATE-TIME:).*$/gm, (date) => {
        const unixMs = Date.parse(date.replace(/([+-]\d\d)(\d\d)$/, "$1:$2"));
        return new Date(unixMs + this.clockOffsetMs).toISOString();
      });
    response.writeHead(200, { "Content-Type": TYPES[".m3u8"], "Cache-Control": "no-cache" }).end(text);
  }

  async #page(response: ServerResponse, file: string): Promise<void> {
    const text = await readFile(join(DIST, file), "utf8");
    this.#send(response, file, Buffer.from(text.replaceAll("/assets/", `/assets/${this.release}`)));
  }

  async #file(response: ServerResponse, path: string): Promise<void> {
    this.#send(response, path, await readFile(path).catch(() => null));
  }

  #send(response: ServerResponse, path: string, bytes: Buffer | null): void {
    if (bytes === null) return void response.writeHead(404).end("not here");
    response
      .writeHead(200, { "Content-Type": TYPES[extname(path)], "Content-Security-Policy": CSP })
      .end(bytes);
  }
}
