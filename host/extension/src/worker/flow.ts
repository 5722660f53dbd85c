/**
 * What a frame has announced and sent on one stream, and how much of it nobody has taken yet.
 *
 * ```text
 *          append{bytes}            media, the last
 * Between ──────────────▶ Inside ───────────────────▶ Between
 * ```
 *
 * The native port has no back-pressure, so the bytes that the device has not answered
 * (`appended` or `refused`) are counted over the whole browser. Pure. Owner: the broker.
 */
import type { StreamCommand, StreamEvent } from "../generated/messages.js";

/** Media that may be under way to the device, over all tabs. Browsers hold less a page. */
export const MAX_UNANSWERED_BYTES = 256 * 1024 * 1024;
/** What an append counts beside its media: pages may append each picture by itself. */
export const APPEND_BYTES = 4096;

/** Bytes under way, shared by all streams of the browser. */
export class Budget {
  #used = 0;

  get used(): number {
    return this.#used;
  }

  take(bytes: number): boolean {
    if (this.#used + bytes > MAX_UNANSWERED_BYTES) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used = Math.max(0, this.#used - bytes);
  }
}

/**
 * - `sent`: pass it on.
 * - `full`: more than may be under way, this player cannot go on.
 * - `disorder`: no frame of ours does that.
 */
export type Verdict = "sent" | "full" | "disorder";

export class StreamFlow {
  readonly #budget: Budget;
  /** Bytes of the append under way that are still to come. */
  #remaining = 0;
  readonly #unanswered = new Map<number, number>();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  command(command: StreamCommand): Verdict {
    if (this.#remaining > 0) return "disorder";
    if (command.type !== "append") return "sent";
    if (this.#unanswered.has(command.seq)) return "disorder";
    const bytes = command.bytes + APPEND_BYTES;
    if (!this.#budget.take(bytes)) return "full";
    this.#unanswered.set(command.seq, bytes);
    this.#remaining = command.bytes;
    return "sent";
  }

  media(bytes: number): Verdict {
    if (bytes === 0 || bytes > this.#remaining) return "disorder";
    this.#remaining -= bytes;
    return "sent";
  }

  /** The device's answer. Appends are answered in order, so it answers older ones too. */
  event(event: StreamEvent): void {
    if (event.type !== "appended" && event.type !== "refused") return;
    if (!this.#unanswered.has(event.seq)) return;
    for (const [seq, bytes] of this.#unanswered) {
      this.#unanswered.delete(seq);
      this.#budget.give(bytes);
      if (seq === event.seq) return;
    }
  }

  /** The stream is gone, and its bytes with it. */
  end(): void {
    for (const bytes of this.#unanswered.values()) this.#budget.give(bytes);
    this.#unanswered.clear();
    this.#remaining = 0;
  }
}
