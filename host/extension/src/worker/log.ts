/**
 * What the worker writes down for "Collect logs": the newest lines, in memory.
 *
 * Never content of pages, addresses or URLs: lines are made of fixed words, numbers and
 * reason codes by the callers.
 */

/** Lines that are kept, and characters of one. */
const MAX_LINES = 4000;
const MAX_LENGTH = 400;

export class Log {
  #lines: string[] = [];
  #dropped = 0;
  readonly #now: () => Date;

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
  }

  write(text: string): void {
    this.#lines.push(`${this.#now().toISOString()} ${text.slice(0, MAX_LENGTH)}`);
    // In blocks, so that a full log does not shift on each line.
    if (this.#lines.length >= MAX_LINES + MAX_LINES / 4) {
      const kept = this.#lines.slice(-MAX_LINES);
      this.#dropped += this.#lines.length - kept.length;
      this.#lines = kept;
    }
  }

  /** Oldest first; says how many older ones are gone. */
  lines(): string[] {
    const lines = this.#lines.slice(-MAX_LINES);
    const dropped = this.#dropped + this.#lines.length - lines.length;
    return dropped === 0 ? lines : [`(${dropped} older lines are gone)`, ...lines];
  }

  /** Begins anew: what was before is not part of the collection. */
  clear(): void {
    this.#lines = [];
    this.#dropped = 0;
  }
}
