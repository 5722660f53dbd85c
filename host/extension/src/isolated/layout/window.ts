/**
 * Where the viewport of a top-level page lies on the remote desktop.
 *
 * Pages know how large their window is and the viewport in it, not what else is in the window.
 * The worker says the page's zoom, asked anew when the ratio of pixels is another one, and
 * each event of the pointer where the viewport is at that moment: it has its place on the
 * screen and in the page. Of that is remembered which sizes it belongs to.
 */
import type { FrameQuestion } from "../../frame_protocol.js";
import {
  isPlausible,
  type Origin,
  preciseLength,
  topPlacement,
  type Viewport,
  type WindowFacts,
  zoomOf,
} from "./viewport.js";

/** Arrangements of the window whose origin is remembered. */
const MAX_ORIGINS = 8;

export class TopWindow {
  readonly #changed: () => void;
  /** As the worker said, and for which ratio of pixels. */
  #zoom: { readonly zoom: number; readonly ratio: number } | null = null;
  #askedFor = 0;
  readonly #origins = new Map<string, Origin>();
  /** The pointer has been here since the window was arranged. */
  #isKnown = false;
  #inner = { text: "", width: 0, height: 0 };

  /** `changed`: it is known better from now on. */
  constructor(changed: () => void) {
    this.#changed = changed;
    const options = { capture: true, passive: true } as const;
    addEventListener("pointerover", (event) => this.#pointed(event), options);
    addEventListener(
      "pointermove",
      (event) => {
        if (!this.#isKnown) this.#pointed(event);
      },
      options,
    );
    addEventListener(
      "resize",
      () => {
        this.#isKnown = false;
      },
      options,
    );
  }

  get viewport(): Viewport {
    const facts = this.#facts();
    if (facts.devicePixelRatio !== this.#askedFor) void this.#ask(facts.devicePixelRatio);
    const origin = this.#origins.get(arrangement(facts)) ?? null;
    return {
      placement: topPlacement(facts, this.#zoomOf(facts), origin),
      clip: { left: 0, top: 0, right: facts.innerWidth, bottom: facts.innerHeight },
      covered: [],
      visible: document.visibilityState === "visible",
      flaw: null,
    };
  }

  #facts(): WindowFacts {
    const text = [innerWidth, innerHeight, devicePixelRatio].join();
    if (text !== this.#inner.text) {
      const length = (name: string, inner: number) =>
        preciseLength(inner, devicePixelRatio, (least) => {
          return matchMedia(`(min-${name}: ${least}px)`).matches;
        });
      const [width, height] = [length("width", innerWidth), length("height", innerHeight)];
      this.#inner = { text, width, height };
    }
    const { width: innerWide, height: innerHigh } = this.#inner;
    return {
      ...{ screenX, screenY, outerWidth, outerHeight, devicePixelRatio },
      ...{ innerWidth: innerWide, innerHeight: innerHigh },
    };
  }

  /** A new ratio is a new zoom rather than another screen, until the worker has answered. */
  #zoomOf({ devicePixelRatio: ratio, outerWidth: outer, innerWidth: inner }: WindowFacts): number {
    if (!this.#zoom) return zoomOf(outer, inner);
    return (this.#zoom.zoom * ratio) / this.#zoom.ratio;
  }

  async #ask(ratio: number): Promise<void> {
    this.#askedFor = ratio;
    const question: FrameQuestion = { type: "zoom" };
    try {
      const zoom: unknown = await chrome.runtime.sendMessage(question);
      if (typeof zoom !== "number" || !(zoom > 0) || this.#askedFor !== ratio) return;
      this.#zoom = { zoom, ratio };
      this.#changed();
    } catch {
      // The extension was removed or updated.
    }
  }

  #pointed(event: PointerEvent): void {
    if (!event.isTrusted || document.pointerLockElement) return;
    const facts = this.#facts();
    const zoom = this.#zoomOf(facts);
    const origin = {
      x: event.screenX - event.clientX * zoom - screenX,
      y: event.screenY - event.clientY * zoom - screenY,
    };
    if (!isPlausible(facts, zoom, origin)) return;
    this.#isKnown = true;
    const key = arrangement(facts);
    const known = this.#origins.get(key);
    // Coordinates may be whole ones.
    if (known && Math.abs(known.x - origin.x) < 1 && Math.abs(known.y - origin.y) < 1) return;
    this.#origins.delete(key);
    this.#origins.set(key, origin);
    const [oldest] = this.#origins.keys();
    if (this.#origins.size > MAX_ORIGINS && oldest !== undefined) this.#origins.delete(oldest);
    this.#changed();
  }
}

function arrangement(facts: WindowFacts): string {
  const { outerWidth: width, outerHeight: height, devicePixelRatio: ratio } = facts;
  return [width, height, ratio, facts.innerWidth, facts.innerHeight].join();
}
