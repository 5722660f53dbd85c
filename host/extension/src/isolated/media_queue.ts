/**
 * Media on its way to the worker, of which only so much goes at a time: neither the frame's
 * port nor the native one has back-pressure, and what hurries (a pause, a seek, a place on the
 * screen) would wait behind all that a page appends at once, seconds of it on fast networks.
 *
 * ```text
 *  stream, media, buffered ──▶ waiting ──▶ under way ──▶ worker ──▶ host
 *                                              ▲───────── taken ─────────┘
 *  anything else ─────────────────────────────────────▶ worker
 * ```
 * What belongs to a stream keeps its order. Commands to a player overtake it, as they do on
 * the channel. Owner: the frame's bridge. Pure.
 */
import type { FrameMessage } from "../frame_protocol.js";
import { TAKEN_STEP } from "../generated/messages.js";
import { base64Of } from "./base64.js";

/** So many characters of media may be under way before more goes; more than the host's step. */
export const WINDOW = 2 * TAKEN_STEP;
/**
 * More bytes than that do not wait here, and what is too much the worker decides. Browsers hold
 * less for a video; a page that removes and appends again and again could have any number.
 */
export const MOST_WAITING = 192 * 1024 * 1024;

type Ordered = Extract<FrameMessage, { type: "stream" | "media" | "buffered" }>;

export class MediaQueue {
  readonly #send: (message: FrameMessage) => void;
  #waiting: Ordered[] = [];
  /** The first that waits; those before it have gone. */
  #next = 0;
  #waitingBytes = 0;
  /** Characters. */
  #underWay = 0;
  readonly #playerOf = new Map<number, number>();

  constructor(send: (message: FrameMessage) => void) {
    this.#send = send;
  }

  post(message: FrameMessage): void {
    if (message.type === "player") this.#follow(message);
    if (!isOrdered(message)) return this.#send(message);
    this.#waiting.push(message);
    this.#waitingBytes += bytesOf(message);
    this.#pass();
  }

  /** The host has read so many characters more, or the worker had no use for them. */
  taken(length: number): void {
    this.#underWay = Math.max(0, this.#underWay - length);
    this.#pass();
  }

  /** The worker is gone, with all that was under way. */
  clear(): void {
    this.#waiting = [];
    this.#next = 0;
    this.#waitingBytes = 0;
    this.#underWay = 0;
    this.#playerOf.clear();
  }

  #pass(): void {
    while (this.#underWay < WINDOW || this.#waitingBytes > MOST_WAITING) {
      const message = this.#waiting[this.#next];
      if (!message) break;
      this.#next += 1;
      this.#waitingBytes -= bytesOf(message);
      this.#go(message);
    }
    // Each is moved about once.
    if (this.#next * 2 >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
  }

  #go(message: Ordered): void {
    if (message.type !== "media") return this.#send(message);
    const { data } = message;
    const text = typeof data === "string" ? data : base64Of(new Uint8Array(data));
    this.#underWay += text.length;
    this.#send({ ...message, data: text });
  }

  /** What waits for a stream that goes is of no use. */
  #follow({ player, command }: Extract<FrameMessage, { type: "player" }>): void {
    if (command.type === "add_stream") this.#playerOf.set(command.stream, player);
    else if (command.type === "remove_stream") this.#drop((stream) => stream === command.stream);
    else if (command.type === "close")
      this.#drop((stream) => this.#playerOf.get(stream) === player);
  }

  #drop(isGone: (stream: number) => boolean): void {
    this.#waiting = this.#waiting.slice(this.#next).filter(({ stream }) => !isGone(stream));
    this.#next = 0;
    this.#waitingBytes = this.#waiting.reduce((sum, message) => sum + bytesOf(message), 0);
    for (const stream of [...this.#playerOf.keys()]) {
      if (isGone(stream)) this.#playerOf.delete(stream);
    }
  }
}

function isOrdered(message: FrameMessage): message is Ordered {
  return message.type === "stream" || message.type === "media" || message.type === "buffered";
}

function bytesOf(message: Ordered): number {
  if (message.type !== "media") return 0;
  return typeof message.data === "string" ? message.data.length : message.data.byteLength;
}
