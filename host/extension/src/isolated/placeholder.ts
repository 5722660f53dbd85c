/**
 * A plain colour in place of the browser's own, parked picture.
 *
 * The last picture would otherwise show through wherever the device's lags behind. It is an
 * animation that has ended and stays: no attribute and no style sheet of the page changes.
 */
import { components } from "./layout/picture.js";

const COLOUR = "#101012";
const AWAY = "-100000px";

export class Placeholder {
  readonly #video: HTMLVideoElement;
  #animation: Animation | null = null;
  #position = "50% 50%";

  constructor(video: HTMLVideoElement) {
    this.#video = video;
  }

  /** The page's own `object-position`. */
  get position(): string {
    return this.#animation ? this.#position : getComputedStyle(this.#video).objectPosition;
  }

  show(): void {
    if (this.#animation) return;
    this.#position = getComputedStyle(this.#video).objectPosition;
    const [, y] = components(this.#position);
    const look = { objectPosition: `${AWAY} ${y}`, backgroundColor: COLOUR };
    this.#animation = this.#video.animate([look, look], { duration: 1, fill: "both" });
  }

  hide(): void {
    this.#animation?.cancel();
    this.#animation = null;
  }
}
