/**
 * The frame's port to the service worker: opened at the first media, opened again when the
 * worker was restarted, gone when the extension is.
 *
 * ```text
 *           connect            worker ended
 *  nothing ────────▶ open ─────────────────▶ closed, to be opened after a while
 *                     ▲  └── no host ──────▶ resting ──┐
 *                     └── somebody looks, new media ───┘
 * ```
 * Without a host the browser ends the worker each time it has been idle; a page that then
 * called it back by a timer would keep it awake for nothing.
 */
import { FRAME_PORT, type FrameMessage, type WorkerMessage } from "../frame_protocol.js";
import type { HeardMessage } from "./bridge_protocol.js";
import { MediaQueue } from "./media_queue.js";

/** Between two tries while the worker does not stay, in ms; doubles up to the last. */
const FIRST_WAIT = 100;
const LONGEST_WAIT = 30_000;
/** Media in one message, in characters: the device need not wait for the last of many pieces. */
const LARGEST_BATCH = 1 << 20;
/** So little media is no picture yet, in characters: an init segment. */
const LITTLE = 4096;
/** What does not hurry waits so long for what does, in ms: each message wakes five processes. */
const UNHURRIED = 20;

export class WorkerPort {
  readonly #receive: (message: HeardMessage) => void;
  readonly #lost: () => void;
  readonly #queue = new MediaQueue((message) => this.#put(message));
  #port: chrome.runtime.Port | null = null;
  #wanted = false;
  /** What the worker said last: nearside-host cannot be reached at all. */
  #hostless = false;
  #wait = FIRST_WAIT;
  /** What goes to the worker when the present task ends, or soon. */
  #batch: FrameMessage[] = [];
  /** Media in it, in characters. */
  #size = 0;
  #hurries = false;
  #later = 0;
  /** When media went last, in ms: what follows at once does not hurry. */
  #mediaAt = Number.NEGATIVE_INFINITY;

  constructor(receive: (message: HeardMessage) => void, lost: () => void) {
    this.#receive = receive;
    this.#lost = lost;
    // A page in the back/forward cache has no port; it gets one when it comes back.
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.#reopen();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#reopen();
    });
  }

  connect(): void {
    this.#wanted = true;
    this.#open();
  }

  /** What happens in the frame is not heard any more: whatever plays for it ends. */
  end(): void {
    this.#wanted = false;
    this.#port?.disconnect();
    this.#port = null;
    this.#queue.clear();
    this.#clear();
  }

  post(message: FrameMessage): void {
    if (this.#hostless) this.#reopen();
    if (this.#port) this.#queue.post(message);
  }

  #put(message: FrameMessage): void {
    this.#batch.push(message);
    if (message.type === "media" && typeof message.data === "string")
      this.#size += message.data.length;
    if (this.#size > LARGEST_BATCH) return this.flush();
    const follows = performance.now() - this.#mediaAt < UNHURRIED;
    if (!this.#hurries && ((this.#size > LITTLE && !follows) || hurries(message))) {
      this.#hurries = true;
      queueMicrotask(() => this.flush());
    } else if (!this.#hurries && this.#later === 0) {
      this.#later = setTimeout(() => this.flush(), UNHURRIED);
    }
  }

  /** Now: the present task may not end for long. */
  flush(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    if (this.#size > LITTLE) this.#mediaAt = performance.now();
    this.#clear();
    try {
      this.#port?.postMessage(batch);
    } catch {
      // The port closes; `onDisconnect` says so.
    }
  }

  #clear(): void {
    clearTimeout(this.#later);
    this.#batch = [];
    this.#size = 0;
    this.#hurries = false;
    this.#later = 0;
  }

  #reopen(): void {
    if (this.#wanted) this.#open();
  }

  #open(): void {
    if (this.#port) return;
    let port: chrome.runtime.Port;
    try {
      port = chrome.runtime.connect({ name: FRAME_PORT });
    } catch {
      // The extension was removed or updated: this script is left over.
      this.#wanted = false;
      return;
    }
    this.#port = port;
    port.onMessage.addListener((message: WorkerMessage) => {
      this.#wait = FIRST_WAIT;
      if (message.type === "taken") {
        this.#queue.taken(message.length);
        return this.flush();
      }
      if (message.type === "config") this.#hostless = message.channel.host_version === "";
      this.#receive(message);
    });
    port.onDisconnect.addListener(() => this.#closed());
  }

  #closed(): void {
    this.#port = null;
    this.#queue.clear();
    this.#clear();
    // Everything plays in the session already: nothing that is waited for is lost.
    if (this.#hostless) return;
    this.#lost();
    setTimeout(() => this.#reopen(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }
}

/** Whether somebody waits for it; pieces of media do when there are enough of them. */
function hurries(message: FrameMessage): boolean {
  if (message.type === "player") return message.command.type !== "add_stream";
  if (message.type === "stream") return message.command.type !== "append";
  return message.type !== "media" && message.type !== "buffered";
}
