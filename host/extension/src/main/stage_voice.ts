/** What the device must know of an element beside its media and its position. */
import type { PlayerCommand } from "../generated/messages.js";
import { native } from "./natives.js";
import { max, min } from "./primordials.js";

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
  all(): void {
    this.#loop = null;
    this.loop();
    this.volume();
    this.rate();
  }

  volume(): void {
    const volume = native.volume.get(this.#element);
    this.#send({ type: "volume", volume, muted: native.muted.get(this.#element) });
  }

  /** Whether the device plays at the page's rate. At 0 an element stands without being paused. */
  get keepsUp(): boolean {
    const rate = native.playbackRate.get(this.#element);
    return MIN_RATE <= rate && rate <= MAX_RATE;
  }

  /** Bounded: the browser plays at other rates from when it has said so. */
  rate(): void {
    const rate = min(MAX_RATE, max(MIN_RATE, native.playbackRate.get(this.#element)));
    this.#send({ type: "rate", rate, preserves_pitch: native.preservesPitch.get(this.#element) });
  }

  /** The attribute changes without an event: call it now and then. */
  loop(): void {
    const enabled = native.loop.get(this.#element);
    if (enabled === this.#loop) return;
    this.#loop = enabled;
    this.#send({ type: "loop", enabled });
  }
}
