// How long an answer is waited for.

/** Aborts what it is given to after this long. Safari has `AbortSignal.timeout` from 16 on only. */
export function deadline(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), ms);
  return controller.signal;
}
