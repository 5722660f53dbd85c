/**
 * What of the page lies over a picture, as far as a page can know.
 *
 * Points on a coarse grid are asked what is at them, which finds what is large, wherever it
 * stands in the page; what is small or transparent to the pointer (controls, captions) is
 * found among the positioned elements near the picture, and over a background among all that is
 * where it is. Only what has ink of its own counts: a transparent layer of controls covers
 * nothing but its buttons.
 */
import { clipped, Escape, overflowClip, parentOf, shadowOf } from "./clip.js";
import { inkOf, OPAQUE } from "./ink.js";
import { type Box, fewBoxes, intersection, isEmpty } from "./rects.js";

/** Distance of the points in CSS pixels, and most of them in a row or column. */
const STEP = 48;
const MOST = 10;
/** Elements looked at near the picture. */
const MAX_NEAR = 300;
/** Elements whose boxes are asked for where the picture is a background. */
const MAX_ASKED = 2000;
/** Trees around the picture that are asked at each point. */
const MAX_SCOPES = 8;
/** Questions at points to shadow trees of what lies over the picture, and how deep. */
const MAX_QUESTIONS = 200;
const MAX_INNER = 6;
/** What is drawn apart from what it is in. */
const TOP_LAYER = ":is(:modal, :popover-open, :fullscreen)";
/** Boxes told to the device. */
const MAX_BOXES = 16;

function opacityOf(element: Element, until: Element | null): number {
  let total = 1;
  for (let at: Element | null = element; at && at !== until; at = parentOf(at)) {
    total *= Number.parseFloat(getComputedStyle(at).opacity);
    if (total < OPAQUE) return 0;
  }
  return total;
}

function isShown(element: Element): boolean {
  return element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });
}

type Scope = Document | ShadowRoot;

/** The picture's element among what is around it. */
class Surroundings {
  /** The element and its ancestors in the flat tree. */
  readonly #line = new Set<Element>();
  /** The trees that these are in. */
  readonly #scopes = new Set<Scope>();
  #questions = MAX_QUESTIONS;

