/**
 * Objects of the browser's own interfaces with values of ours.
 *
 * They have the interface's prototype and no properties of their own; the prototype's
 * members answer for them and stay the browser's for everything else.
 */
import { call, wrapGetter, wrapMethod } from "./disguise.js";
import { NativeDOMException } from "./natives.js";
import { NativeTypeError, SafeWeakMap } from "./primordials.js";
import type { Span } from "./ranges.js";

const { create } = Object;

const ranges = new SafeWeakMap<object, readonly Span[]>();

export function makeTimeRanges(spans: readonly Span[]): TimeRanges {
  const made = create(TIME_RANGES) as TimeRanges;
  ranges.set(made, spans);
  return made;
}

export interface Quality {
  readonly creationTime: number;
  readonly totalVideoFrames: number;
  readonly droppedVideoFrames: number;
  readonly corruptedVideoFrames: number;
}

const qualities = new SafeWeakMap<object, Quality>();

export function makeQuality(quality: Quality): VideoPlaybackQuality {
  const made = create(QUALITY) as VideoPlaybackQuality;
  qualities.set(made, quality);
  return made;
}

const TIME_RANGES = TimeRanges.prototype;
const QUALITY = VideoPlaybackQuality.prototype;

function edge(name: "start" | "end"): void {
  wrapMethod(TIME_RANGES, name, (original, self, args) => {
    const spans = ranges.get(self as object);
    if (!spans) return call(original, self, args);
    const index = (args[0] as number) >>> 0;
    const span = spans[index];
    if (args.length > 0 && span) return span[name];
    const message =
      args.length === 0
        ? `Failed to execute '${name}' on 'TimeRanges': 1 argument required, but only 0 present.`
        : `Failed to execute '${name}' on 'TimeRanges': The index provided (${index}) is greater than or equal to the maximum bound (${spans.length}).`;
    if (args.length === 0) throw new NativeTypeError(message);
    throw new NativeDOMException(message, "IndexSizeError");
  });
}

export function installImposters(): void {
  wrapGetter(
    TIME_RANGES,
    "length",
    (original, self) => ranges.get(self as object)?.length ?? call(original, self, []),
  );
  edge("start");
  edge("end");
  const fields = [
    "creationTime",
    "totalVideoFrames",
    "droppedVideoFrames",
    "corruptedVideoFrames",
  ] as const;
  for (const field of fields) {
    wrapGetter(
      QUALITY,
      field,
      (original, self) => qualities.get(self as object)?.[field] ?? call(original, self, []),
    );
  }
}
