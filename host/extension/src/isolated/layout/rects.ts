/** Rectangles in CSS pixels of one viewport, and on the remote desktop. Pure. */
import type { Rect } from "../../generated/messages.js";

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export const EMPTY: Box = { left: 0, top: 0, right: 0, bottom: 0 };

export function isEmpty(box: Box): boolean {
  return box.right <= box.left || box.bottom <= box.top;
}

export function intersection(one: Box, other: Box): Box {
  const box = {
    left: Math.max(one.left, other.left),
    top: Math.max(one.top, other.top),
    right: Math.min(one.right, other.right),
    bottom: Math.min(one.bottom, other.bottom),
  };
  return isEmpty(box) ? EMPTY : box;
}

export function contains(outer: Box, inner: Box): boolean {
  return (
    outer.left <= inner.left &&
    outer.top <= inner.top &&
    outer.right >= inner.right &&
    outer.bottom >= inner.bottom
  );
}

export function area(box: Box): number {
  return isEmpty(box) ? 0 : (box.right - box.left) * (box.bottom - box.top);
}

export function union(one: Box, other: Box): Box {
  return {
    left: Math.min(one.left, other.left),
    top: Math.min(one.top, other.top),
    right: Math.max(one.right, other.right),
    bottom: Math.max(one.bottom, other.bottom),
  };
}

/** Where a viewport lies on the remote desktop: origin in physical pixels, and scale. */
export interface Placement {
  readonly x: number;
  readonly y: number;
  /** Physical pixels per CSS pixel. */
  readonly scale: number;
  /** The same without the page's zoom: pixels of the screen per unit that screens have in CSS. */
  readonly pixels: number;
}

const LIMIT = 2 ** 24;
const bounded = (value: number) =>
  Number.isFinite(value) ? Math.round(Math.min(LIMIT, Math.max(-LIMIT, value))) : 0;

/** `box` on the remote desktop. Edges are rounded, so that neighbours stay neighbours. */
export function toDesktop(box: Box, at: Placement): Rect {
  const left = bounded(at.x + box.left * at.scale);
  const top = bounded(at.y + box.top * at.scale);
  const right = bounded(at.x + box.right * at.scale);
  const bottom = bounded(at.y + box.bottom * at.scale);
  return { x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
}

/**
 * `box` as the browser draws a video's: its size in whole pixels before it is placed, so that it
 * stays the same wherever it lies.
 */
export function wholeSized(box: Box, { scale }: Placement): Box {
  const whole = (length: number) => Math.round(length * scale) / scale;
  const right = box.left + whole(box.right - box.left);
  return { ...box, right, bottom: box.top + whole(box.bottom - box.top) };
}

/**
 * At most `most` boxes that cover what `boxes` cover within `within`. Contained ones go; then
 * the pair whose union adds the least is merged until few enough are left.
 */
export function fewBoxes(boxes: readonly Box[], within: Box, most: number): Box[] {
  const kept: Box[] = [];
  for (const box of boxes) {
    const part = intersection(box, within);
    if (isEmpty(part) || kept.some((other) => contains(other, part))) continue;
    for (let at = kept.length - 1; at >= 0; at--) {
      if (contains(part, kept[at] as Box)) kept.splice(at, 1);
    }
    kept.push(part);
  }
  while (kept.length > most) {
    let best = { cost: Number.POSITIVE_INFINITY, one: 0, other: 1 };
    for (let one = 0; one < kept.length; one++) {
      for (let other = one + 1; other < kept.length; other++) {
        const [a, b] = [kept[one] as Box, kept[other] as Box];
        const cost = area(union(a, b)) - area(a) - area(b);
        if (cost < best.cost) best = { cost, one, other };
      }
    }
    const merged = union(kept[best.one] as Box, kept[best.other] as Box);
    kept.splice(best.other, 1);
    kept.splice(best.one, 1, merged);
  }
  return kept;
}
