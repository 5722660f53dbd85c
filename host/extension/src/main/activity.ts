/** What follows from whether an element plays and moves: who holds it, and who hears of it. */
import { isAtRest } from "./at_rest.js";
import type { Control } from "./control.js";
import { Heart } from "./heart.js";
import type { Link } from "./link.js";
import type { Playback } from "./playback.js";

export class Activity {
  /** The device has played this source. */
  hasPlayed = false;
  readonly #control: Control;
  readonly #link: Link;
  readonly #heart = new Heart();
  #running = false;
  #playing = false;
  #motion: Playback["motion"] = "paused";

  constructor(control: Control, link: Link) {
    this.#control = control;
    this.#link = link;
  }

  /** Another source, or none. */
  forget(): void {
    this.hasPlayed = false;
    this.#control.frames.forget();
  }

  /** After everything that may have changed it. */
  changed(): void {
    const control = this.#control;
    const { onDevice, playback, playerId } = control;
    const playing = onDevice && !playback.paused;
    const running = onDevice && playback.running;
    const motion = onDevice ? playback.motion : "paused";
    if (motion !== this.#motion) this.#link.motion(playerId, motion);
    this.#motion = motion;
    if (playing !== this.#playing) {
      this.#playing = playing;
      control.onPlaying(control, playing);
    }
    if (running !== this.#running) {
      this.#running = running;
      this.#heart.beats(running, playback);
      if (!running && !playback.seeking) control.frames.stop(control.position);
    }
    this.#link.slots.rests(playerId, isAtRest(control));
    if (!running) return;
    this.hasPlayed = true;
    control.frames.follow(control.position);
  }
}
