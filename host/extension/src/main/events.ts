/**
 * Events of ours for the page of one element: in the order of what they tell of, also among
 * those of the browser's that come by another queue.
 */
import { dispatch, NativeEvent } from "./natives.js";
import { queueTask } from "./tasks.js";

export class Events {
  readonly #element: HTMLMediaElement;
  /** Counts the loads: what was to be told of an earlier one no longer is. */
  #load = 0;
  /** On their way. */
  #coming = 0;
  /** `seeking` events of the browser's that the page has from here. */
  #seeks = 0;

  constructor(element: HTMLMediaElement) {
    this.#element = element;
  }

  fire(type: string): void {
    const load = this.#load;
    this.#coming += 1;
    queueTask(() => {
      if (load !== this.#load) return;
      this.#coming -= 1;
      dispatch(this.#element, new NativeEvent(type));
    });
  }

  /** The browser tells of what was later than all that is on its way: whether it goes behind it. */
  delays(type: string): boolean {
    if (this.#coming === 0) return false;
    this.fire(type);
    return true;
  }

  /** The page seeks: the browser tells of that ahead of what is on its way. */
  seeks(): void {
    if (this.delays("seeking")) this.#seeks += 1;
  }

  /** Whether the page has what the browser tells of from here; each comes once. */
  wasTold(): boolean {
    if (this.#seeks === 0) return false;
    this.#seeks -= 1;
    return true;
  }

  /** The element loads anew: what the browser has not told by then it does not tell. */
  forget(): void {
    this.#load += 1;
    this.#coming = 0;
    this.#seeks = 0;
  }
}
