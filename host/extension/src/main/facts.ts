/** What the browser's own element says now, as the playback state asks for it. */
import { native } from "./natives.js";
import type { Facts } from "./playback.js";
import type { Span } from "./ranges.js";

export function factsOf(
  element: HTMLMediaElement,
  buffered: readonly Span[],
  endOfStream: boolean,
): Facts {
  return {
    readyState: native.readyState.get(element),
    position: native.currentTime.get(element),
    duration: native.duration.get(element),
    buffered,
    endOfStream,
    loop: native.loop.get(element),
  };
}
