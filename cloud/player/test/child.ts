// Programs that end with the tests, however these end: the kernel sees to it,
// also for a program that is stopped.

import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";

/** `spawn`, for a program that outlives nobody. */
export function spawnTied(program: string, args: string[], options: SpawnOptions): ChildProcess {
  return spawn("setpriv", ["--pdeathsig", "KILL", program, ...args], options);
}
