/**
 * Sees that a frame will have media before any is loaded: an element in the document, whose
 * page a person looks at. The way to the device takes a good part of a second at the first
 * time, and is open then when somebody presses play.
 *
 * Nothing runs while nothing happens: it looks when the document was read and when it was
 * loaded, when its tab is shown, and when the pointer moves over it, until it has seen one.
 * What it does not see (shadow trees, elements outside of the document) comes a little later.
 */

/** Shortest time between two looks because of the pointer, in ms. */
const POINTER = 250;

const WINDOW_SIGNS = ["DOMContentLoaded", "load", "pageshow", "pointerover"] as const;

/** Calls `seen` once. */
export function foresee(seen: () => void): void {
  const videos = document.getElementsByTagName("video");
  const sounds = document.getElementsByTagName("audio");
  const options = { capture: true, passive: true } as const;
  let pointed = Number.NEGATIVE_INFINITY;
  const look = (event: Event) => {
    if (document.visibilityState === "hidden") return;
    if (event.type === "pointerover") {
      if (event.timeStamp - pointed < POINTER) return;
      pointed = event.timeStamp;
    }
    if (videos.length === 0 && sounds.length === 0) return;
    for (const type of WINDOW_SIGNS) removeEventListener(type, look, options);
    document.removeEventListener("visibilitychange", look, options);
    seen();
  };
  for (const type of WINDOW_SIGNS) addEventListener(type, look, options);
  document.addEventListener("visibilitychange", look, options);
}
