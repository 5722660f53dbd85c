// A minimal DevTools client over the browser's pipe (`--remote-debugging-pipe`): one JSON object
// a message, each ended by a zero byte, descriptors 3 and 4.
//
// No Network domain and no heavier client: they cost the browser more than what is measured.
// The pipe belongs to the process that started the browser: no port that others could use.

import type { Readable, Writable } from "node:stream";
import { STEP_MS, within } from "./wait.ts";

// What the protocol says is as it comes; the callers pick what they know of it.
// biome-ignore lint/suspicious/noExplicitAny: messages of the DevTools protocol have no types here
export type Json = any;

export interface Event {
  method: string;
  params: Json;
  sessionId?: string;
}

/** The browser refused a command or has ended. */
export class DevToolsError extends Error {}

interface Pending {
  resolve(result: Json): void;
  reject(error: Error): void;
}

export class DevTools {
  readonly #out: Writable;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(event: Event) => void>();
  #next = 1;
  #ended = false;

  constructor(out: Writable, input: Readable) {
    this.#out = out;
    let unread: Buffer[] = [];
    input.on("data", (data: Buffer) => {
      let rest = data;
      for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
        const text = Buffer.concat([...unread, rest.subarray(0, end)]).toString("utf8");
        unread = [];
        rest = rest.subarray(end + 1);
        this.#take(JSON.parse(text));
      }
      if (rest.length > 0) unread.push(rest);
    });
    const over = () => {
      this.#ended = true;
      for (const one of this.#pending.values()) one.reject(new DevToolsError("the browser ended"));
      this.#pending.clear();
    };
    input.on("close", over);
    input.on("error", over);
    out.on("error", over);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Calls `listener` for each event until the returned function is called. */
  listen(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The next event of that name in a session. */
  event(method: string, sessionId?: string): Promise<Event> {
    let stop = () => {};
    const come = new Promise<Event>((resolve) => {
      stop = this.listen((event) => {
        if (event.method === method && event.sessionId === sessionId) resolve(event);
      });
    });
    return within(STEP_MS, method, come).finally(stop);
  }

  async send(method: string, params: Json = {}, sessionId?: string): Promise<Json> {
    if (this.#ended) throw new DevToolsError("the browser ended");
    const id = this.#next;
    this.#next += 1;
    const answer = new Promise<Json>((resolve, reject) =>
      this.#pending.set(id, { resolve, reject }),
    );
    this.#out.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return within(STEP_MS, `answer to ${method}`, answer);
  }

  #take(message: Json): void {
    if (message.id === undefined) {
      for (const listener of [...this.#listeners]) listener(message as Event);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.error) pending?.reject(new DevToolsError(String(message.error.message)));
    else pending?.resolve(message.result);
  }
}
