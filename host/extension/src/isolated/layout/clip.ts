/** What elements clip what is in them to, and the flat tree that they are in. */
import { cornerBoxes, type Four, innerRadii, insetOf, radiiOf, scaledRadii } from "./corners.js";
import { type Box, intersection } from "./rects.js";

export function parentOf(element: Element): Element | null {
  if (element.assignedSlot) return element.assignedSlot;
  const parent = element.parentElement;
  if (parent) return closedSlotOf(element, parent) ?? parent;
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? root.host : null;
}

/** The slot of a closed shadow tree, which an element in it does not name. */
function closedSlotOf(element: Element, parent: Element): Element | null {
  const shadow = shadowOf(parent);
  if (shadow?.mode !== "closed") return null;
  for (const slot of shadow.querySelectorAll("slot")) {
    if (slot.assignedNodes().includes(element)) return slot;
  }
  return null;
}

/** The shadow tree that an element's author gave it, open or closed. */
export function shadowOf(element: Element): ShadowRoot | null {
  if (!(element instanceof HTMLElement)) return null;
  return chrome.dom.openOrClosedShadowRoot(element) as ShadowRoot | null;
}

/** What moves boxes, and is `none` where it does not. */
const MOVING = ["transform", "translate", "rotate", "scale", "perspective"] as const;

/** Whether boxes of this style hold their fixed and absolute descendants. */
export function holdsAll(style: CSSStyleDeclaration): boolean {
  return (
    MOVING.some((property) => style[property] !== "none") ||
    style.filter !== "none" ||
    style.backdropFilter !== "none" ||
    /transform|translate|rotate|scale|perspective|filter/.test(style.willChange) ||
    /paint|layout|strict|content/.test(style.contain) ||
    style.contentVisibility !== "visible"
  );
}

/** Follows an element's ancestors: which of them clip it, and which it escapes. */
export class Escape {
  #position: string;

  constructor(style: CSSStyleDeclaration) {
    this.#position = style.position;
  }

  /** Whether the next ancestor holds what comes from within. */
  isHeldBy(around: CSSStyleDeclaration): boolean {
    // It has no box.
    if (around.display === "contents") return false;
    const isFixed = this.#position === "fixed";
    const isPlaced = this.#position === "absolute" && around.position === "static";
    if ((isFixed || isPlaced) && !holdsAll(around)) return false;
    this.#position = around.position;
    return true;
  }
}

/** Sizes of an element: `rect` as it is shown, the others before it is scaled. */
export interface Sizes {
  readonly rect: Box;
  readonly offsetWidth: number;
  readonly offsetHeight: number;
  readonly clientLeft: number;
  readonly clientTop: number;
  readonly clientWidth: number;
  readonly clientHeight: number;
}

/** How much larger an element is shown than it is laid out: its own and its ancestors' scale. */
export function scaleOf({ rect, offsetWidth, offsetHeight }: Sizes): readonly [number, number] {
  if (!(offsetWidth > 0 && offsetHeight > 0)) return [1, 1];
  return [(rect.right - rect.left) / offsetWidth, (rect.bottom - rect.top) / offsetHeight];
}

/** Padding box of an element. */
export function paddingBox(sizes: Sizes): Box {
  const { rect, clientLeft, clientTop, clientWidth, clientHeight } = sizes;
  // Inline boxes have no client size.
  if (clientWidth === 0 && clientHeight === 0) return rect;
  const [scaleX, scaleY] = scaleOf(sizes);
  const left = rect.left + clientLeft * scaleX;
  const top = rect.top + clientTop * scaleY;
  return { left, top, right: left + clientWidth * scaleX, bottom: top + clientHeight * scaleY };
}

export function sizesOf(element: Element): Sizes {
  const rect = element.getBoundingClientRect();
  const { clientLeft, clientTop, clientWidth, clientHeight } = element;
  const client = { clientLeft, clientTop, clientWidth, clientHeight };
  if (element instanceof HTMLElement) {
    const { offsetWidth, offsetHeight } = element;
    return { rect, offsetWidth, offsetHeight, ...client };
  }
  // Elements of drawings and formulas do not say how large they are before they are scaled.
  const none = { clientLeft: 0, clientTop: 0, clientWidth: 0, clientHeight: 0 };
  return { rect, offsetWidth: 0, offsetHeight: 0, ...none };
}

/** What an element leaves of what is in it. */
export interface Clip {
  readonly box: Box;
  /** What its rounded corners take from that. */
  readonly corners: readonly Box[];
}

type Sides = Four<number>;

