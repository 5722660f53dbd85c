/**
 * What an element paints itself, apart from its descendants: its own box, and those of its
 * `::before` and `::after`, where fonts of icons have their play buttons.
 *
 * A page cannot ask where such a pseudo-element lies: what is absolutely positioned says it in
 * its style, of the others it is told from what they are in.
 */
import { holdsAll, overflowClip, paddingBox, parentOf, scaleOf, sizesOf } from "./clip.js";
import { area, type Box, intersection } from "./rects.js";

/** Less opaque than this does not cover. */
export const OPAQUE = 0.15;
/** What is less opaque than this and lies over so large a part of `visible` shades it. */
const SHADE = 0.7;
const WHOLE = 0.9;
/** Ancestors asked whether an absolute pseudo-element is placed in them. */
const MAX_DEPTH = 32;
/** Where the place of a pseudo-element is not known, so large a part of `visible` hides too much. */
const LARGE = 0.25;
/** So far outside of its box Chromium 156 draws the ring of what has the focus, in CSS pixels. */
const RING = 2;

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

function alpha(color: string): number {
  if (color === "transparent") return 0;
  const channels = /^(?:rgba|color|oklch|lab)\(.*[,/]\s*([\d.]+%?)\)$/.exec(color)?.[1];
  if (channels === undefined) return 1;
  return channels.endsWith("%") ? Number.parseFloat(channels) / 100 : Number.parseFloat(channels);
}

function hasText(element: Element): boolean {
  for (let node = element.firstChild; node; node = node.nextSibling) {
    if (node.nodeType === Node.TEXT_NODE && node.nodeValue?.trim()) return true;
  }
  return false;
}

/** Backgrounds and borders. */
function isPainted(style: CSSStyleDeclaration): boolean {
  if (alpha(style.backgroundColor) >= OPAQUE) return true;
  // Gradients over whole players are shades, not controls.
  if (style.backgroundImage.includes("url(")) return true;
  const bordered = ["top", "right", "bottom", "left"].some(
    (side) => Number.parseFloat(style.getPropertyValue(`border-${side}-width`)) > 0,
  );
  return bordered && alpha(style.borderTopColor) >= OPAQUE;
}

/** Where the element's own words stand, which may be little of its box. */
function textBoxes(element: Element, style: CSSStyleDeclaration): Box[] {
  const boxes: Box[] = [];
  const room = overflowClip(element, style)?.box;
  const range = document.createRange();
  for (let node = element.firstChild; node; node = node.nextSibling) {
    if (node.nodeType !== Node.TEXT_NODE || !node.nodeValue?.trim()) continue;
    range.selectNodeContents(node);
    const words = range.getBoundingClientRect();
    boxes.push(room ? intersection(words, room) : words);
  }
  return boxes;
}

/** What darkens (or lightens) nearly all of `visible`: the picture is to be seen through it. */
function isShade(style: CSSStyleDeclaration, box: Box, visible: Box): boolean {
  if (style.backgroundImage.includes("url(")) return false;
  if (alpha(style.backgroundColor) * Number.parseFloat(style.opacity) > SHADE) return false;
  return area(intersection(box, visible)) >= area(visible) * WHOLE;
}

/** `box` with the outline around it: of a focus ring, too, which people see over the picture. */
function outlined(element: Element, style: CSSStyleDeclaration, box: Box): Box {
  if (style.outlineStyle === "none" || alpha(style.outlineColor) < OPAQUE) return box;
  const least = style.outlineStyle === "auto" ? RING : 0;
  const around = Math.max(0, Math.max(least, px(style.outlineWidth)) + px(style.outlineOffset));
  const [x, y] = scaleOf(sizesOf(element)).map((by) => around * by) as [number, number];
  return { left: box.left - x, top: box.top - y, right: box.right + x, bottom: box.bottom + y };
}

/** What of the element's own box has something in it. */
function ownInk(element: Element, style: CSSStyleDeclaration, visible: Box): Box[] {
  if (style.visibility !== "visible") return [];
  const box = element.getBoundingClientRect();
  const isReplaced = REPLACED.has(element.tagName) || element instanceof SVGElement;
  if (isReplaced || (isPainted(style) && !isShade(style, box, visible)))
    return [outlined(element, style, box)];
  return textBoxes(element, style);
}

/** The boxes of what `element` paints, as far as they concern `visible`. */
export function inkOf(element: Element, visible: Box): Box[] {
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  const boxes: Box[] = ownInk(element, style, visible);
  if (element instanceof SVGElement || REPLACED.has(element.tagName)) return boxes;
  for (const name of ["::before", "::after"]) {
    const pseudo = getComputedStyle(element, name);
    if (!isGenerated(pseudo)) continue;
    const drawn = pseudoBox(element, style, pseudo, box, visible);
    if (drawn) boxes.push(drawn);
  }
  return boxes;
}

/** The words of a `content`: what stands in quotes. */
function wordsOf({ content }: CSSStyleDeclaration): string {
  return [...content.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]).join("");
}

