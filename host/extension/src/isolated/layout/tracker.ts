/**
 * Follows where elements lie, and tells each change.
 *
 * Little runs while nothing moves: scrolls, sizes, intersections, transitions, mutations of
 * ancestors and the pointer start a look in the next frame. A window tells nobody that it
 * moves, so while pictures move the place is compared as often as their pages hear of it, and in
 * each frame for a while after anything that a move begins with. What covers may come from
 * anywhere in the page, which nobody tells either: where something is shown, that is looked for
 * once a second. Before the device shows anything there is nothing to follow, and a page that
 * begins to play has enough to do.
 */
import { clipped, parentOf } from "./clip.js";
import { coveredParts } from "./cover.js";
import { askParent, type FrameTracker } from "./frames.js";
import { type Box, contains, EMPTY, fewBoxes, intersection, isEmpty } from "./rects.js";
import { type Flaw, type Shown, shownOf } from "./shown.js";
import { HIDDEN, roomInFrame, type Viewport } from "./viewport.js";
import { TopWindow } from "./window.js";

/** How long each frame is looked at after a sign of movement, in ms. */
const HOT = 1500;
/** Before there is a picture a look waits for an idle page, so long at most, in ms. */
const UNHURRIED = 100;
/** What is shown is looked at anew after so long without any sign, in ms. */
const RELOOK = 1000;
/** Share of the time that looking for what covers may take: at rest, and with the pointer. */
const SHARE = { resting: 0.01, pointing: 0.05 };
/** The pointer was here just now, in ms. */
const POINTED = 2000;
/** Boxes that rounded corners take. */
const MAX_CORNERS = 24;
/** Less opaque than this lets something through, and more than that is seen at all. */
const OPAQUE = 0.99;
const SEEN = 0.01;
/** A fade is over when the opacity has been the same so long, in ms. */
const FADE = 1000;
/** Shortest time between two looks for what covers, in ms. */
const SHORTEST = 100;

type Deliver = Parameters<FrameTracker["track"]>[1];

class Tracked {
  covered: readonly Box[] = [];
  /** When to look for what covers again. */
  coverAt = 0;
  shift: IntersectionObserver | null = null;
  /** Place at the last thorough look. */
  last = "";
  /** Since when it has been as opaque as it is. */
  opacity = { value: 1, since: 0 };

  constructor(
    readonly element: HTMLElement,
    readonly deliver: Deliver,
    /** The device shows something there. */
    public shown: boolean,
  ) {}
}

export class Tracker implements FrameTracker {
  readonly #tracked = new Set<Tracked>();
  readonly #resized = new ResizeObserver(() => this.#thorough());
  readonly #mutated = new MutationObserver(() => this.#thorough());
  #viewport: Viewport = HIDDEN;
  /** A top-level page's. */
  #window: TopWindow | null = null;
  #listening = false;
  #scheduled = false;
  #wantsThorough = false;
  #hotUntil = 0;
  #pointedAt = Number.NEGATIVE_INFINITY;
  #coverTimer = 0;
  #relookTimer = 0;

