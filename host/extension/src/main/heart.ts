/** Beats while the position moves: the page hears of it more often than the device reports. */
import { cancelLater, later, now } from "./natives.js";
import type { Playback } from "./playback.js";

export class Heart {
  #timer = 0;

  beats(running: boolean, playback: Playback): void {
    cancelLater(this.#timer);
    const beat = () => {
      this.#timer = later(beat, playback.beat(now()));
    };
    if (running) beat();
  }
}
