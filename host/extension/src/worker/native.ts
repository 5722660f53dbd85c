/**
 * The one native port to nearside-host: opens it when it is needed, says what came and when
 * it is gone. When to try again is decided in {@link Reconnect}.
 *
 * Owner: the service worker. An open port keeps the worker alive; without one the browser
 * ends the worker when nothing happens, and with it everything here.
 */

import { HOST_NAME } from "../common/identity.js";
import type { ExtensionMessage, HostEvent, Reason } from "../generated/messages.js";
import { EXTENSION_PROTOCOL_VERSION } from "../generated/messages.js";
import { hostLoss } from "./decide.js";
import type { Log } from "./log.js";
import { type Action, Reconnect } from "./reconnect.js";

export interface NativeEvents {
  /** A port is being opened. */
  starting(): void;
  /** Nobody needs the host any more: what it said holds no longer. */
  released(): void;
  event(event: HostEvent): void;
  lost(reason: Reason): void;
}

/** What tells the host about this browser. */
export type Greeting = Omit<Extract<ExtensionMessage, { type: "hello" }>, "type" | "protocol">;

export class NativeHost {
  readonly #reconnect = new Reconnect();
  readonly #events: NativeEvents;
  readonly #greeting: () => Greeting;
  readonly #log: Log;
  #port: chrome.runtime.Port | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Why the host said that it closes. */
  #refusal: Reason | null = null;

  constructor(events: NativeEvents, greeting: () => Greeting, log: Log) {
    this.#events = events;
    this.#greeting = greeting;
    this.#log = log;
  }

  /** Somebody needs the host. */
  want(): void {
    this.#do(this.#reconnect.want(performance.now()));
  }

  /** Nobody does any more. */
  release(): void {
    this.#do(this.#reconnect.release());
  }

  /** Does nothing while the port is not open: who needs the host knows from the events. */
  send(message: ExtensionMessage): void {
    this.#port?.postMessage(message);
  }

  #do(action: Action): void {
    switch (action.do) {
      case "open":
        return this.#open();
      case "close":
        this.#log.write("host: not needed any more, port closed");
        this.#port?.disconnect();
        this.#port = null;
        this.#events.released();
        return;
      case "wake":
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#do(this.#reconnect.woke()), action.after_ms);
        return;
    }
  }

  #open(): void {
    const port = chrome.runtime.connectNative(HOST_NAME);
    this.#port = port;
    this.#refusal = null;
    this.#reconnect.opened(performance.now());
    port.onDisconnect.addListener(() => this.#lost(port, chrome.runtime.lastError?.message ?? ""));
    port.onMessage.addListener((event: HostEvent) => {
      if (this.#port !== port) return;
      if (event.type === "refused") this.#refusal = event.reason;
      else this.#reconnect.greeted();
      this.#events.event(event);
    });
    this.#log.write("host: port opened");
    this.#events.starting();
    this.send({ type: "hello", protocol: EXTENSION_PROTOCOL_VERSION, ...this.#greeting() });
  }

  #lost(port: chrome.runtime.Port, browserMessage: string): void {
    if (this.#port !== port) return;
    this.#port = null;
    const reason = this.#refusal ?? hostLoss(browserMessage);
    const curable = this.#refusal === null && !/not found|forbidden/i.test(browserMessage);
    this.#log.write(`host: port lost, ${reason.message}`);
    const action = this.#reconnect.lost(curable, performance.now());
    this.#events.lost(reason);
    this.#do(action);
  }
}
