/**
 * Brings the scripts of a frame and of the one around it together (layout/frames.ts): a random
 * token for each question, known to these two alone. Pure but for the random number.
 */

/** Tokens that nobody has taken yet, over all tabs; the oldest go. */
const MAX_PENDING = 256;

export interface Asker {
  readonly tab: number;
  readonly frame: number;
}

export class Embeddings {
  readonly #pending = new Map<string, Asker>();

  /** A token for a frame that asks. */
  ask({ tab, frame }: Asker): string {
    const token = crypto.randomUUID();
    this.#pending.set(token, { tab, frame });
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > MAX_PENDING && oldest !== undefined) this.#pending.delete(oldest);
    return token;
  }

  /** Nobody expects it. */
  drop(token: string): void {
    this.#pending.delete(token);
  }

  /** A frame of `tab` has taken it: the one that asked. Once only. */
  join(token: string, tab: number): Asker | null {
    const asker = this.#pending.get(token);
    if (asker?.tab !== tab) return null;
    this.#pending.delete(token);
    return asker;
  }
}
