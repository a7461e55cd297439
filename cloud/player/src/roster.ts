// The engines that this browser can use, and whose turn it is: keeps what the
// browser can do, what the visitor chose and how each engine has done. The
// rules are in `choice.ts`.

import { browserAbilities } from "./abilities";
import {
  type Abilities,
  afterFailure,
  afterSuccess,
  type EngineName,
  engineFor,
  engineOrder,
  hasPast,
  type Standings,
} from "./choice";

export class Roster {
  readonly #video: HTMLVideoElement;
  #choice: EngineName | null;
  #codec: string | null = null;
  #abilities: Abilities;
  #standings: Standings = {};

  constructor(video: HTMLVideoElement, choice: EngineName | null) {
    this.#video = video;
    this.#choice = choice;
    this.#abilities = browserAbilities(video);
  }

  /** The visitor's choice; null leaves it to the page. */
  get choice(): EngineName | null {
    return this.#choice;
  }

  /** Best first; a choice goes before all. */
  get engines(): readonly EngineName[] {
    return engineOrder(this.#abilities, this.#choice);
  }

  get canRewind(): boolean {
    return this.#withPast.length > 0;
  }

  /** Prefers an engine, or none; what failed before is forgiven. */
  choose(choice: EngineName | null): void {
    this.#choice = choice;
    this.#standings = {};
  }

  learnCodec(codec: string | null): void {
    if (codec === null || codec === this.#codec) return;
    this.#codec = codec;
    this.#abilities = browserAbilities(this.#video, codec);
  }

  /** Whose turn it is, for the live picture or for the past. */
  up(rewound: boolean, nowMs: number): EngineName | null {
    const able = rewound ? this.#withPast : this.engines;
    return engineFor(able, this.#standings, nowMs);
  }

  /** A better engine than this one is off the bench. */
  hasBetter(name: EngineName, nowMs: number): boolean {
    const up = this.up(false, nowMs);
    return up !== null && this.engines.indexOf(up) < this.engines.indexOf(name);
  }

  blame(name: EngineName, unfit: boolean, nowMs: number): void {
    this.#standings = afterFailure(this.#standings, name, unfit, nowMs);
  }

  praise(name: EngineName): void {
    this.#standings = afterSuccess(this.#standings, name);
  }

  get #withPast(): readonly EngineName[] {
    return this.engines.filter((name) => hasPast(name, this.#abilities));
  }
}
