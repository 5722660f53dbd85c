/**
 * Who reads a picture gets the one of its moment. The browser's element stood elsewhere while the
 * device played and is on its way there; the browser decodes and shows without this thread, so
 * the page's call waits for it: 4 to 27 ms in Chromium 156, on two cores.
 */
import { closeFrame, frameTime, NativeVideoFrame, native, now, spansOf } from "./natives.js";
import { construct } from "./primordials.js";
import { endOfSpanAt } from "./ranges.js";

/** A page stands still no longer, in ms. */
const MOST = 150;
/** Between two looks, in ms. */
const LOOK = 1;
/** A picture shown this long before a place is the one of that place, in seconds. */
const SAME_PICTURE = 0.015;
/** The browser counts time in microseconds. */
const EXACT = 0.001;

/** Waits a moment for a seek of the browser's element, if it has what is to be shown there. */
export function catchUp(element: HTMLMediaElement): void {
  if (!native.seeking.get(element)) return;
  const to = native.currentTime.get(element);
  if (endOfSpanAt(spansOf(native.buffered.get(element)), to) === null) return;
  const first = pictureOf(element);
  // Pictures of another origin cannot be looked at, and nobody can tell when they are there.
  if (first === null || (first <= to && to - first < SAME_PICTURE)) return;
  const until = now() + MOST;
  for (let at = now(); at < until; at = now()) {
    const shown = pictureOf(element);
    if (shown === null || (shown !== first && shown <= to + EXACT)) return;
    while (now() < at + LOOK) {}
  }
}

/** The time of the picture that the element shows, in seconds; `null`: it may not be looked at. */
function pictureOf(element: HTMLMediaElement): number | null {
  try {
    const frame = construct(NativeVideoFrame, [element]) as VideoFrame;
    const time = frameTime.get(frame);
    closeFrame(frame);
    return time / 1e6;
  } catch {
    return null;
  }
}