  track(element: HTMLElement, deliver: Deliver, shown = true): () => void {
    this.#listen();
    const tracked = new Tracked(element, deliver, shown);
    this.#tracked.add(tracked);
    this.#resized.observe(element);
    this.#observeAncestors(element);
    this.#thorough();
    return () => {
      this.#tracked.delete(tracked);
      this.#resized.unobserve(element);
      tracked.shift?.disconnect();
      if (this.#tracked.size === 0) this.#mutated.disconnect();
    };
  }

  /** The device shows something there from now on. */
  shows(element: HTMLElement): void {
    for (const tracked of this.#tracked) {
      if (tracked.element !== element || tracked.shown) continue;
      tracked.shown = true;
      this.#thorough();
    }
  }

  /** Tells everything again: the device has forgotten. */
  repeat(): void {
    for (const tracked of this.#tracked) tracked.last = "";
    this.#thorough();
  }

  /** Compares now; looks into it when something has changed. */
  compare(): void {
    if (this.#window) this.#viewport = this.#window.viewport;
    for (const tracked of this.#tracked) {
      if (this.#key(tracked) !== tracked.last) {
        this.heat();
        return;
      }
    }
  }

  /** What covers something may come from anywhere in the page, and also while nothing plays. */
  #relook(): void {
    if (this.#relookTimer !== 0 || !this.#isSeen()) return;
    this.#relookTimer = setTimeout(() => {
      this.#relookTimer = 0;
      if (this.#isSeen()) this.#thorough();
    }, RELOOK);
  }

  #isSeen(): boolean {
    return document.visibilityState === "visible" && this.#viewport.visible && this.#follows();
  }

  /** Something may move: looks at each frame for a while. */
  heat(): void {
    this.#hotUntil = performance.now() + HOT;
    this.#thorough();
  }

  #thorough(): void {
    this.#wantsThorough = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#tracked.size === 0) return;
    // Hidden pages have no frames; what is known is told at once.
    if (document.visibilityState === "hidden") this.#look();
    if (this.#scheduled) return;
    this.#scheduled = true;
    const look = () => {
      this.#scheduled = false;
      this.#look();
      if (performance.now() < this.#hotUntil && this.#follows()) this.#schedule();
    };
    if (this.#follows()) requestAnimationFrame(look);
    else requestIdleCallback(look, { timeout: UNHURRIED });
  }

  #follows(): boolean {
    for (const tracked of this.#tracked) if (tracked.shown) return true;
    return false;
  }

  #look(): void {
    if (this.#window) this.#viewport = this.#window.viewport;
    const thorough = this.#wantsThorough;
    this.#wantsThorough = false;
    for (const tracked of this.#tracked) {
      // In another document its size comes when those of this one were told: an error for the page.
      if (tracked.element.ownerDocument !== document) this.#resized.unobserve(tracked.element);
      const key = this.#key(tracked);
      if (!thorough && key === tracked.last) continue;
      tracked.last = key;
      this.#measure(tracked);
    }
    this.#relook();
  }

  #key({ element }: Tracked): string {
    const { left, top: y, right, bottom } = element.getBoundingClientRect();
    const { x: desktopX, y: desktopY, scale } = this.#viewport.placement;
    return [left, y, right, bottom, desktopX, desktopY, scale, this.#viewport.visible].join();
  }

  #measure(tracked: Tracked): void {
    const { element, deliver } = tracked;
    const viewport = this.#viewport;
    if (element.isConnected && element.ownerDocument !== document) {
      const [content, clip] = [EMPTY, EMPTY];
      return deliver({ viewport, content, clip, covered: [], visible: false, flaw: "elsewhere" });
    }
    const shown = shownOf(element);
    const content = shown.clips[0]?.box ?? EMPTY;
    const room = intersection(viewport.clip, roomInFrame());
    const seen = clipped(intersection(content, room), shown.clips);
    const isShown =
      viewport.visible &&
      document.visibilityState === "visible" &&
      element.isConnected &&
      shown.opacity > SEEN &&
      element.checkVisibility({ visibilityProperty: true });
    const visible = isShown && !isEmpty(seen);
    if (visible) this.#cover(tracked, seen);
    const corners = shown.clips.flatMap((clip) => clip.corners);
    const covered = visible
      ? [...tracked.covered, ...fewBoxes(corners, seen, MAX_CORNERS), ...viewport.covered]
      : [];
    const flaw = visible ? (this.#flawOf(tracked, shown) ?? viewport.flaw) : null;
    deliver({ viewport, content, clip: visible ? seen : EMPTY, covered, visible, flaw });
    this.#watchShift(tracked);
  }

  /** Transparency is one that stays: what fades is seen as it will be. */
  #flawOf(tracked: Tracked, { flaw, opacity }: Shown): Flaw | null {
    const now = performance.now();
    if (opacity !== tracked.opacity.value) {
      tracked.opacity = { value: opacity, since: now };
      if (opacity < OPAQUE) setTimeout(() => this.#thorough(), FADE);
    }
    if (flaw || opacity >= OPAQUE) return flaw;
    return now - tracked.opacity.since >= FADE ? "effect" : null;
  }

  /** Looks for what covers, or remembers to: it costs, and pages change all the time. */
  #cover(tracked: Tracked, seen: Box): void {
    const started = performance.now();
    if (started < tracked.coverAt) {
      if (this.#coverTimer !== 0) return;
      this.#coverTimer = setTimeout(() => {
        this.#coverTimer = 0;
        this.#thorough();
      }, tracked.coverAt - started);
      return;
    }
    tracked.covered = coveredParts(tracked.element, seen);
    const ended = performance.now();
    const share = ended - this.#pointedAt < POINTED ? SHARE.pointing : SHARE.resting;
    tracked.coverAt = ended + Math.max(SHORTEST, (ended - started) / share);
  }

  /** The pointer moves over the page: controls come and go. */
  #pointed(): void {
    this.#pointedAt = performance.now();
    for (const tracked of this.#tracked) {
      tracked.coverAt = Math.min(tracked.coverAt, this.#pointedAt + SHORTEST);
    }
    clearTimeout(this.#coverTimer);
    this.#coverTimer = 0;
    this.#thorough();
  }

  /** Hears when the element moves in its viewport without any event (a shift of layout). */
  #watchShift(tracked: Tracked): void {
    tracked.shift?.disconnect();
    tracked.shift = null;
    const { left, top: y, right, bottom } = tracked.element.getBoundingClientRect();
    const box = { left, top: y, right, bottom };
    const view = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
    if (isEmpty(intersection(box, view))) return;
    const inset = (value: number) => `${-Math.floor(value)}px`;
    const margins = contains(view, box)
      ? [inset(y), inset(innerWidth - right), inset(innerHeight - bottom), inset(left)].join(" ")
      : "0px";
    let first = true;
    tracked.shift = new IntersectionObserver(
      () => {
        if (!first) this.#thorough();
        first = false;
      },
      { root: document, rootMargin: margins, threshold: [0, 0.25, 0.5, 0.75, 1] },
    );
    tracked.shift.observe(tracked.element);
  }

  /** Styles and children of ancestors move and cover. */
  #observeAncestors(element: Element): void {
    let last: Element = element;
    for (let at: Element | null = element; at; at = parentOf(at)) {
      this.#mutated.observe(at, {
        childList: true,
        attributes: true,
        attributeFilter: ["style", "class", "hidden", "controls"],
      });
      last = at;
      const root = at.getRootNode();
      if (root instanceof ShadowRoot)
        this.#mutated.observe(root, { childList: true, subtree: true });
    }
    const near = parentOf(element)?.parentElement ?? last;
    this.#mutated.observe(near, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ["style", "class", "hidden"],
    });
    if (document.body) this.#resized.observe(document.body);
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    if (window === top) this.#window = new TopWindow(() => this.#thorough());
    else {
      askParent((viewport) => {
        this.#viewport = viewport;
        this.#thorough();
      });
    }
    const quick = () => this.#thorough();
    const moves = () => this.heat();
    const options = { capture: true, passive: true } as const;
    addEventListener("scroll", quick, options);
    addEventListener("resize", moves, options);
    // Style sheets and pictures that come late.
    addEventListener("load", quick, options);
    document.addEventListener("visibilitychange", moves, options);
    document.addEventListener("fullscreenchange", moves, options);
    for (const type of [
      "transitionrun",
      "transitionend",
      "animationstart",
      "animationend",
      "toggle",
    ]) {
      addEventListener(type, moves, options);
    }
    for (const type of ["focus", "blur", "pointerdown", "pointerup"])
      addEventListener(type, moves, options);
    // A window is taken by its title bar: the pointer leaves the page for it.
    document.documentElement.addEventListener("mouseleave", () => {
      this.#pointed();
      this.heat();
    });
    addEventListener("pointerover", () => this.#pointed(), options);
  }
}
