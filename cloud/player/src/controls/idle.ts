// A stage that nobody touches shows the picture and its state, nothing else.

const IDLE_AFTER_MS = 3500;

export class Idle {
  readonly #stage: HTMLElement;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #allowed = false;

  constructor(stage: HTMLElement) {
    this.#stage = stage;
    for (const sign of ["pointermove", "pointerdown", "focusin"]) {
      stage.addEventListener(sign, () => this.#wake());
    }
    document.addEventListener("keydown", () => this.#wake());
    stage.addEventListener("pointerleave", (event) => {
      // A finger leaves with every tap, a mouse means it.
      if (event.pointerType === "mouse" && this.#allowed) this.#sleep();
    });
  }

  /** Whether controls may hide: only over a picture that is live. */
  allow(allowed: boolean): void {
    if (allowed === this.#allowed) return;
    this.#allowed = allowed;
    this.#wake();
  }

  #wake(): void {
    clearTimeout(this.#timer);
    this.#stage.removeAttribute("data-idle");
    if (this.#allowed) this.#timer = setTimeout(() => this.#sleep(), IDLE_AFTER_MS);
  }

  #sleep(): void {
    // Never from under a keyboard's focus.
    if (this.#stage.querySelector(".deck :focus-visible")) return;
    this.#stage.setAttribute("data-idle", "");
  }
}
