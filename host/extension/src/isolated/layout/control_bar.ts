/**
 * The browser's own controls on a video, which it shows at rest and under the pointer. They show
 * the element that is parked: the device draws how playback stands over them, and the page's
 * own pixels are seen where they say something else (volume, fullscreen, menu).
 */
import { type Box, contains, intersection } from "./rects.js";

/** Measures of Chromium 156 in CSS pixels: the bar, and what of it lies below the buttons. */
const HEIGHT = 72;
const BELOW_BUTTONS = 34;
/** From so wide on there is room for the slider of the volume beside the time, */
const WIDE = 400;
/** or for these: volume, fullscreen, menu; without fullscreen; the menu alone. */
const NARROW = [
  { width: 205, buttons: 152 },
  { width: 170, buttons: 104 },
  { width: 130, buttons: 56 },
];

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
  const taken = buttonsOf(width);
  if (!isHigh || !contains(drawn, whole) || taken === null) {
    return { bar: null, covered: intersection(whole, seen) };
  }
  const left = element.right - taken;
  const buttons = { ...whole, left, bottom: whole.bottom - BELOW_BUTTONS };
  return { bar: whole, covered: intersection(buttons, seen) };
}

/** How much of the row the browser's own buttons take, at the right. */
function buttonsOf(width: number): number | null {
  if (width >= WIDE) return width / 2;
  return NARROW.find((narrow) => width >= narrow.width)?.buttons ?? null;
}

/** The pointer has rested: the browser's controls go after so long, in ms. */
const RESTED = 3000;

/** The pointer on a video. */
export class Pointer {
  readonly #video: HTMLVideoElement;
  readonly #moved: (event: PointerEvent) => void;
  #movedAt = performance.now();
  #y = Number.NEGATIVE_INFINITY;

  /** `stirs`: it moves after it has rested, over a video that the browser has controls for. */
  constructor(video: HTMLVideoElement, stirs: () => void) {
    this.#video = video;
    this.#moved = ({ clientY }) => {
      const rested = this.#rests;
      this.#movedAt = performance.now();
      this.#y = clientY;
      if (rested && hasControls(video)) stirs();
    };
    video.addEventListener("pointermove", this.#moved, { passive: true });
  }

  end(): void {
    this.#video.removeEventListener("pointermove", this.#moved);
  }

  get #rests(): boolean {
    return performance.now() - this.#movedAt >= RESTED;
  }

  /** Whether it keeps the controls; resting on them it does, too. */
  keeps({ bottom }: Box): boolean {
    if (!this.#video.matches(":hover")) return false;
    return !this.#rests || this.#y >= bottom - HEIGHT;
  }
}

/** Whether the browser has controls for it: full screen also where the page asks for none. */
export function hasControls(video: HTMLVideoElement): boolean {
  return video.controls || video.matches(":fullscreen");
}

/** Whether they are seen: as long as nothing plays, and for a while after the pointer has moved. */
export function showsControls(
  video: HTMLVideoElement,
  isPaused: boolean,
  pointer: Pointer | null,
  content: Box,
): boolean {
  if (!hasControls(video)) return false;
  return isPaused || (pointer?.keeps(content) ?? false);
}
