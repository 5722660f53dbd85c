/**
 * Which picture the device shows, between its counts: for `requestVideoFrameCallback` and
 * the quality counters. Pure; positions in seconds. Without pictures nothing is counted.
 */
import { abs, floor, max, min } from "./primordials.js";

/** Frame rates that media is made in. */
const RATES = [
  1,
  5,
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
/** Counts this far apart say how fast it goes at least and at most, in seconds of media. */
const STEP = 0.15;
/** Until anything is known. */
const ASSUMED = 30;
/** No count is believed for longer, in seconds of media. */
const MAX_SILENCE = 2;
/** Before two counts say more it goes on so slowly, and by no more pictures. */
const CREEP = 3;

interface Counts {
  readonly position: number;
  readonly total: number;
}

const NONE = { total: 0, dropped: 0, corrupted: 0 };

export class FramePacer {
  #rate = ASSUMED;
  #isMeasured = false;
  /** Pictures per second of media, at least: no estimate may end above the device's counts. */
  #pace: number | null = null;
  /** Where the last count, or what has interrupted it, was. */
  #from = 0;
  #last: Counts | null = null;
  /** Counts at the begin of the stretch that plays without a break. */
  #stretch: Counts | null = null;
  #counted = NONE;
  /** Of stages that are gone. */
  #before = NONE;
  #shown = 0;
  #told = 0;

  /** Pictures per second of media. */
  get rate(): number {
    return this.#rate;
  }

  get corrupted(): number {
    return this.#before.corrupted + this.#counted.corrupted;
  }

  get dropped(): number {
    return this.#before.dropped + this.#counted.dropped;
  }

  get #total(): number {
    return this.#before.total + this.#counted.total;
  }

  /** Another source. */
  forget(): void {
    this.#rate = ASSUMED;
    this.#isMeasured = false;
    this.#pace = null;
    this.#counted = NONE;
    this.#before = NONE;
    this.#shown = 0;
    this.#told = 0;
    this.interrupt(0);
  }

  /** Counts of the device at `position`. */
  count(presented: number, dropped: number, corrupted: number, position: number): void {
    if (presented + dropped < this.#counted.total) {
      // A stage that starts anew.
      this.#before = { total: this.#total, dropped: this.dropped, corrupted: this.corrupted };
      this.interrupt(position);
    }
    this.follow(position);
    this.#counted = { total: presented + dropped, dropped, corrupted };
    const counts = { position, total: this.#total };
    this.#step(counts);
    const from = this.#stretch;
    if (from && position - from.position >= STRETCH) {
      this.#measured((counts.total - from.total) / (position - from.position));
    }
    this.#stretch ??= counts;
    this.#from = position;
  }

  /** It has played up to `position` and stands. */
  stop(position: number): void {
    this.totalAt(position);
    this.interrupt(position);
  }

  /** The position jumped or stood still: what was counted does not continue. */
  interrupt(position: number): void {
    this.#last = null;
    this.#stretch = null;
    this.#from = position;
  }

  /** It is at `position`: what is before the last count is another round. */
  follow(position: number): void {
    if (position < this.#from) this.interrupt(position);
  }

  /** Index of the picture at `position` on the media time line. */
  frameAt(position: number): number {
    return floor(position * this.#rate + 1e-3);
  }

  /** Pictures up to `position`, shown or dropped; never goes back. */
  totalAt(position: number): number {
    const since = min(max(0, position - this.#from), MAX_SILENCE);
    const total = this.#total;
    const ahead = this.#pace === null ? min(since * CREEP, CREEP) : since * this.#pace;
    if (total > 0) this.#shown = max(this.#shown, total + floor(ahead));
    return this.#shown;
  }

  /** A callback tells of the picture at `position`: how many were shown, each time more. */
  tellAt(position: number): number {
    this.#told = max(this.#told + 1, this.totalAt(position) - this.dropped);
    return this.#told;
  }

  /** Of two counts, either may be a picture off. */
  #step(counts: Counts): void {
    const last = this.#last;
    const span = counts.position - (last?.position ?? 0);
    if (last && span < STEP) return;
    this.#last = counts;
    if (!last) return;
    const frames = counts.total - last.total;
    const pace = max(0, frames - 1) / span;
    this.#pace = pace;
    if (!this.#isMeasured) this.#rate = min(max(ASSUMED, pace), (frames + 1) / span);
  }

  #measured(rate: number): void {
    if (rate <= 0 || rate > 240) return;
    this.#isMeasured = true;
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