function isGenerated(style: CSSStyleDeclaration): boolean {
  const { content, display, visibility, opacity } = style;
  if (content === "none" || content === "normal" || display === "none") return false;
  if (visibility !== "visible" || Number.parseFloat(opacity) < OPAQUE) return false;
  const isEmptyWord = /^""/.test(content);
  return (!isEmptyWord && /url\(|counter|[^\s"]/.test(content)) || isPainted(style);
}

const px = (value: string): number => Number.parseFloat(value) || 0;

/** Width and height with padding and borders, before it is scaled. */
function extentOf(style: CSSStyleDeclaration): readonly [number, number] {
  const [width, height] = [Number.parseFloat(style.width), Number.parseFloat(style.height)];
  // Inline boxes have none: about as large as their words.
  const font = px(style.fontSize);
  const words = Math.max(1, wordsOf(style).length);
  const [w, h] = [Number.isNaN(width) ? words * font : width, Number.isNaN(height) ? font : height];
  if (style.boxSizing === "border-box") return [w, h];
  const around = (sides: readonly string[]) =>
    sides
      .map((side) => px(style.getPropertyValue(`padding-${side}`)) + borderOf(style, side))
      .reduce((sum, part) => sum + part, 0);
  return [w + around(["left", "right"]), h + around(["top", "bottom"])];
}

const borderOf = (style: CSSStyleDeclaration, side: string): number =>
  px(style.getPropertyValue(`border-${side}-width`));

function pseudoBox(
  element: Element,
  style: CSSStyleDeclaration,
  pseudo: CSSStyleDeclaration,
  box: Box,
  visible: Box,
): Box | null {
  const extent = extentOf(pseudo);
  if (pseudo.position === "absolute" || pseudo.position === "fixed") {
    return positionedBox(element, pseudo, extent);
  }
  const isAlone = element.childElementCount === 0 && !hasText(element);
  if (isAlone) return flowBox(element, style, extent, box);
  return area(intersection(box, visible)) < area(visible) * LARGE ? box : null;
}

/** What a style's own transforms move a box of this size by: its centring, mostly. */
function movedBy(style: CSSStyleDeclaration, [width, height]: readonly [number, number]) {
  const { transform, translate } = style;
  const matrix = transform === "none" ? null : new DOMMatrixReadOnly(transform);
  const [x = "0", y = "0"] = translate === "none" ? [] : translate.split(" ");
  const length = (value: string, whole: number) =>
    value.endsWith("%") ? (px(value) / 100) * whole : px(value);
  return [(matrix?.m41 ?? 0) + length(x, width), (matrix?.m42 ?? 0) + length(y, height)] as const;
}

/** Computed offsets of positioned boxes are pixels (CSSOM, section 9 "Resolved Values"). */
function positionedBox(
  element: Element,
  pseudo: CSSStyleDeclaration,
  extent: readonly [number, number],
): Box {
  const holder = holderOf(element, pseudo.position);
  const sizes = holder ? sizesOf(holder) : null;
  const [scaleX, scaleY] = sizes ? scaleOf(sizes) : [1, 1];
  const origin =
    sizes && holder
      ? paddingBox(sizes)
      : pseudo.position === "fixed"
        ? { left: 0, top: 0 }
        : { left: -scrollX, top: -scrollY };
  const [x, y] = movedBy(pseudo, extent);
  const scrolled = [holder?.scrollLeft ?? 0, holder?.scrollTop ?? 0] as const;
  const left = px(pseudo.left) + px(pseudo.marginLeft) + x - scrolled[0];
  const top = px(pseudo.top) + px(pseudo.marginTop) + y - scrolled[1];
  return {
    left: origin.left + left * scaleX,
    top: origin.top + top * scaleY,
    right: origin.left + (left + extent[0]) * scaleX,
    bottom: origin.top + (top + extent[1]) * scaleY,
  };
}

/** The element whose padding box holds positioned pseudo-elements of `element`. */
function holderOf(element: Element, position: string): Element | null {
  let at: Element | null = element;
  for (let depth = 0; at && depth < MAX_DEPTH; depth++, at = parentOf(at)) {
    const style = getComputedStyle(at);
    if (holdsAll(style) || (position === "absolute" && style.position !== "static")) return at;
  }
  return null;
}

/** Where the only thing in a box lies: as flex and grid containers and lines of text put it. */
function flowBox(
  element: Element,
  style: CSSStyleDeclaration,
  extent: readonly [number, number],
  box: Box,
): Box {
  const [scaleX, scaleY] = scaleOf(sizesOf(element));
  const [width, height] = [extent[0] * scaleX, extent[1] * scaleY];
  const room = [box.right - box.left - width, box.bottom - box.top - height] as const;
  // As large as what it is in, or larger than is known: all of it.
  if (room[0] <= width && room[1] <= height) return box;
  const isFlex = /flex|grid/.test(style.display);
  const isColumn = style.flexDirection.startsWith("column") && style.display.includes("flex");
  const across = isColumn ? style.alignItems : style.justifyContent;
  const along = isColumn ? style.justifyContent : style.alignItems;
  const justified = style.display.includes("grid") ? `${across} ${style.justifyItems}` : across;
  const left = box.left + Math.max(0, room[0]) * shareOf(isFlex ? justified : style.textAlign);
  const top = box.top + Math.max(0, room[1]) * shareOf(isFlex ? along : "start");
  return { left, top, right: left + width, bottom: top + height };
}

/** The share of free space that comes before. */
function shareOf(alignment: string): number {
  if (/center|space-around|space-evenly/.test(alignment)) return 0.5;
  return /\bend|right/.test(alignment) ? 1 : 0;
}
