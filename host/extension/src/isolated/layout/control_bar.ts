/**
 * The browser's own controls on a video, which it shows while the pointer is there. They show
 * the element that is parked: the device draws how playback stands over them, and the page's
 * own pixels are seen where they say something else (volume, fullscreen, menu).
 */
import { type Box, contains, intersection } from "./rects.js";

/** Measures of Chromium 156 in CSS pixels: the bar, and what of it lies below the buttons. */
const HEIGHT = 72;
const BELOW_BUTTONS = 34;
/** Volume, fullscreen, menu. */
const BUTTONS = 152;
/** Narrower ones have no room for the slider of the volume beside the time, */
const NARROW = 400;
/** and these none for the time beside the buttons. */
const NARROWEST = 280;

export interface Controls {
  /** The whole bar, where the device can draw it. */
  readonly bar: Box | null;
  /** What of it is the browser's to show. */
  readonly covered: Box;
}

/**
 * `element`: the video's content box; `picture`: where the device draws; `seen`: what of the
 * element is. All in CSS pixels of the viewport.
 */
export function controlsOf(element: Box, picture: Box, seen: Box): Controls {
  const whole = { ...element, top: Math.max(element.top, element.bottom - HEIGHT) };
  const drawn = {
    left: picture.left - 1,
    top: picture.top - 1,
    right: picture.right + 1,
    bottom: picture.bottom + 1,
  };
  const width = element.right - element.left;
  const isHigh = element.bottom - element.top >= HEIGHT;
  if (!isHigh || !contains(drawn, whole) || width < NARROWEST) {
    return { bar: null, covered: intersection(whole, seen) };
  }
  const left = element.right - (width < NARROW ? BUTTONS : width / 2);
  const buttons = { ...whole, left, bottom: whole.bottom - BELOW_BUTTONS };
  return { bar: whole, covered: intersection(buttons, seen) };
}

/** Whether the browser shows its controls: the pointer is on the video, and may rest there. */
export function showsControls(video: HTMLVideoElement): boolean {
  return video.controls && video.matches(":hover");
}
