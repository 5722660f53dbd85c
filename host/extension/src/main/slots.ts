/**
 * The players of this frame that the device has, and which of them leaves it to a new one. The
 * device takes a bounded number of a page, and refuses what is more for good.
 *
 * Pure: players are ids.
 */
import { SafeSet } from "./primordials.js";

/** From so many on one leaves for each that comes: the device takes 32 of a page with its frames. */
const MAX_AT_EASE = 24;

export class Slots {
  readonly #open = new SafeSet<number>();
  /** Those that stand still, the longest first. */
  readonly #resting = new SafeSet<number>();

  /** Which one leaves for it; 0: none has to, or none can. */
  opened(id: number): number {
    let leaves = 0;
    if (this.#open.size >= MAX_AT_EASE) {
      this.#resting.forEach((one) => {
        if (leaves === 0) leaves = one;
      });
    }
    this.closed(leaves);
    this.#open.add(id);
    return leaves;
  }

  closed(id: number): void {
    this.#open.delete(id);
    this.#resting.delete(id);
  }

  /** Whether it can leave: it stands still, and has since it was first said. */
  rests(id: number, atRest: boolean): void {
    if (!atRest) this.#resting.delete(id);
    else if (this.#open.has(id)) this.#resting.add(id);
  }
}
