/** What the browser's own element says now, as the playback state asks for it. */
import { native, spansOf } from "./natives.js";
import { type Facts, HAVE_ENOUGH_DATA, HAVE_METADATA, type Handover } from "./playback.js";
import { abs } from "./primordials.js";
import { endOfSpanAt, type Span } from "./ranges.js";
import type { Told } from "./told.js";

/** The browser's element this near to a place needs no seek, in seconds. */
const SAME_PLACE = 0.05;

/**
 * `loaded`: the page was told `loadedmetadata`, before which it knows of nothing; `severed`,
 * `moved`: what the browser's element has does not count.
 */
export function factsOf(
  element: HTMLMediaElement,
  { loaded, severed, moved }: Pick<Told, "loaded" | "severed" | "moved">,
  buffered: readonly Span[],
  endOfStream: boolean,
): Facts {
  return {
    readyState: severed || moved ? HAVE_ENOUGH_DATA : loaded ? native.readyState.get(element) : 0,
    position: native.currentTime.get(element),
    duration: native.duration.get(element),
    buffered,
    endOfStream,
    loop: native.loop.get(element),
  };
}

/** The browser has pictures or sound of it out. */
export function isSeen(element: HTMLMediaElement): boolean {
  const runs = native.readyState.get(element) >= 3 && !native.paused.get(element);
  return runs && native.currentTime.get(element) > 0;
}

/**
 * How the browser's element stands when the device takes over; `runs`: the page was told so, and
 * not only is about to be.
 */
export function handoverOf(element: HTMLMediaElement, runs: boolean): Handover {
  return {
    position: native.currentTime.get(element),
    paused: native.paused.get(element),
    ended: native.ended.get(element),
    running: runs && native.readyState.get(element) >= 3,
    seeking: native.seeking.get(element),
  };
}

/** Whether the browser's element is at a place in its media, in seconds. */
export function isAt(element: HTMLMediaElement, at: number): boolean {
  return abs(native.currentTime.get(element) - at) <= SAME_PLACE;
}

/**
 * Whether the browser goes where the page has just sent it: not before it has loaded, nor where
 * there is no place to go to, as in live media of which everything was removed.
 */
export function goesElsewhere(element: HTMLMediaElement, { severed }: Told): boolean {
  if (native.readyState.get(element) < HAVE_METADATA) return false;
  return severed || native.seeking.get(element);
}

/** Whether the browser can go to a place, in seconds: servers without ranges let it go to 0 only. */
export function reaches(element: HTMLMediaElement, at: number): boolean {
  return endOfSpanAt(spansOf(native.seekable.get(element)), at) !== null;
}

/** What is there to be played. A file counts as loaded: the device reads it as it needs. */
export function bufferedOf(
  element: HTMLMediaElement,
  isFile: boolean,
  isLoaded: boolean,
): readonly Span[] {
  if (!isFile) return spansOf(native.buffered.get(element));
  return isLoaded ? [{ start: 0, end: native.duration.get(element) }] : [];
}
