/** Spans of media time in seconds, sorted and disjoint. Pure. */
import type { TimeRange } from "../generated/messages.js";
import { INFINITY, max, min, push, round } from "./primordials.js";

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Gaps shorter than this are played over, as Chromium does for MSE, in seconds. */
const GAP = 0.1;

/** End of the span that holds `at`, or null. A span may begin a little behind `at`. */
export function endOfSpanAt(spans: readonly Span[], at: number): number | null {
  for (let index = 0; index < spans.length; index++) {
    const span = spans[index] as Span;
    if (span.start - GAP <= at && at <= span.end) return span.end;
  }
  return null;
}

/** `at`, or the begin of the span just behind it. */
export function intoSpan(spans: readonly Span[], at: number): number {
  for (let index = 0; index < spans.length; index++) {
    const { start } = spans[index] as Span;
    if (start > at && start - GAP <= at) return start;
  }
  return at;
}

/** What both have. */
export function commonSpans(one: readonly Span[], other: readonly Span[]): readonly Span[] {
  const common: Span[] = [];
  for (let at = 0; at < one.length; at++) {
    const a = one[at] as Span;
    for (let index = 0; index < other.length; index++) {
      const b = other[index] as Span;
      const start = max(a.start, b.start);
      const end = min(a.end, b.end);
      if (start < end) push(common, { start, end });
    }
  }
  return common;
}

/** Whether anything of `spans` lies between `start` and `end`. */
export function overlapsSpan(spans: readonly Span[], start: number, end: number): boolean {
  for (let at = 0; at < spans.length; at++) {
    const span = spans[at] as Span;
    if (span.start < end && start < span.end) return true;
  }
  return false;
}

/** `spans` with `added` in it. */
export function withSpan(spans: readonly Span[], added: Span): Span[] {
  if (added.end <= added.start) return spans as Span[];
  const result: Span[] = [];
  let { start, end } = added;
  let placed = false;
  for (let index = 0; index < spans.length; index++) {
    const span = spans[index] as Span;
    if (span.end < start) {
      push(result, span);
    } else if (end < span.start) {
      if (!placed) push(result, { start, end });
      placed = true;
      push(result, span);
    } else {
      start = min(start, span.start);
      end = max(end, span.end);
    }
  }
  if (!placed) push(result, { start, end });
  return result;
}

/** What one of both has. */
export function withSpans(spans: readonly Span[], added: readonly Span[]): readonly Span[] {
  let all = spans;
  for (let at = 0; at < added.length; at++) all = withSpan(all, added[at] as Span);
  return all;
}

/** Largest time the channel carries, in microseconds. */
const MAX_MICROS = 2 ** 53 - 1;

export function micros(seconds: number): number {
  const value = round(seconds * 1e6);
  return max(-MAX_MICROS, min(MAX_MICROS, value));
}

/** Microseconds, or null for "no end": Infinity and NaN. */
export function microsOrNull(seconds: number): number | null {
  return seconds < INFINITY ? micros(seconds) : null;
}

/** Most ranges that one message may carry. */
const MAX_RANGES = 1024;

export function toRanges(spans: readonly Span[]): TimeRange[] {
  const ranges: TimeRange[] = [];
  for (let at = 0; at < spans.length && at < MAX_RANGES; at++) {
    const { start, end } = spans[at] as Span;
    push(ranges, { start_micros: micros(start), end_micros: micros(end) });
  }
  return ranges;
}
