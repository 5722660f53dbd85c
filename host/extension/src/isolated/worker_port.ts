/**
 * The frame's port to the service worker: opened at the first media, opened again when the
 * worker was restarted, gone when the extension is.
 */
import { FRAME_PORT, type FrameMessage, type WorkerMessage } from "../frame_protocol.js";

/** Between two tries while the worker does not stay, in ms; doubles up to the last. */
const FIRST_WAIT = 100;
const LONGEST_WAIT = 30_000;

export class WorkerPort {
  readonly #receive: (message: WorkerMessage) => void;
  readonly #lost: () => void;
  #port: chrome.runtime.Port | null = null;
  #wanted = false;
  #wait = FIRST_WAIT;

  constructor(receive: (message: WorkerMessage) => void, lost: () => void) {
    this.#receive = receive;
    this.#lost = lost;
    // A page in the back/forward cache has no port; it gets one when it comes back.
    addEventListener("pageshow", (event) => {
      if (event.persisted && this.#wanted) this.#open();
    });
  }

  connect(): void {
    this.#wanted = true;
    this.#open();
  }

  post(message: FrameMessage): void {
    try {
      this.#port?.postMessage(message);
    } catch {
      // The port closes; `onDisconnect` says so.
    }
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
      this.#receive(message);
    });
    port.onDisconnect.addListener(() => this.#closed());
  }

  #closed(): void {
    this.#port = null;
    this.#lost();
    setTimeout(() => this.#wanted && this.#open(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }
}
