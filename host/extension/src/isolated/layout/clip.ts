/** Which ancestors clip an element, in the flat tree (CSS Overflow 3, CSS Containment 2). */
import { type Box, intersection, isEmpty } from "./rects.js";

/** Ancestors looked at. */
const MAX_DEPTH = 200;

export function parentOf(element: Element): Element | null {
  if (element.assignedSlot) return element.assignedSlot;
  if (element.parentElement) return element.parentElement;
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? root.host : null;
}

/** Whether boxes of this style hold their fixed and absolute descendants. */
export function holdsAll(style: CSSStyleDeclaration): boolean {
  return (
    style.transform !== "none" ||
    style.filter !== "none" ||
    style.perspective !== "none" ||
    /paint|layout|strict|content/.test(style.contain)
  );
}

/** The ancestors that clip `element`, nearest first; the viewport is not among them. */
export function clippersOf(element: Element): Element[] {
  const clippers: Element[] = [];
  let escapes = getComputedStyle(element).position;
  let current = element;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (document.fullscreenElement === current) break;
    const parent = parentOf(current);
    if (!parent || parent === document.documentElement) break;
    const style = getComputedStyle(parent);
    const positioned = style.position !== "static";
    const holds = holdsAll(style);
    const skipped =
      (escapes === "fixed" && !holds) || (escapes === "absolute" && !positioned && !holds);
    if (!skipped) {
      const clips = style.overflow !== "visible" || /paint|strict|content/.test(style.contain);
      // The body's overflow is the viewport's.
      if (clips && parent !== document.body) clippers.push(parent);
      escapes = style.position;
    }
    current = parent;
  }
  return clippers;
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

/** What is left of `box` between `clippers`. */
export function clipped(box: Box, clippers: readonly Element[]): Box {
  let left = box;
  for (const clipper of clippers) {
    if (isEmpty(left)) break;
    left = intersection(left, paddingBox(sizesOf(clipper)));
  }
  return left;
}
