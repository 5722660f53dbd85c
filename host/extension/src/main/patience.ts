/** How long a device may keep a page waiting before the browser plays. */
import { cancelLater, later } from "./natives.js";

/** Until the stage takes commands, in ms. */
const STAGE = 4000;
/** Until it shows a file or a stream that the browser could, in ms. */
const FILE = 4000;
const STREAM = 15_000;

export class Patience {
  #stage = 0;
  #picture = 0;

  forStage(ends: () => void): void {
    this.stageAnswered();
    this.#stage = later(ends, STAGE);
  }

  stageAnswered(): void {
    cancelLater(this.#stage);
    this.#stage = 0;
  }

  /** The page wants to play and the device does not yet; runs on when it is called again. */
  forPicture(isFile: boolean, ends: () => void): void {
    if (this.#picture !== 0) return;
    const after = () => {
      this.#picture = 0;
      ends();
    };
    this.#picture = later(after, isFile ? FILE : STREAM);
  }

  pictureShown(): void {
    cancelLater(this.#picture);
    this.#picture = 0;
  }
}
