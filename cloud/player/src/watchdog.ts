// Decides when an engine is given up and built anew. Pure: a record and the
// time in, a yes or no out.
//
// Only a service that says "live" makes rebuilding worth while; patience grows
// with each attempt in a row, up to a bound, so that a phone on a bad network
// is not kept busy.

export interface Watch {
  /** The service says that the camera is live. */
  readonly serviceLive: boolean;
  /** Somebody looks. */
  readonly watched: boolean;
  readonly paused: boolean;
  /** When the engine was built, page clock. */
  readonly builtAtMs: number;
  /** When the engine said that it cannot go on; null while it works. */
  readonly failedAtMs: number | null;
  /** When a new picture last appeared, page clock; null before the first. */
  readonly movedAtMs: number | null;
  /** When media last came, page clock; null when nobody knows. */
  readonly arrivedAtMs: number | null;
  /** Since when the three conditions above hold without a break. */
  readonly dueSinceMs: number;
  /** Rebuilds in a row since the picture last moved. */
  readonly attempts: number;
}

/** A failed engine is rebuilt after this long. */
export const FAILED_PATIENCE_MS = 500;
/** An engine whose picture stands still is rebuilt after this long ... */
export const FROZEN_PATIENCE_MS = 5000;
/** ... and sooner when media comes all the while, this lately: it is the engine that is stuck. */
export const STUCK_PATIENCE_MS = 2500;
export const ARRIVING_MS = 1000;
/** Patience doubles with each attempt, up to these. */
export const MAX_FAILED_PATIENCE_MS = 4000;
export const MAX_FROZEN_PATIENCE_MS = 20_000;

export function shouldRebuild(watch: Watch, nowMs: number): boolean {
  if (!watch.serviceLive || !watch.watched) return false;
  const patience = (firstMs: number, maxMs: number) => Math.min(firstMs * 2 ** watch.attempts, maxMs);
  if (watch.failedAtMs !== null) {
    return nowMs - watch.failedAtMs >= patience(FAILED_PATIENCE_MS, MAX_FAILED_PATIENCE_MS);
  }
  if (watch.paused) return false;
  const quietSinceMs = Math.max(watch.movedAtMs ?? 0, watch.builtAtMs, watch.dueSinceMs);
  const arriving = watch.arrivedAtMs !== null && nowMs - watch.arrivedAtMs < ARRIVING_MS;
  const firstMs = arriving ? STUCK_PATIENCE_MS : FROZEN_PATIENCE_MS;
  return nowMs - quietSinceMs >= patience(firstMs, MAX_FROZEN_PATIENCE_MS);
}
