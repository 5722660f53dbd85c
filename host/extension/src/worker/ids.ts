/**
 * Numbers that are unique in the browser, for things that frames number on their own.
 *
 * Numbers are handed out in turn, so that one that was freed is used again as late as
 * possible: an event of the device that was under way then meets nothing, not the wrong thing.
 */

/** Hands out `first..=last`; at most `limit` are in use at a time. */
export class Numbers {
  readonly #used = new Set<number>();
  readonly #first: number;
  readonly #last: number;
  readonly #limit: number;
  #next: number;

  /** `limit` is at most `last - first`, so a free number is always near. */
  constructor(first: number, last: number, limit: number) {
    this.#first = first;
    this.#last = last;
    this.#limit = Math.min(limit, last - first);
    this.#next = first;
  }

  /** A number that is not in use, or `null` at the limit. */
  take(): number | null {
    if (this.#used.size >= this.#limit) return null;
    while (this.#used.has(this.#next)) this.#advance();
    const taken = this.#next;
    this.#used.add(taken);
    this.#advance();
    return taken;
  }

  free(number: number): void {
    this.#used.delete(number);
  }

  get inUse(): number {
    return this.#used.size;
  }

  #advance(): void {
    this.#next = this.#next === this.#last ? this.#first : this.#next + 1;
  }
}
