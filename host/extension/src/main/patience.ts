/** How long a device may keep a page waiting before the browser plays. */
import type { PlaybackState } from "../generated/messages.js";
import { cancelLater, later, now } from "./natives.js";
import { max } from "./primordials.js";

/** For the page's player to open its source, before the device takes over, in ms. */
export const OPENING = 25;
/** Until the stage takes commands, in ms. */
const STAGE = 4000;
/** Until it shows a file or a stream that the browser could, in ms. */
const FILE = 4000;
const STREAM = 15_000;
/** Until it goes on with what it has played before, in ms. */
const AGAIN = 10_000;
/** Between two words of a device that plays, and until its word on a command, in ms. */
const WORD = 4000;
/** A page that stood still itself hears first what came meanwhile, in ms. */
const BACKLOG = 250;

export class Patience {
  #stage = 0;
  #picture = 0;
  #word = 0;
  /** When the next word is due at the latest, on the clock of `now`. */
  #due = 0;
  /** Whether the device may play, or must be heard of before, or start anew. */
  #trust: "whole" | "when heard" | "when anew" = "whole";

  forStage(ends: () => void): void {
    this.stageAnswered();
    this.#stage = later(ends, STAGE);
  }

  /** There is a stage, or none any more: what was before no longer counts. */
  stageAnswered(): void {
    cancelLater(this.#stage);
    this.#stage = 0;
    this.#trust = "whole";
  }

  /**
   * The page wants to play and the device does not yet, or no more (`again`); runs on when it
   * is called again.
   */
  forPicture(isFile: boolean, again: boolean, ends: () => void): void {
    if (this.#picture !== 0) return;
    const after = () => {
      this.#picture = 0;
      ends();
    };
    this.#picture = later(after, again ? AGAIN : isFile ? FILE : STREAM);
  }

  pictureShown(): void {
    cancelLater(this.#picture);
    this.#picture = 0;
  }

  get trusts(): boolean {
    return this.#trust === "whole";
  }

  /** It stood still and was left; `hears`: although it was heard of. */
  distrust(hears: boolean): void {
    this.#trust = hears ? "when anew" : "when heard";
  }

  /** It has said how it stands: whether it is trusted again, having paused as it was told. */
  heard(state: PlaybackState): boolean {
    const obeys = state === "paused" || state === "ended";
    if (this.#trust !== "when heard" || !obeys) return false;
    this.#trust = "whole";
    return true;
  }

  /** A word is due from now on; runs on from here when it is called again. */
  forWord(ends: () => void): void {
    this.#due = now() + WORD;
    if (this.#word === 0) this.#look(WORD, false, ends);
  }

  /** None is due. */
  noWord(): void {
    cancelLater(this.#word);
    this.#word = 0;
  }

  #look(after: number, isLast: boolean, ends: () => void): void {
    this.#word = later(() => {
      this.#word = 0;
      const rest = max(this.#due - now(), 0);
      if (rest === 0 && isLast) ends();
      else this.#look(rest > 0 ? rest : BACKLOG, rest === 0, ends);
    }, after);
  }
}
