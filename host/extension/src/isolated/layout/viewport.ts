/**
 * Where this frame's viewport lies on the remote desktop.
 *
 * The top frame knows by its window; another frame asks its parent's content script, which
 * answers on a port as often as it changes. The request is a message that the parent's
 * script stops before its page can see it, and names nothing but the frame that asks.
 */
import { type Box, EMPTY, type Placement } from "./rects.js";

export interface Viewport {
  readonly placement: Placement;
  /** What of the viewport is not clipped, in its own CSS pixels. */
  readonly clip: Box;
  /** What of the viewport is covered from outside, in its own CSS pixels. */
  readonly covered: readonly Box[];
  readonly visible: boolean;
}

export const HIDDEN: Viewport = {
  placement: { x: 0, y: 0, scale: 1 },
  clip: EMPTY,
  covered: [],
  visible: false,
};

/** Zoom levels of Chromium's menus, in percent. */
const ZOOMS = [25, 33, 50, 67, 75, 80, 90, 100, 110, 125, 150, 175, 200, 250, 300, 400, 500];

/** The page's zoom, from the window's outer width and the viewport's: borders are narrow. */
export function zoomOf(outer: number, inner: number): number {
  const ratio = outer / inner;
  let best = 100;
  for (const zoom of ZOOMS) {
    if (Math.abs(ratio - zoom / 100) < Math.abs(ratio - best / 100)) best = zoom;
  }
  return best / 100;
}

/** Sizes of a top-level window. Outer sizes do not know the page's zoom, inner ones do. */
export interface WindowFacts {
  readonly screenX: number;
  readonly screenY: number;
  readonly outerWidth: number;
  readonly outerHeight: number;
  readonly innerWidth: number;
  readonly innerHeight: number;
  readonly devicePixelRatio: number;
}

/** Borders left, right and below are equal; above are the browser's own bars. */
export function topPlacement(facts: WindowFacts): Placement {
  const zoom = zoomOf(facts.outerWidth, facts.innerWidth);
  const pixels = facts.devicePixelRatio / zoom;
  const border = Math.max(0, (facts.outerWidth - facts.innerWidth * zoom) / 2);
  const above = Math.max(0, facts.outerHeight - facts.innerHeight * zoom - border);
  return {
    x: (facts.screenX + border) * pixels,
    y: (facts.screenY + above) * pixels,
    scale: facts.devicePixelRatio,
  };
}

export function topViewport(): Viewport {
  return {
    placement: topPlacement(window),
    clip: { left: 0, top: 0, right: innerWidth, bottom: innerHeight },
    covered: [],
    visible: document.visibilityState === "visible",
  };
}

/** `outer` as seen from inside a frame whose content box is `content`. */
export function innerViewport(
  outer: Viewport,
  content: Box,
  clip: Box,
  covered: readonly Box[],
  visible: boolean,
): Viewport {
  const { x, y, scale } = outer.placement;
  const shifted = (box: Box): Box => ({
    left: box.left - content.left,
    top: box.top - content.top,
    right: box.right - content.left,
    bottom: box.bottom - content.top,
  });
  return {
    placement: { x: x + content.left * scale, y: y + content.top * scale, scale },
    clip: shifted(clip),
    covered: covered.map(shifted),
    visible,
  };
}
