/**
 * What of the page lies over a picture, as far as a page can know.
 *
 * Points on a coarse grid are asked what is at them, which finds what is large, wherever it
 * stands in the page; what is small or transparent to the pointer (controls, captions) is
 * found among the positioned elements near the picture. Only what has ink of its own counts:
 * a transparent layer of controls covers nothing but its buttons.
 */
import { parentOf } from "./clip.js";
import { type Box, fewBoxes, intersection, isEmpty } from "./rects.js";

/** Distance of the points in CSS pixels, and most of them in a row or column. */
const STEP = 48;
const MOST = 10;
/** Elements looked at near the picture. */
const MAX_NEAR = 300;
/** Boxes told to the device. */
const MAX_BOXES = 16;
/** Less opaque than this does not cover. */
const OPAQUE = 0.15;

function alpha(color: string): number {
  if (color === "transparent") return 0;
  const channels = /^(?:rgba|color|oklch|lab)\(.*[,/]\s*([\d.]+%?)\)$/.exec(color)?.[1];
  if (channels === undefined) return 1;
  return channels.endsWith("%") ? Number.parseFloat(channels) / 100 : Number.parseFloat(channels);
}

function opacityOf(element: Element, until: Element | null): number {
  let total = 1;
  for (let at: Element | null = element; at && at !== until; at = parentOf(at)) {
    total *= Number.parseFloat(getComputedStyle(at).opacity);
    if (total < OPAQUE) return 0;
  }
  return total;
}

const REPLACED = new Set([
  "IMG",
  "CANVAS",
  "VIDEO",
  "IFRAME",
  "EMBED",
  "OBJECT",
  "INPUT",
  "TEXTAREA",
  "SELECT",
  "PROGRESS",
  "METER",
]);

function hasText(element: Element): boolean {
  for (let node = element.firstChild; node; node = node.nextSibling) {
    if (node.nodeType === Node.TEXT_NODE && node.nodeValue?.trim()) return true;
  }
  return false;
}

/** Whether the element itself paints something, apart from its descendants. */
function hasInk(element: Element, style: CSSStyleDeclaration): boolean {
  if (style.visibility !== "visible") return false;
  if (REPLACED.has(element.tagName) || element instanceof SVGElement) return true;
  if (alpha(style.backgroundColor) >= OPAQUE) return true;
  // Gradients over whole players are shades, not controls.
  if (style.backgroundImage.includes("url(")) return true;
  const bordered = ["Top", "Right", "Bottom", "Left"].some(
    (side) => Number.parseFloat(style.getPropertyValue(`border-${side.toLowerCase()}-width`)) > 0,
  );
  return (bordered && alpha(style.borderTopColor) >= OPAQUE) || hasText(element);
}

function isShown(element: Element): boolean {
  return element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });
}

/** Elements over `element` at a point, from its root's view. */
function above(element: Element, x: number, y: number): Element[] {
  const found: Element[] = [];
  let target: Element | null = element;
  while (target) {
    const root = target.getRootNode() as Document | ShadowRoot;
    for (const hit of root.elementsFromPoint(x, y)) {
      if (hit === target || hit.contains(target)) break;
      if (!target.contains(hit)) found.push(hit);
    }
    target = root instanceof ShadowRoot ? root.host : null;
  }
  return found;
}

/** Descendants of positioned elements that follow the picture or one of its ancestors. */
function near(element: Element, box: Box, add: (element: Element) => void): void {
  let left = MAX_NEAR;
  let child: Element = element;
  for (let depth = 0; depth < 6; depth++) {
    const parent = parentOf(child);
    if (!parent || parent === document.documentElement) return;
    for (let sibling = child.nextElementSibling; sibling; sibling = sibling.nextElementSibling) {
      if (left <= 0) return;
      const style = getComputedStyle(sibling);
      if (style.position === "static" || style.zIndex.startsWith("-")) continue;
      if (
        isEmpty(intersection(sibling.getBoundingClientRect(), box)) &&
        style.overflow !== "visible"
      )
        continue;
      for (const inner of [sibling, ...sibling.querySelectorAll("*")]) {
        if (left-- <= 0) return;
        add(inner);
      }
    }
    child = parent;
  }
}

/** The covered parts of `visible` (CSS pixels of the viewport), few and disjoint enough. */
export function coveredParts(element: Element, visible: Box): Box[] {
  if (isEmpty(visible)) return [];
  const looked = new Set<Element>();
  const boxes: Box[] = [];
  const look = (candidate: Element) => {
    if (looked.has(candidate)) return;
    looked.add(candidate);
    const box = candidate.getBoundingClientRect();
    if (isEmpty(intersection(box, visible)) || !isShown(candidate)) return;
    if (!hasInk(candidate, getComputedStyle(candidate))) return;
    if (opacityOf(candidate, null) < OPAQUE) return;
    boxes.push(box);
  };
  const [width, height] = [visible.right - visible.left, visible.bottom - visible.top];
  const columns = Math.min(MOST, Math.max(2, Math.ceil(width / STEP)));
  const rows = Math.min(MOST, Math.max(2, Math.ceil(height / STEP)));
  for (let row = 0; row < rows; row++) {
    const y = visible.top + ((row + 0.5) / rows) * height;
    for (let column = 0; column < columns; column++) {
      const x = visible.left + ((column + 0.5) / columns) * width;
      for (const candidate of above(element, x, y)) look(candidate);
    }
  }
  near(element, visible, look);
  return fewBoxes(boxes, visible, MAX_BOXES);
}
