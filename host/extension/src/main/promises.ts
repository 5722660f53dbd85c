/** The promises of `play()`: the browser's while it plays, ours while the device does. */
import { NativeDOMException } from "./natives.js";
import type { Pending } from "./playback.js";
import { NativePromise, promiseThen, push } from "./primordials.js";
import { afterQueued, queueTask } from "./tasks.js";

interface Tracked extends Pending {
  /** The device has taken over: the browser's answer no longer counts. */
  moved: boolean;
}

const ignored = () => {};

export class Promises {
  #tracked: Tracked[] = [];

  /** A promise whose settling is left to `run`'s receiver. */
  make(run: (pending: Pending) => void): Promise<void> {
    return new NativePromise((resolve, reject) => run({ resolve, reject }));
  }

  /**
   * The page's promise for the browser's `answer`. While it is open who plays (`undecided`),
   * the device may take it over.
   */
  track(answer: Promise<void>, undecided: boolean): Promise<void> {
    if (!undecided) return answer;
    return new NativePromise((resolve, reject) => {
      const tracked: Tracked = { resolve, reject, moved: false };
      push(this.#tracked, tracked);
      this.#follow(answer, tracked);
    });
  }

  /** What the device takes over. */
  takeWaiting(): readonly Pending[] {
    const tracked = this.#tracked;
    this.#tracked = [];
    for (let at = 0; at < tracked.length; at++) (tracked[at] as Tracked).moved = true;
    return tracked;
  }

  /** The browser answers what the device has not, until it takes over again. */
  moveBack(pending: readonly Pending[], answer: Promise<void>): void {
    for (let at = 0; at < pending.length; at++) {
      const { resolve, reject } = pending[at] as Pending;
      const tracked: Tracked = { resolve, reject, moved: false };
      push(this.#tracked, tracked);
      this.#follow(answer, tracked);
    }
    this.ignore(answer);
  }

  /** The browser's answers count again. */
  forget(): void {
    this.#tracked = [];
  }

  /** The page's promises get the browser's answer; a refusal after what it still has to tell. */
  adopt(pending: readonly Pending[], answer: Promise<void>): void {
    for (let at = 0; at < pending.length; at++) {
      const { resolve, reject } = pending[at] as Pending;
      const refuse = (reason: unknown) => afterQueued(() => reject(reason));
      this.#follow(answer, { resolve, reject: refuse, moved: false });
    }
    this.ignore(answer);
  }

  /**
   * After the events that are queued now, or `atOnce` where none of them is told any more;
   * `failure`: why, in the browser's words.
   */
  settle(pending: readonly Pending[], failure: string | null, atOnce = false): void {
    if (pending.length === 0) return;
    const settles = () => {
      const error = failure === null ? null : new NativeDOMException(failure, "AbortError");
      for (let at = 0; at < pending.length; at++) {
        if (error) pending[at]?.reject(error);
        else pending[at]?.resolve();
      }
    };
    if (atOnce) settles();
    else queueTask(settles);
  }

  /** There is nothing that can be played: the page hears `error` first. */
  refuse(pending: readonly Pending[]): void {
    if (pending.length === 0) return;
    const refusal = new NativeDOMException(
      "Failed to load because no supported source was found.",
      "NotSupportedError",
    );
    queueTask(() => {
      for (let at = 0; at < pending.length; at++) pending[at]?.reject(refusal);
    });
  }

  /** A refusal that nobody needs to hear of. */
  ignore(answer: Promise<void>): void {
    void promiseThen(answer, ignored, ignored);
  }

  #follow(answer: Promise<void>, tracked: Tracked): void {
    void promiseThen(
      answer,
      () => {
        this.#remove(tracked);
        if (!tracked.moved) tracked.resolve();
      },
      (reason) => {
        this.#remove(tracked);
        if (!tracked.moved) tracked.reject(reason);
      },
    );
  }

  #remove(done: Tracked): void {
    const rest: Tracked[] = [];
    for (let at = 0; at < this.#tracked.length; at++) {
      const tracked = this.#tracked[at] as Tracked;
      if (tracked !== done) push(rest, tracked);
    }
    this.#tracked = rest;
  }
}
