/**
 * Which picture the device shows, between its counts: for `requestVideoFrameCallback` and
 * the quality counters. Pure; positions in seconds.
 */
import { abs, floor, max } from "./primordials.js";

/** Frame rates that media is made in. */
const RATES = [
  10,
  12,
  12.5,
  15,
  20,
  24000 / 1001,
  24,
  25,
  30000 / 1001,
  30,
  48,
  50,
  60000 / 1001,
  60,
  90,
  100,
  120,
];
/** A measured rate this near to a usual one is that one. */
const TOLERANCE = 0.012;
/** Shortest stretch to measure on, in seconds of media. */
const STRETCH = 0.7;
/** Until it is measured. */
const ASSUMED = 30;

interface Counts {
  readonly position: number;
  readonly presented: number;
  readonly dropped: number;
}

export class FramePacer {
  #rate = ASSUMED;
  #counts: Counts = { position: 0, presented: 0, dropped: 0 };
  /** Counts at the begin of the stretch that plays without a break. */
  #stretch: Counts | null = null;
  #corrupted = 0;
  #shown = 0;

  /** Pictures per second of media. */
  get rate(): number {
    return this.#rate;
  }

  get corrupted(): number {
    return this.#corrupted;
  }

  get dropped(): number {
    return this.#counts.dropped;
  }

  /** Counts of the device at `position`. */
  count(presented: number, dropped: number, corrupted: number, position: number): void {
    const counts = { position, presented, dropped };
    const from = this.#stretch;
    if (from && position - from.position >= STRETCH) {
      const frames = presented + dropped - from.presented - from.dropped;
      this.#measured(frames / (position - from.position));
    }
    this.#stretch ??= counts;
    this.#counts = counts;
    this.#corrupted = corrupted;
  }

  /** It has played up to `position` and stands. */
  stop(position: number): void {
    this.presentedAt(position);
    this.interrupt(position);
  }

  /** The position jumped or stood still: what was counted does not continue. */
  interrupt(position: number): void {
    this.#stretch = null;
    this.#counts = { ...this.#counts, position };
  }

  /** Index of the picture at `position` on the media time line. */
  frameAt(position: number): number {
    return floor(position * this.#rate + 1e-3);
  }

  /** Pictures shown up to `position`; never goes back. */
  presentedAt(position: number): number {
    const since = max(0, position - this.#counts.position);
    this.#shown = max(this.#shown, this.#counts.presented + floor(since * this.#rate));
    return this.#shown;
  }

  #measured(rate: number): void {
    if (rate < 1 || rate > 240) return;
    let nearest = rate;
    let error = TOLERANCE;
    for (let at = 0; at < RATES.length; at++) {
      const usual = RATES[at] as number;
      const off = abs(rate - usual) / usual;
      if (off < error) {
        error = off;
        nearest = usual;
      }
    }
    this.#rate = nearest;
  }
}
