/** The device's media clock as the page sees it between two reports. Pure; seconds and ms. */
import { max, min } from "./primordials.js";

/** A device that says nothing is believed to play on for this long, in seconds. */
const MAX_SILENCE = 2;

/** Steps back by less than this are smoothed away, in seconds. */
const JITTER = 0.5;

export class DeviceClock {
  #position = 0;
  #rate = 0;
  #at = 0;
  #shown = 0;

  get rate(): number {
    return this.#rate;
  }

  /** Position of the last report. */
  get reported(): number {
    return this.#position;
  }

  /** The device was at `position` just now (`now` in ms) and moves at `rate`. */
  report(position: number, rate: number, now: number): void {
    this.#position = position;
    this.#rate = rate;
    this.#at = now;
  }

  /** Stands at `position`: a seek, or the end. */
  hold(position: number): void {
    this.#position = position;
    this.#rate = 0;
    this.#shown = position;
  }

  /** Stands where it is now. */
  stop(now: number, limit: number): void {
    this.hold(this.at(now, limit));
  }

  /**
   * Position at `now`, never beyond `limit`.
   *
   * INVARIANT: it does not go back while it runs, except by a jump of the device.
   */
  at(now: number, limit: number): number {
    if (this.#rate === 0) return this.#position;
    const silence = min(max(now - this.#at, 0) / 1000, MAX_SILENCE);
    const position = min(this.#position + silence * this.#rate, max(limit, this.#position));
    const back = this.#shown - position;
    if (back > 0 && back < JITTER) return this.#shown;
    this.#shown = position;
    return position;
  }
}
