// Which engine plays: best first, after what the browser can do, what the
// visitor chose and what has failed. Pure.
//
// An engine that fails twice in a row, or is unfit, sits on the bench; each
// time twice as long, so that a better engine is tried again and a phone on a
// bad network is not kept busy.

export const ENGINES = ["instant", "ll-hls", "native"] as const;
export type EngineName = (typeof ENGINES)[number];

/** What the browser can do. */
export interface Abilities {
  /** MediaSource or ManagedMediaSource takes the camera's codec in fragmented MP4. */
  readonly mediaSource: boolean;
  /** It says that it plays HLS playlists, and the codec. */
  readonly nativeHls: boolean;
  /** Its own HLS player tells dates; without them there is no way to one. */
  readonly nativeDates: boolean;
}

/** What has become of one engine. */
export interface Standing {
  /** Failures in a row. */
  readonly strikes: number;
  /** Times on the bench in a row. */
  readonly benchings: number;
  /** Until when it sits there, page clock. */
  readonly benchedUntilMs: number;
}

export type Standings = Readonly<Partial<Record<EngineName, Standing>>>;

const STRIKES = 2;
export const FIRST_BENCH_MS = 30_000;
export const LONGEST_BENCH_MS = 600_000;
const UNTRIED: Standing = { strikes: 0, benchings: 0, benchedUntilMs: Number.NEGATIVE_INFINITY };

/**
 * The engines to try, best first; a choice goes before all. MediaSource wins
 * whatever the browser says of HLS: Chromium says yes and plays six seconds behind.
 */
export function engineOrder(abilities: Abilities, choice: EngineName | null): EngineName[] {
  const able = ENGINES.filter((name) => (name === "native" ? abilities.nativeHls : abilities.mediaSource));
  return able.sort((a, b) => Number(b === choice) - Number(a === choice));
}

/** Whether an engine can play what is past; the instant stream is of the present only. */
export function hasPast(name: EngineName, { nativeDates }: Abilities): boolean {
  return name === "ll-hls" || (name === "native" && nativeDates);
}

/** The best engine that is not on the bench; if all are, the one that comes back first. */
export function engineFor(
  order: readonly EngineName[],
  standings: Standings,
  nowMs: number,
): EngineName | null {
  const until = (name: EngineName) => standings[name]?.benchedUntilMs ?? Number.NEGATIVE_INFINITY;
  const fit = order.find((name) => until(name) <= nowMs);
  return fit ?? [...order].sort((a, b) => until(a) - until(b))[0] ?? null;
}

/** After a failure of the engine's own. */
export function afterFailure(
  standings: Standings,
  name: EngineName,
  unfit: boolean,
  nowMs: number,
): Standings {
  const standing = standings[name] ?? UNTRIED;
  const strikes = standing.strikes + 1;
  if (!unfit && strikes < STRIKES) return { ...standings, [name]: { ...standing, strikes } };
  const benchMs = Math.min(FIRST_BENCH_MS * 2 ** standing.benchings, LONGEST_BENCH_MS);
  const benched = { strikes: 0, benchings: standing.benchings + 1, benchedUntilMs: nowMs + benchMs };
  return { ...standings, [name]: benched };
}

/** After it has played well for a while: what was is forgotten. */
export function afterSuccess(standings: Standings, name: EngineName): Standings {
  return standings[name] ? { ...standings, [name]: UNTRIED } : standings;
}

/** The choice in the page's hash, such as `#ll-hls`. */
export function chosenIn(hash: string): EngineName | null {
  return ENGINES.find((name) => hash === `#${name}`) ?? null;
}