  constructor(readonly element: Element) {
    for (let at: Element | null = element; at; at = parentOf(at)) {
      this.#line.add(at);
      if (this.#scopes.size < MAX_SCOPES) this.#scopes.add(at.getRootNode() as Scope);
    }
  }

  /** Whether it is the element, or around it. */
  has(element: Element): boolean {
    return this.#line.has(element);
  }

  /** Whether the picture or what it is in lies over `other`, at a point that both have. */
  hides(other: Element, { left, top, right, bottom }: Box): boolean {
    const scope = other.getRootNode();
    if (!(scope instanceof Document || scope instanceof ShadowRoot)) return false;
    const hits = scope.elementsFromPoint((left + right) / 2, (top + bottom) / 2);
    const at = hits.indexOf(other);
    const own = hits.indexOf(this.element);
    // The picture may be transparent to the pointer.
    const first = own < 0 ? hits.findIndex((hit) => this.#line.has(hit)) : own;
    return first >= 0 && first < at;
  }

  /** What of `visible` an element can be seen in: what is around it may clip it. */
  roomOf(element: Element, visible: Box): Box {
    const escaping = new Escape(getComputedStyle(element));
    let room = visible;
    let at = element;
    while (!at.matches(TOP_LAYER)) {
      const parent = parentOf(at);
      if (!parent || this.#line.has(parent)) break;
      const style = getComputedStyle(parent);
      const clip = escaping.isHeldBy(style) ? overflowClip(parent, style) : null;
      if (clip) room = clipped(room, [clip]);
      at = parent;
    }
    return room;
  }

  /** Tells of the elements over the picture at a point. */
  above(x: number, y: number, tell: (element: Element) => void): void {
    for (const scope of this.#scopes) this.#inScope(scope, x, y, tell, 0);
  }

  #inScope(
    scope: Scope,
    x: number,
    y: number,
    tell: (element: Element) => void,
    depth: number,
  ): void {
    for (const hit of scope.elementsFromPoint(x, y)) {
      if (this.#line.has(hit)) return;
      // What is around a shadow tree is told, too: it has been asked itself.
      if (hit.getRootNode() !== scope || this.element.contains(hit)) continue;
      tell(hit);
      if (depth >= MAX_INNER || this.#questions <= 0) continue;
      const inner = shadowOf(hit);
      if (!inner) continue;
      this.#questions--;
      this.#inScope(inner, x, y, tell, depth + 1);
    }
  }
}

/** Tells of `element`, its descendants and those in shadow trees, until `tell` wants no more. */
function throughAll(element: Element, tell: (element: Element) => boolean): boolean {
  if (!tell(element)) return false;
  const shadow = shadowOf(element);
  for (const tree of shadow ? [shadow, element] : [element]) {
    for (let child = tree.firstElementChild; child; child = child.nextElementSibling) {
      if (!throughAll(child, tell)) return false;
    }
  }
  return true;
}

/**
 * Descendants of positioned elements beside the picture or one of its ancestors: those that
 * follow, and those before that are raised over it.
 */
function near(element: Element, box: Box, add: (element: Element) => void): void {
  let [asked, left] = [MAX_ASKED, MAX_NEAR];
  const tell = (inner: Element) => {
    if (left-- <= 0) return false;
    add(inner);
    return true;
  };
  /** Whether there may be more. */
  const look = (sibling: Element, isBeside: (style: CSSStyleDeclaration) => boolean) => {
    if (left <= 0 || asked-- <= 0) return false;
    const style = getComputedStyle(sibling);
    if (style.position === "static" || !isBeside(style)) return true;
    const isFar = isEmpty(intersection(sibling.getBoundingClientRect(), box));
    if (isFar && style.overflow !== "visible") return true;
    return throughAll(sibling, tell);
  };
  let child: Element = element;
  for (let depth = 0; depth < 6; depth++) {
    const parent = parentOf(child);
    if (!parent || parent === document.documentElement || child.matches(TOP_LAYER)) return;
    const follows = ({ zIndex }: CSSStyleDeclaration) => !zIndex.startsWith("-");
    for (let next = child.nextElementSibling; next; next = next.nextElementSibling) {
      if (!look(next, follows)) return;
    }
    const level = levelOf(element, child);
    const isRaised = ({ zIndex }: CSSStyleDeclaration) => Number.parseInt(zIndex, 10) > level;
    for (let at = child.previousElementSibling; at; at = at.previousElementSibling) {
      if (!look(at, isRaised)) return;
    }
    child = parent;
  }
}

/** The `z-index` by which `element` is drawn among the siblings of `ancestor`, which may be it. */
function levelOf(element: Element, ancestor: Element): number {
  let level = 0;
  for (let at: Element | null = element; at; at = parentOf(at)) {
    const style = getComputedStyle(at);
    if (isContext(style)) level = zOf(style);
    if (at === ancestor) break;
  }
  return level;
}

function zOf({ position, zIndex }: CSSStyleDeclaration): number {
  const level = position === "static" ? Number.NaN : Number.parseInt(zIndex, 10);
  return Number.isNaN(level) ? 0 : level;
}

/** The root of the part of the page that `element` is drawn beneath: of its stacking context. */
function aboveBackground(element: Element): Element | null {
  for (let at: Element | null = element; at; at = parentOf(at)) {
    const { position, zIndex } = getComputedStyle(at);
    if (position === "static" || !zIndex.startsWith("-")) continue;
    let root = parentOf(at);
    while (root && root !== document.documentElement && !isContext(getComputedStyle(root))) {
      root = parentOf(root);
    }
    return root;
  }
  return null;
}

/** Whether it is drawn as one: CSS 2, appendix E, and what else is usual (not filters, clips). */
function isContext({ position, zIndex, opacity, transform, isolation }: CSSStyleDeclaration) {
  return (
    (position !== "static" && zIndex !== "auto") ||
    opacity !== "1" ||
    transform !== "none" ||
    isolation === "isolate"
  );
}

/** Elements in `root` that are where `box` is: words over a background are small. */
function within(root: Element, box: Box, add: (element: Element) => void): void {
  let [asked, told] = [MAX_ASKED, MAX_NEAR];
  const walk = (parent: Element | ShadowRoot) => {
    for (let at = parent.firstElementChild; at; at = at.nextElementSibling) {
      if (asked-- <= 0 || told <= 0) return;
      const own = at.getBoundingClientRect();
      const isHere = !isEmpty(intersection(own, box));
      // Empty ones hold what floats, what is positioned, or anything (`display: contents`).
      if (!isHere && !isEmpty(own)) continue;
      if (isHere) {
        told--;
        add(at);
      }
      const shadow = shadowOf(at);
      if (shadow) walk(shadow);
      walk(at);
    }
  };
  walk(root);
}

/** The covered parts of `visible` (CSS pixels of the viewport), few and disjoint enough. */
export function coveredParts(element: Element, visible: Box): Box[] {
  if (isEmpty(visible)) return [];
  const looked = new Set<Element>();
  const boxes: Box[] = [];
  const surroundings = new Surroundings(element);
  const look = (candidate: Element, isOver: boolean) => {
    if (looked.has(candidate)) return;
    looked.add(candidate);
    if (!isShown(candidate)) return;
    const inked = inkOf(candidate, visible).filter((box) => !isEmpty(intersection(box, visible)));
    if (inked.length === 0 || opacityOf(candidate, null) < OPAQUE) return;
    const room = surroundings.roomOf(candidate, visible);
    for (const box of inked) {
      const part = intersection(box, room);
      if (isEmpty(part)) continue;
      if (isOver || !surroundings.hides(candidate, part)) boxes.push(part);
    }
  };
  const [width, height] = [visible.right - visible.left, visible.bottom - visible.top];
  const columns = Math.min(MOST, Math.max(2, Math.ceil(width / STEP)));
  const rows = Math.min(MOST, Math.max(2, Math.ceil(height / STEP)));
  for (let row = 0; row < rows; row++) {
    const y = visible.top + ((row + 0.5) / rows) * height;
    for (let column = 0; column < columns; column++) {
      const x = visible.left + ((column + 0.5) / columns) * width;
      surroundings.above(x, y, (hit) => look(hit, true));
    }
  }
  near(element, visible, (one) => look(one, false));
  const root = aboveBackground(element);
  if (root) within(root, visible, (one) => surroundings.has(one) || look(one, false));
  return fewBoxes(boxes, visible, MAX_BOXES);
}
