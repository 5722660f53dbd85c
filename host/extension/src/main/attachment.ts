/**
 * One source of one element at the host: a *player* of the channel from `open` to `close`.
 *
 * Until it is known whether there is a device, what the page appends waits here, bounded.
 *
 * ```text
 *  waiting ──link on──▶ open ──the host has lost it──▶ away
 *   │  └──link off, too much────────────────────────────▲
 *   └──the page, or the device refuses──▶ lost ◀── open ──others need its place──▶ resting
 * ```
 * A file that is away waits again, as does one that rests (slots.ts) when the page goes on with
 * it; media that the page appends join a device by a new one.
 */
import type { FrameMessage } from "../frame_protocol.js";
import type { PlayerCommand, PlayerKind, Reason, Source } from "../generated/messages.js";
import type { Link, PlayerSink } from "./link.js";
import { drain, NativeFinalizationRegistry, push, registerFinal } from "./primordials.js";

/** Media that may wait for the first answer of the device, in bytes. */
const MAX_WAITING = 16 << 20;

/** Elements that end without a word: their players end with them. */
const abandoned = new NativeFinalizationRegistry<Attachment>((attachment) => {
  if (attachment.open) attachment.report("gone", null);
  attachment.close();
});

export class Attachment {
  readonly id: number;
  readonly source: Source;
  readonly #link: Link;
  readonly #kind: PlayerKind;
  readonly #waiting: FrameMessage[] = [];
  #waitingBytes = 0;
  #state: "waiting" | "open" | "resting" | "away" | "lost" = "waiting";
  /** The stage has played this source before: it begins where it is told. */
  fresh = true;
  /** What was said last of the source's duration, in microseconds. */
  #duration: number | null | undefined;
  /** Why it cannot play on the device, ever. */
  refused: Reason | null = null;

  constructor(link: Link, sink: PlayerSink, kind: PlayerKind, source: Source) {
    this.id = link.nextId();
    this.source = source;
    this.#link = link;
    this.#kind = kind;
    link.addPlayer(this.id, sink);
    registerFinal(abandoned, sink, this);
  }

  /** Whether the host knows it and has all of its media. */
  get open(): boolean {
    return this.#state === "open";
  }

  get waiting(): boolean {
    return this.#state === "waiting";
  }

  /** Whether appends are wanted. */
  get listens(): boolean {
    return this.#state === "waiting" || this.#state === "open";
  }

  /** No device has its media, but a device may play what comes. */
  get away(): boolean {
    return this.#state === "away";
  }

  /** Whether the device can play it; what rests comes back when it plays. */
  may(paused: boolean): boolean {
    return this.open || (this.resting && !paused);
  }

  /** The device has given its place to another one. */
  get resting(): boolean {
    return this.#state === "resting";
  }

  /** The link has changed: opens, or gives up when bytes are missing from now on. */
  settle(): void {
    if (this.#link.on && this.#state === "waiting") {
      this.#state = "open";
      this.#link.takeSlot(this.id);
      this.#link.post(this.#player({ type: "open", kind: this.#kind, source: this.source }));
      const waiting = drain(this.#waiting);
      for (let at = 0; at < waiting.length; at++) this.#link.post(waiting[at] as FrameMessage);
    } else if (this.#link.off && this.#state === "waiting" && this.source.type === "mse") {
      this.#goAway();
    }
  }

  /** A file that stands still leaves the device to others. */
  rest(): void {
    this.#shut();
    this.report("gone", null);
    this.fresh = true;
    this.#state = "resting";
  }

  /** The page goes on with a file that rests. */
  comeBack(): void {
    if (!this.resting) return;
    this.#state = "waiting";
    this.settle();
  }

  #shut(): void {
    this.#link.slots.closed(this.id);
    if (this.#state === "open") this.#link.post(this.#player({ type: "close" }));
  }

  /** `kept`: the host has the media for another stage. */
  stageGone(kept: boolean): void {
    if (!this.open) return;
    this.fresh = false;
    if (!kept) this.#forget();
  }

  /** The host no longer has the media. A file is opened again when the link is back. */
  #forget(): void {
    this.#link.slots.closed(this.id);
    this.fresh = true;
    this.#duration = undefined;
    if (this.source.type === "url") this.#state = "waiting";
    else this.#goAway();
  }

  #goAway(): void {
    this.#state = "away";
    this.#duration = undefined;
    drain(this.#waiting);
  }

  /** It plays in the session for good. */
  lose(reason: Reason): void {
    this.#shut();
    this.#state = "lost";
    this.refused = reason;
    drain(this.#waiting);
  }

  /** The source is gone from the element. */
  close(): void {
    this.#shut();
    this.#state = "lost";
    drain(this.#waiting);
    this.#link.removePlayer(this.id);
  }

  command(command: PlayerCommand): void {
    this.send(this.#player(command), 0);
  }

  /**
   * In microseconds; `null`: endless, or not known. Of a file the device knows more than the
   * browser's parked element, which has only seen its beginning.
   */
  duration(duration_micros: number | null): void {
    if (this.source.type === "url" || !this.listens || duration_micros === this.#duration) return;
    this.#duration = duration_micros;
    this.command({ type: "duration", duration_micros });
  }

  /** Sends, or keeps for the first answer, a message about this player or its streams. */
  send(message: FrameMessage, bytes: number): void {
    if (this.#state === "open") {
      this.#link.post(message);
    } else if (this.#state === "waiting") {
      this.#waitingBytes += bytes;
      if (this.#waitingBytes > MAX_WAITING) this.#goAway();
      else push(this.#waiting, message);
    }
  }

  report(plays: "device" | "native" | "gone", reason: Reason | null): void {
    this.#link.post({ type: "report", player: this.id, plays, reason });
  }

  #player(command: PlayerCommand): FrameMessage {
    return { type: "player", player: this.id, command };
  }
}
