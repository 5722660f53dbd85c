/**
 * Files that the device fetches: the browser loads only their metadata, and the page goes on
 * seeing the `preload` that it has set.
 */
import { native } from "./natives.js";

type Value = HTMLMediaElement["preload"];

export class Preload {
  readonly #element: HTMLMediaElement;
  /** What the page believes, while it is something else. */
  believed: Value | null = null;

  constructor(element: HTMLMediaElement) {
    this.#element = element;
  }

  /** Nothing is to be loaded before the page plays. */
  get isNone(): boolean {
    return native.preload.get(this.#element) === "none" && !native.autoplay.get(this.#element);
  }

  limit(): void {
    const value = native.preload.get(this.#element);
    if (value === "metadata" || (value === "none" && this.believed === null)) return;
    this.believed ??= value;
    native.preload.set(this.#element, "metadata");
  }

  /** The page plays what it did not want to be loaded before. */
  wake(): void {
    this.believed = native.preload.get(this.#element);
    native.preload.set(this.#element, "metadata");
  }

  restore(): void {
    if (this.believed === null) return;
    native.preload.set(this.#element, this.believed);
    this.believed = null;
  }

  /** The page has set it. */
  changed(): void {
    if (this.believed === null) return;
    this.believed = native.preload.get(this.#element);
    native.preload.set(this.#element, "metadata");
  }
}
