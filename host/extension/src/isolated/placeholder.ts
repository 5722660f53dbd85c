/**
 * A plain colour in place of the browser's own, parked picture.
 *
 * The last picture would otherwise show through wherever the device's lags behind. It is an
 * animation that has ended and stays: no attribute and no style sheet of the page changes.
 */
import { components, offset } from "./layout/picture.js";

const COLOUR = "#101012";
/** So far the picture is moved to the side, in CSS pixels. */
const AWAY = 100_000;

export class Placeholder {
  readonly #video: HTMLVideoElement;
  #animation: Animation | null = null;
  #isColoured = false;

  constructor(video: HTMLVideoElement) {
    this.#video = video;
  }

  /** The page's own `object-position`, also where it has changed since. */
  get position(): string {
    const { objectPosition } = getComputedStyle(this.#video);
    if (!this.#animation) return objectPosition;
    const [x, y] = components(objectPosition);
    // The animation adds to it, so it is a sum of a length and a share.
    const length = offset(x, 0) + AWAY;
    const share = offset(x, 100) - offset(x, 0);
    return `calc(${share}% ${length < 0 ? "-" : "+"} ${Math.abs(length)}px) ${y}`;
  }

  show(): void {
    if (this.#isColoured) return;
    this.#isColoured = true;
    this.#put({ backgroundColor: COLOUR });
  }

  /**
   * Where nothing was to be seen yet, the browser's first picture need not be, either: it would
   * be painted and sent over the session for the moment until the device's is there. Not before
   * the browser paints anew anyway, because it knows of a picture.
   */
  veil(): void {
    if (this.#video.readyState > 0) this.#veilNow();
    else this.#video.addEventListener("loadedmetadata", this.#veilNow, { once: true });
  }

  readonly #veilNow = () => {
    if (!this.#animation && this.#video.readyState < 2 && !this.#video.poster) this.#put({});
  };

  #put(more: Keyframe): void {
    const away = { objectPosition: `-${AWAY}px 0px`, composite: "add" } as const;
    const look = { ...away, ...more };
    const before = this.#animation;
    this.#animation = this.#video.animate([look, look], { duration: 0, fill: "both" });
    before?.cancel();
  }

  hide(): void {
    this.#video.removeEventListener("loadedmetadata", this.#veilNow);
    this.#animation?.cancel();
    this.#animation = null;
    this.#isColoured = false;
  }
}
