/**
 * Whose media is on its way to the host, in its order: what the host says that it has read is
 * said to the frames that sent it, so that they send more. Pure. Owner: the broker.
 */
import type { Frame } from "./page.js";

export class OnTheWay {
  /** Characters, the oldest first; neighbours are of different frames. */
  #parts: { readonly frame: Frame; length: number }[] = [];

  sent(frame: Frame, length: number): void {
    const last = this.#parts.at(-1);
    if (last?.frame === frame) last.length += length;
    else this.#parts.push({ frame, length });
  }

  /** The host has read so many characters. */
  taken(length: number): void {
    let rest = length;
    while (rest > 0) {
      const part = this.#parts[0];
      if (!part) return;
      const taken = Math.min(rest, part.length);
      rest -= taken;
      part.length -= taken;
      if (part.length === 0) this.#parts.shift();
      part.frame.port.post({ type: "taken", length: taken });
    }
  }

  /** Another host, or none: what was on its way is read by nobody. */
  lost(): void {
    this.taken(Number.POSITIVE_INFINITY);
  }
}
