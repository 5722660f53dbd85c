/**
 * The `autoplay` attribute: once for each source, and no more once the page plays or pauses.
 *
 * As in the browser, a video without sound plays by it only while it is seen: it pauses when it
 * leaves the view, and goes on when it is back.
 */
import type { Control } from "./control.js";
import { isConnected, native, now } from "./natives.js";
import { accessor, NativeWeakRef, uncurry, weakDeref } from "./primordials.js";

const NativeIntersectionObserver = IntersectionObserver;
const observe = uncurry(IntersectionObserver.prototype.observe);
const disconnect = uncurry(IntersectionObserver.prototype.disconnect);
const isIntersecting = accessor(IntersectionObserverEntry.prototype, "isIntersecting");

export class Autoplay {
  #isDue = true;
  #wasConnected = false;
  #isSeen = false;
  #sight: IntersectionObserver | null = null;

  /** The element loads anew. */
  renew(): void {
    this.#stopLooking();
    this.#isDue = true;
    this.#wasConnected = false;
  }

  /** One that is taken out of its document pauses: look at each event. */
  look(element: HTMLMediaElement): void {
    if (isConnected.get(element)) this.#wasConnected = true;
    else if (this.#wasConnected) this.#isDue = false;
  }

  /** The page decides itself. */
  cancel(): void {
    this.#stopLooking();
    this.#isDue = false;
  }

  /** Plays on the device when enough is there, as the page knows, if the browser's policy lets it. */
  try(control: Control): void {
    this.#begin(control, control.told.settled);
  }

  /**
   * The page hears this moment that it can play, and next that it does: only a silent video waits
   * until it is seen.
   */
  begin(control: Control): void {
    if (!isSilent(control)) this.#begin(control, true);
  }

  #begin(control: Control, isSettled: boolean): void {
    const { element, playback } = control;
    this.look(element);
    if (!control.onDevice || !this.#isDue || playback.seeking) return;
    if (!native.autoplay.get(element)) return;
    const byItself = isSilent(control);
    if (byItself) this.#look(control);
    if (!playback.paused || playback.ended || !isSettled) return;
    if ((byItself && !this.#isSeen) || playback.readyState(now()) < 3) return;
    if (!byItself) this.#isDue = false;
    const refusal = control.permission.refusal(control.told.severed);
    if (refusal) return control.promises.ignore(refusal);
    playback.play({ resolve: () => {}, reject: () => {} }, now());
    control.changed();
  }

  #look(control: Control): void {
    if (this.#sight) return;
    // What is looked at must not be kept by it.
    const held = new NativeWeakRef(control);
    this.#sight = new NativeIntersectionObserver((entries) => {
      const last = entries[entries.length - 1];
      const looked = weakDeref(held);
      if (!last || !looked) return;
      this.#isSeen = isIntersecting.get(last);
      if (looked.onDevice) this.#follow(looked);
      else if (looked.mode === "native") this.#followInBrowser(looked);
    });
    observe(this.#sight, control.element);
  }

  #follow(control: Control): void {
    if (this.#isSeen) return this.try(control);
    if (!isSilent(control)) return;
    control.playback.pause(now());
    control.changed();
  }

  /** What the device was playing, or would have. */
  #followInBrowser(control: Control): void {
    if (!isSilent(control)) return;
    if (this.#isSeen) control.promises.ignore(native.play(control.element));
    else native.pause(control.element);
  }

  #stopLooking(): void {
    if (this.#sight) disconnect(this.#sight);
    this.#sight = null;
    this.#isSeen = false;
  }
}

function isSilent({ element, isVideo }: Control): boolean {
  return isVideo && (native.muted.get(element) || native.volume.get(element) === 0);
}