function sidesOf(style: CSSStyleDeclaration, ...names: readonly string[]): Sides {
  const side = (name: string) =>
    names.reduce((sum, one) => {
      const property = one === "border" ? `border-${name}-width` : `${one}-${name}`;
      return sum + Number.parseFloat(style.getPropertyValue(property));
    }, 0);
  return [side("top"), side("right"), side("bottom"), side("left")];
}

/** Styles say lengths in six digits: nearer to one is one. */
const UNSCALED = 1e-4;

/** As `scaleOf`, to the fraction of a pixel, of an element whose style says its size. */
export function preciseScaleOf(element: Element): readonly [number, number] {
  const style = getComputedStyle(element);
  const { width, height } = element.getBoundingClientRect();
  const [top, right, bottom, left] =
    style.boxSizing === "border-box" ? [0, 0, 0, 0] : sidesOf(style, "border", "padding");
  const scale = (shown: number, laidOut: number) => {
    const ratio = shown / laidOut;
    // Without a box there is none.
    return ratio > 0 && Number.isFinite(ratio) && Math.abs(ratio - 1) > UNSCALED ? ratio : 1;
  };
  return [
    scale(width, Number.parseFloat(style.width) + left + right),
    scale(height, Number.parseFloat(style.height) + top + bottom),
  ];
}

/** `box`, which lies by `sides` inside of the element's border box, with its round corners. */
function rounded(box: Box, style: CSSStyleDeclaration, sides: Sides, sizes: Sizes): Clip {
  const texts: Four<string> = [
    style.borderTopLeftRadius,
    style.borderTopRightRadius,
    style.borderBottomRightRadius,
    style.borderBottomLeftRadius,
  ];
  if (texts.every((text) => text === "0px")) return { box, corners: [] };
  const { offsetWidth, offsetHeight } = sizes;
  const radii = innerRadii(radiiOf(texts, offsetWidth, offsetHeight), sides);
  return { box, corners: cornerBoxes(box, scaledRadii(radii, ...scaleOf(sizes))) };
}

/** The content box, which replaced elements clip what they show to. */
export function contentClip(element: Element, style: CSSStyleDeclaration): Clip {
  const sizes = sizesOf(element);
  const sides = sidesOf(style, "border", "padding");
  return rounded(within(sizes, sides), style, sides, sizes);
}

/** The padding box, which `overflow` clips to. */
export function paddingClip(element: Element, style: CSSStyleDeclaration): Clip {
  const sizes = sizesOf(element);
  return rounded(paddingBox(sizes), style, sidesOf(style, "border"), sizes);
}

/** What an element's `overflow` and containment leave of what is in it; `null`: all. */
export function overflowClip(element: Element, style: CSSStyleDeclaration): Clip | null {
  // Lines of text clip nothing.
  if (style.display === "inline" || isViewports(element)) return null;
  const isContained =
    /paint|strict|content/.test(style.contain) || style.contentVisibility !== "visible";
  const clipsX = isContained || style.overflowX !== "visible";
  const clipsY = isContained || style.overflowY !== "visible";
  if (!clipsX && !clipsY) return null;
  const clip = paddingClip(element, style);
  if (clipsX && clipsY) return clip;
  const { left, top, right, bottom } = clip.box;
  const [least, most] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const box = clipsX
    ? { left, top: least, right, bottom: most }
    : { left: least, top, right: most, bottom };
  return { box, corners: [] };
}

/** Whether the viewport takes the element's overflow: the body's, unless the root has its own. */
function isViewports(element: Element): boolean {
  const root = document.documentElement;
  if (element === root) return true;
  return element === document.body && getComputedStyle(root).overflow === "visible";
}

/** Of a `clip-path` that is an `inset()`. */
export function insetClip(element: Element, path: string): Clip | null {
  const sizes = sizesOf(element);
  const { offsetWidth, offsetHeight } = sizes;
  if (offsetWidth === 0 || offsetHeight === 0) return null;
  const inset = insetOf(path, offsetWidth, offsetHeight);
  if (!inset) return null;
  const box = within(sizes, inset.sides);
  return { box, corners: cornerBoxes(box, scaledRadii(inset.radii, ...scaleOf(sizes))) };
}

function within(sizes: Sizes, [top, right, bottom, left]: Sides): Box {
  const { rect } = sizes;
  const [scaleX, scaleY] = scaleOf(sizes);
  return {
    left: rect.left + left * scaleX,
    top: rect.top + top * scaleY,
    right: rect.right - right * scaleX,
    bottom: rect.bottom - bottom * scaleY,
  };
}

/** What is left of `box` between `clips`. */
export function clipped(box: Box, clips: readonly Clip[]): Box {
  return clips.reduce((left, clip) => intersection(left, clip.box), box);
}
