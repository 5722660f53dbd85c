/**
 * Whether the browser lets an element play: its autoplay policy answers for itself; and what the
 * browser says of being started and paused without the page's asking for it.
 */
import { native } from "./natives.js";
import type { Promises } from "./promises.js";

export class Permission {
  readonly #element: HTMLMediaElement;
  readonly #isVideo: boolean;
  readonly #promises: Promises;
  /** `play` events that are none of the page's. */
  #questions = 0;
  /** `pause` events that are none of the page's. */
  #pauses = 0;

  constructor(element: HTMLMediaElement, isVideo: boolean, promises: Promises) {
    this.#element = element;
    this.#isVideo = isVideo;
    this.#promises = promises;
  }

  /** Null when it may play now; a refusal is the browser's promise. `severed`: see told.ts. */
  refusal(severed: boolean): Promise<void> | null {
    const element = this.#element;
    if (severed) return null;
    if (native.error.get(element)) return native.play(element);
    const silent = this.#isVideo && native.muted.get(element);
    if (silent && native.readyState.get(element) > 0) return null;
    this.#questions += 1;
    const answer = native.play(element);
    if (native.paused.get(element)) {
      this.#questions -= 1;
      return answer;
    }
    this.pauseQuietly();
    this.#promises.ignore(answer);
    return null;
  }

  /** The browser's element is paused without the page's asking for it. */
  pauseQuietly(): void {
    if (!native.paused.get(this.#element)) this.#pauses += 1;
    // Of one that is paused it takes away that the browser starts it by its `autoplay` attribute.
    native.pause(this.#element);
  }

  /** The browser's element is started without the page's asking for it. */
  startQuietly(): Promise<void> {
    const answer = native.play(this.#element);
    if (!native.paused.get(this.#element)) this.#questions += 1;
    return answer;
  }

  /** Whether a `play` event of the browser comes from a question; each comes once. */
  wasQuestion(): boolean {
    if (this.#questions === 0) return false;
    this.#questions -= 1;
    return true;
  }

  /** Whether one is still to come. */
  get pauses(): boolean {
    return this.#pauses > 0;
  }

  /** Whether a `pause` event of the browser is none of the page's; each comes once. */
  wasPause(): boolean {
    if (this.#pauses === 0) return false;
    this.#pauses -= 1;
    return true;
  }

  forget(): void {
    this.#questions = 0;
    this.#pauses = 0;
  }
}
