// A few seconds of moving picture, encoded once and played in a loop: a camera
// that costs nothing, so that the browser has the machine to itself.

import { execFile } from "node:child_process";
import { mkdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Frames between keyframes: a second. */
export const GOP_FRAMES = 25;
const SECONDS = 20;

const FOLDER = fileURLToPath(new URL("../node_modules/.clips/", import.meta.url));

/** Those that are there, or being made for whoever asked first. */
const clips = new Map<string, Promise<string>>();

/** Path of the clip of this size. */
export function clip(size: string): Promise<string> {
  const found = clips.get(size) ?? made(size);
  clips.set(size, found);
  return found;
}

async function made(size: string): Promise<string> {
  const path = join(FOLDER, `${size}.mp4`);
  if (await stat(path).catch(() => null)) return path;
  await mkdir(FOLDER, { recursive: true });
  const unfinished = join(FOLDER, `${process.pid}-${size}.mp4`);
  const source = `-f lavfi -i testsrc2=size=${size}:rate=25 -t ${SECONDS}`;
  const codec = `-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -bf 0 -b:v 2M`;
  const gops = `-g ${GOP_FRAMES} -keyint_min ${GOP_FRAMES} -sc_threshold 0`;
  const args = `-hide_banner -loglevel error -nostdin -y ${source} ${codec} ${gops} ${unfinished}`;
  await promisify(execFile)("ffmpeg", args.split(" "));
  await rename(unfinished, path);
  return path;
}
