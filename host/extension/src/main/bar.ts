/**
 * Why an element plays in the session whatever the device could: the page reads its pixels,
 * samples or keys, or people see it in a window of the browser's own.
 *
 * Who takes a picture now and then has the device back between them; who reads on has not.
 */
import type { Reason } from "../generated/messages.js";
import type { Timers } from "./natives.js";
import { push } from "./primordials.js";

/**
 * How long: for this source, and for others as long as it is not over; or (`"shown"`) until it is
 * shown in its page again, also for this source; or (`"moment"`) until nobody has read for a
 * while, unless it is read on.
 */
export type Lasts = "shown" | "moment" | (() => boolean);

/** Reads so close to each other are one, in ms. */
const ONE_READ = 2000;
/** A moment is over after this long without another read; the next takes twice as long, in ms. */
const QUIET = 10_000;

/** What was read was read once. */
export const READ_ONCE = () => true;

export class Bar {
  readonly #timers: Timers;
  readonly #over: () => void;
  #read: Reason | null = null;
  /** What is read is read for a moment: ends it. 0: it is not. */
  #moment = 0;
  #readAt = 0;
  #quiet = QUIET;
  #shown: Reason | null = null;
  #readers: (() => boolean)[] = [];

  /** `over`: a moment is over, and with it the reason to play in the session. */
  constructor(timers: Timers, over: () => void) {
    this.#timers = timers;
    this.#over = over;
  }

  get reason(): Reason | null {
    return this.#read ?? this.#shown;
  }

  /** It passes while this source plays: the device keeps its media. */
  get passes(): boolean {
    return this.reason !== null && (this.#read === null || this.#moment !== 0);
  }

  /** Whether that changes anything. */
  set(reason: Reason, lasts: Lasts): boolean {
    if (lasts === "shown") {
      const isNews = this.reason === null;
      this.#shown = reason;
      return isNews;
    }
    if (lasts === "moment") return this.#readOnce(reason);
    const isNews = this.#read === null || this.#moment !== 0;
    this.#stay();
    this.#read ??= reason;
    if (lasts !== READ_ONCE) push(this.#readers, lasts);
    return isNews;
  }

  #readOnce(reason: Reason): boolean {
    const { now, later } = this.#timers;
    if (this.#read === null) {
      this.#read = reason;
      this.#readAt = now();
      this.#moment = later(() => {
        this.#moment = 0;
        this.#read = null;
        this.#over();
      }, this.#quiet);
      this.#quiet *= 2;
      return true;
    }
    if (this.#moment === 0 || now() - this.#readAt < ONE_READ) return false;
    this.#stay();
    return true;
  }

  /** What is read is read on. */
  #stay(): void {
    this.#timers.cancelLater(this.#moment);
    this.#moment = 0;
  }

  /** It is shown in its page again. */
  shownInPage(): void {
    this.#shown = null;
  }

  /** The element gets another source. */
  renew(): void {
    for (let at = 0; at < this.#readers.length; at++) if (!this.#readers[at]?.()) return;
    this.#readers = [];
    this.#read = null;
    this.#stay();
    this.#quiet = QUIET;
  }
}
