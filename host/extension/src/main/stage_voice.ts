/** What the device must know of an element beside its media and its position. */
import type { PlayerCommand } from "../generated/messages.js";
import { native } from "./natives.js";
import { abs, max, min } from "./primordials.js";

/** The channel's limits for rates. */
const MIN_RATE = 0.25;
const MAX_RATE = 4;

export class StageVoice {
  readonly #element: HTMLMediaElement;
  readonly #send: (command: PlayerCommand) => void;
  #loop: boolean | null = null;

  constructor(element: HTMLMediaElement, send: (command: PlayerCommand) => void) {
    this.#element = element;
    this.#send = send;
  }

  /** To a stage that knows nothing. */
  all(plays: boolean): void {
    this.#loop = null;
    this.loop();
    this.volume();
    this.rate(plays);
  }

  volume(): void {
    const volume = native.volume.get(this.#element);
    this.#send({ type: "volume", volume, muted: native.muted.get(this.#element) });
  }

  /** A rate of 0 stands still without being paused. */
  rate(plays: boolean): void {
    const rate = native.playbackRate.get(this.#element);
    const preserves_pitch = native.preservesPitch.get(this.#element);
    if (rate === 0) {
      this.#send({ type: "pause" });
      return;
    }
    this.#send({ type: "rate", rate: min(MAX_RATE, max(MIN_RATE, abs(rate))), preserves_pitch });
    if (plays) this.#send({ type: "play" });
  }

  /** The attribute changes without an event: call it now and then. */
  loop(): void {
    const enabled = native.loop.get(this.#element);
    if (enabled === this.#loop) return;
    this.#loop = enabled;
    this.#send({ type: "loop", enabled });
  }
}
