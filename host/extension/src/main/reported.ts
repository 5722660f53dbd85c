/** What the user is told of where an element plays: under one id from its source's begin to its end. */
import type { Reason } from "../generated/messages.js";
import type { Link } from "./link.js";

export class Reported {
  readonly #link: Link;
  readonly #element: HTMLMediaElement;
  /** 0: nothing was. */
  id = 0;

  constructor(link: Link, element: HTMLMediaElement) {
    this.#link = link;
    this.#element = element;
  }

  plays(where: "device" | "native", reason: Reason | null): void {
    this.#link.report(this.id, where, reason);
    if (reason) this.#link.explain(this.#element, reason);
  }

  /** Of media that no device is asked to play. */
  local(reason: Reason): void {
    this.#link.wake();
    this.id = this.#link.nextId();
    this.#link.post({ type: "report", player: this.id, plays: "native", reason });
    this.#link.explain(this.#element, reason);
  }

  gone(): void {
    if (this.id !== 0) this.#link.report(this.id, "gone", null);
    this.id = 0;
  }
}
