/**
 * Why an element plays in the session whatever the device could: the page reads its pixels,
 * samples or keys, or people see it in a window of the browser's own.
 */
import type { Reason } from "../generated/messages.js";
import { push } from "./primordials.js";

/**
 * How long: for this source, and for others as long as it is not over; or (`"shown"`) until it is
 * shown in its page again, also for this source.
 */
export type Lasts = "shown" | (() => boolean);

/** What was read was read once. */
export const READ_ONCE = () => true;

export class Bar {
  #read: Reason | null = null;
  #shown: Reason | null = null;
  #readers: (() => boolean)[] = [];

  get reason(): Reason | null {
    return this.#read ?? this.#shown;
  }

  /** It passes while this source plays: the device keeps its media. */
  get passes(): boolean {
    return this.#read === null && this.#shown !== null;
  }

  /** Whether that changes anything. */
  set(reason: Reason, lasts: Lasts): boolean {
    const was = this.#read;
    if (lasts === "shown") {
      const isNews = this.reason === null;
      this.#shown = reason;
      return isNews;
    }
    this.#read ??= reason;
    if (lasts !== READ_ONCE) push(this.#readers, lasts);
    return was === null;
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
  }
}
