/**
 * How a page shows an element: what clips it (CSS Overflow 3, CSS Containment 2, CSS Masking 1)
 * and whether the device can show it like that. One walk through the flat tree.
 */
import { type Clip, contentClip, Escape, insetClip, overflowClip, parentOf } from "./clip.js";

/** Ancestors looked at. */
const MAX_DEPTH = 200;
/** Less than this bends a picture by less than a pixel. */
const STRAIGHT = 1e-4;

/**
 * What the device cannot do: turned, mirrored or distorted; filters, masks and their like; in
 * another window of the page, whose place nobody knows here.
 */
export type Flaw = "turned" | "effect" | "elsewhere";

export interface Shown {
  /** Nearest first, the element's own content box before all; the viewport is not among them. */
  readonly clips: readonly Clip[];
  readonly flaw: Flaw | null;
  /** Of the element and all that it is in, together. */
  readonly opacity: number;
}

export function shownOf(element: Element): Shown {
  const style = getComputedStyle(element);
  const clips: Clip[] = [contentClip(element, style)];
  const shown = { clips, flaw: null as Flaw | null, opacity: 1 };
  look(element, style, shown);
  // Of what it is in it changes nothing.
  if (!/^(none)?$/.test(style.getPropertyValue("object-view-box"))) shown.flaw ??= "effect";
  const escaping = new Escape(style);
  let current = element;
  // What is shown full screen is drawn apart from what it is in.
  for (let depth = 0; depth < MAX_DEPTH && document.fullscreenElement !== current; depth++) {
    const parent = parentOf(current);
    if (!parent) break;
    const around = getComputedStyle(parent);
    if (around.display !== "contents") look(parent, around, shown);
    const clip = escaping.isHeldBy(around) ? overflowClip(parent, around) : null;
    if (clip) shown.clips.push(clip);
    current = parent;
  }
  return shown;
}

/** What concerns everything in an element, wherever its containing block is. */
function look(
  at: Element,
  style: CSSStyleDeclaration,
  shown: { clips: Clip[]; flaw: Flaw | null; opacity: number },
): void {
  shown.opacity *= Number.parseFloat(style.opacity);
  if (!isUpright(style)) shown.flaw ??= "turned";
  if (hasEffect(style)) shown.flaw ??= "effect";
  if (style.clipPath === "none") return;
  const clip = insetClip(at, style.clipPath);
  if (clip) shown.clips.push(clip);
  else shown.flaw ??= "effect";
}

function hasEffect({ filter, mixBlendMode, maskImage }: CSSStyleDeclaration): boolean {
  return filter !== "none" || mixBlendMode !== "normal" || !/^(none(, )?)*$/.test(maskImage ?? "");
}

function isUpright({ transform, rotate, scale }: CSSStyleDeclaration): boolean {
  if (rotate !== "none" && !/^0(deg|rad|turn|grad)$/.test(rotate)) return false;
  if (scale.includes("-")) return false;
  return transform === "none" || isStraight(new DOMMatrixReadOnly(transform));
}

/** Scales and moves only. */
export function isStraight(matrix: DOMMatrixReadOnly): boolean {
  const { m11, m22, m12, m13, m14, m21, m23, m24, m31, m32, m34 } = matrix;
  const bends = [m12, m13, m14, m21, m23, m24, m31, m32, m34];
  return m11 > 0 && m22 > 0 && bends.every((value) => Math.abs(value) < STRAIGHT);
}
