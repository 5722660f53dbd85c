/**
 * Where this frame's viewport lies on the remote desktop.
 *
 * The top frame knows by its window (window.ts); another frame asks the content script of the
 * one around it, which answers as often as it changes (frames.ts).
 */
import { type Box, EMPTY, type Placement } from "./rects.js";
import type { Flaw } from "./shown.js";

export interface Viewport {
  readonly placement: Placement;
  /** What of the viewport is not clipped, in its own CSS pixels. */
  readonly clip: Box;
  /** What of the viewport is covered from outside, in its own CSS pixels. */
  readonly covered: readonly Box[];
  readonly visible: boolean;
  /** Of how pages around this one show it. */
  readonly flaw: Flaw | null;
}

/** How an element is seen: boxes are in CSS pixels of its viewport. */
export interface Sight {
  readonly viewport: Viewport;
  /** Its content box. */
  readonly content: Box;
  /** What of that is not clipped, */
  readonly clip: Box;
  /** and what of it is covered. */
  readonly covered: readonly Box[];
  readonly visible: boolean;
  /** Why the device cannot show it as it is seen. */
  readonly flaw: Flaw | null;
}

export const HIDDEN: Viewport = {
  placement: { x: 0, y: 0, scale: 1, pixels: 1 },
  clip: EMPTY,
  covered: [],
  visible: false,
  flaw: null,
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

/** Where the viewport begins in its window, in the units of outer sizes. */
export interface Origin {
  readonly x: number;
  readonly y: number;
}

/** Wider than any window's border or shadow, narrower than what is docked beside a page. */
const WIDEST_BORDER = 40;
/** The browser's bars above a page are not lower, and where there are none, nothing is. */
const LOWEST_BARS = 20;

/**
 * What is around the viewport is the window's borders, the browser's bars above, and what is
 * docked beside the page or below (side panels, split views, tools of developers). A page knows
 * how much it is in all; `origin`, how much of that is at the left and above.
 *
 * The host corrects what pages cannot know of a shadow whose margins are not alike, and takes
 * a page to believe in the same border left, right and below: that is what this says.
 */
export function topPlacement(
  facts: WindowFacts,
  zoom: number = zoomOf(facts.outerWidth, facts.innerWidth),
  origin: Origin | null = null,
): Placement {
  const pixels = facts.devicePixelRatio / zoom;
  const around = {
    width: facts.outerWidth - facts.innerWidth * zoom,
    height: facts.outerHeight - facts.innerHeight * zoom,
  };
  const at = originOf(around, origin);
  return {
    x: (facts.screenX + at.x) * pixels,
    y: (facts.screenY + at.y) * pixels,
    scale: facts.devicePixelRatio,
    pixels,
  };
}

function originOf(around: { width: number; height: number }, origin: Origin | null): Origin {
  if (!origin) {
    // Mostly at the right; how wide the border is then nobody says.
    if (around.width > 2 * WIDEST_BORDER) return { x: 0, y: Math.max(0, around.height) };
    const border = Math.max(0, around.width / 2);
    return { x: border, y: Math.max(0, around.height - border) };
  }
  const isBorder = (width: number) => width <= WIDEST_BORDER;
  const sides = [origin.x, around.width - origin.x];
  const below = around.height - origin.y;
  // What is docked hides how wide the border there is: as the others.
  const seen = sides.some(isBorder) ? sides.filter(isBorder) : [isBorder(below) ? below : 0];
  const usual = seen.reduce((sum, one) => sum + one) / seen.length;
  const [left = 0, right = 0] = sides.map((side) => (isBorder(side) ? side : usual));
  const border = (left + right) / 2;
  return {
    x: origin.x - left + border,
    y: origin.y - border + (isBorder(below) ? below : border),
  };
}

/** Whether the viewport can begin there: some programs that move the pointer say otherwise. */
export function isPlausible(facts: WindowFacts, zoom: number, { x, y }: Origin): boolean {
  const width = facts.outerWidth - facts.innerWidth * zoom;
  const height = facts.outerHeight - facts.innerHeight * zoom;
  const isWithin = x > -1 && y > -1 && x < width + 1 && y < height + 1;
  return isWithin && (y >= LOWEST_BARS || height <= WIDEST_BORDER);
}

/**
 * A viewport's width or height, which `inner` has without its fraction: whole pixels of the
 * screen. `isAtLeast`: a media query for a length in CSS pixels.
 */
export function preciseLength(
  inner: number,
  ratio: number,
  isAtLeast: (length: number) => boolean,
): number {
  let pixels = Math.floor(inner * ratio) - 1;
  const most = pixels + Math.ceil(ratio) + 3;
  if (!isAtLeast((pixels - 0.5) / ratio)) return inner;
  while (pixels < most && isAtLeast((pixels + 0.5) / ratio)) pixels++;
  return pixels / ratio;
}

/** Boxes that a frame is told of as covered. */
const MAX_COVERED = 256;
const MAX_LENGTH = 2 ** 24;
const MAX_SCALE = 1000;
const FLAWS: readonly (Flaw | null)[] = [null, "turned", "effect", "elsewhere"];

const isLength = (value: unknown): value is number =>
  typeof value === "number" && Math.abs(value) <= MAX_LENGTH;

function boxFrom(value: unknown): Box | null {
  if (typeof value !== "object" || value === null) return null;
  const { left, top, right, bottom } = value as Record<string, unknown>;
  if (!isLength(left) || !isLength(top) || !isLength(right) || !isLength(bottom)) return null;
  return { left, top, right, bottom };
}

/** The viewport that came from another frame; `null`: it is none. */
export function viewportFrom(value: unknown): Viewport | null {
  if (typeof value !== "object" || value === null) return null;
  const { placement, clip, covered, visible, flaw } = value as Record<string, unknown>;
  if (typeof placement !== "object" || placement === null) return null;
  const { x, y, scale, pixels } = placement as Record<string, unknown>;
  const isScale = (one: unknown): one is number =>
    typeof one === "number" && one > 0 && one <= MAX_SCALE;
  if (!isLength(x) || !isLength(y) || !isScale(scale) || !isScale(pixels)) return null;
  const seen = boxFrom(clip);
  if (!seen || !Array.isArray(covered) || typeof visible !== "boolean") return null;
  const boxes = covered.slice(0, MAX_COVERED).map(boxFrom);
  const known = FLAWS.find((one) => one === flaw);
  if (boxes.includes(null) || known === undefined) return null;
  const at = { x, y, scale, pixels };
  return { placement: at, clip: seen, covered: boxes as Box[], visible, flaw: known };
}

/** Less than this makes a viewport longer by less than a pixel. */
const SAME_SCALE = 5e-4;

/**
 * The viewport of a frame whose element is seen like that, and so many times as wide and high as
 * it is laid out.
 */
export function innerViewport(sight: Sight, [byX, byY]: readonly [number, number]): Viewport {
  const { viewport, content, clip, covered, visible, flaw } = sight;
  const { x, y, scale, pixels } = viewport.placement;
  const inner = (box: Box): Box => ({
    left: (box.left - content.left) / byX,
    top: (box.top - content.top) / byY,
    right: (box.right - content.left) / byX,
    bottom: (box.bottom - content.top) / byY,
  });
  const isAlike = Math.abs(byX - byY) <= SAME_SCALE * Math.max(byX, byY);
  // The browser draws a frame's page from a whole pixel on.
  const isPlain = byX === 1 && byY === 1;
  const placed = (length: number) => (isPlain ? Math.round(length) : length);
  const [left, top] = [placed(x + content.left * scale), placed(y + content.top * scale)];
  return {
    placement: { x: left, y: top, scale: scale * byX, pixels },
    clip: inner(clip),
    covered: covered.map(inner),
    visible,
    flaw: flaw ?? (visible && !isAlike ? "turned" : null),
  };
}

/** Scroll bars are wider, in CSS pixels; less is a fraction that `innerWidth` leaves out. */
const NARROW = 2;

/** Where this frame shows its page: not where its own scroll bars are. */
export function roomInFrame(): Box {
  const { width, height, scale } = visualViewport ?? {
    width: innerWidth,
    height: innerHeight,
    scale: 1,
  };
  const end = (length: number, inner: number) =>
    inner - length * scale > NARROW ? length * scale : Number.POSITIVE_INFINITY;
  return { left: 0, top: 0, right: end(width, innerWidth), bottom: end(height, innerHeight) };
}
