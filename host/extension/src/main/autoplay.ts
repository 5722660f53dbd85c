/** The `autoplay` attribute: once for each source, and no more once the page plays or pauses. */
import type { Control } from "./control.js";
import { native, now } from "./natives.js";

export class Autoplay {
  #isDue = true;

  /** The element loads anew. */
  renew(): void {
    this.#isDue = true;
  }

  /** The page decides itself. */
  cancel(): void {
    this.#isDue = false;
  }

  /** Plays on the device when enough is there, if the browser's policy lets it. */
  try(control: Control): void {
    const { element, playback, told } = control;
    if (!control.onDevice || !this.#isDue || !playback.paused || playback.seeking) return;
    if (!native.autoplay.get(element) || !told.settled) return;
    if (playback.readyState(now()) < 3) return;
    this.#isDue = false;
    const refusal = control.permission.refusal();
    if (refusal) return control.promises.ignore(refusal);
    playback.play({ resolve: () => {}, reject: () => {} }, now());
    control.changed();
  }
}
