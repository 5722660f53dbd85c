/** The `autoplay` attribute: once for each source, and no more once the page plays or pauses. */
import type { Control } from "./control.js";
import { isConnected, native, now } from "./natives.js";

export class Autoplay {
  #isDue = true;
  #wasConnected = false;

  /** The element loads anew. */
  renew(): void {
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
    this.#isDue = false;
  }

  /** Plays on the device when enough is there, as the page knows, if the browser's policy lets it. */
  try(control: Control): void {
    if (control.told.settled) this.#begin(control);
  }

  /**
   * The page hears this moment that it can play, and next that it does: only a silent video waits
   * until it is seen.
   */
  begin(control: Control): void {
    if (!control.isVideo || !native.muted.get(control.element)) this.#begin(control);
  }

  #begin(control: Control): void {
    const { element, playback } = control;
    this.look(element);
    if (!control.onDevice || !this.#isDue || !playback.paused || playback.seeking) return;
    if (!native.autoplay.get(element)) return;
    if (playback.readyState(now()) < 3) return;
    this.#isDue = false;
    const refusal = control.permission.refusal();
    if (refusal) return control.promises.ignore(refusal);
    playback.play({ resolve: () => {}, reject: () => {} }, now());
    control.changed();
  }
}
