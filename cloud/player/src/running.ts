// One engine from its start to its end: what it says after its end, or after
// its failure, is not heard any more.

import type { EngineName } from "./choice";
import { type Engine, type EngineFailure, type EngineSetting, loadEngine } from "./engine";

export interface RunningEvents {
  started(): void;
  failed(failure: EngineFailure): void;
}

export class Running {
  readonly name: EngineName;
  /** Page clock. */
  readonly builtAtMs = performance.now();
  /** When it said that it cannot go on; null while it works. */
  failedAtMs: number | null = null;
  /** Null while its code is on its way. */
  engine: Engine | null = null;
  readonly #events: RunningEvents;
  #ended = false;

  constructor(name: EngineName, setting: Omit<EngineSetting, "failed">, events: RunningEvents) {
    this.name = name;
    this.#events = events;
    loadEngine(name)
      .then((start) => {
        // The video is another's by now.
        if (this.#ended) return;
        this.engine = start({ ...setting, failed: (failure) => this.#fail(failure) });
        events.started();
      })
      .catch((error: unknown) => this.#fail({ fault: "network", why: String(error) }));
  }

  end(): void {
    this.#ended = true;
    this.engine?.destroy();
    this.engine = null;
  }

  #fail(failure: EngineFailure): void {
    if (this.#ended || this.failedAtMs !== null) return;
    this.failedAtMs = performance.now();
    this.#events.failed(failure);
  }
}
