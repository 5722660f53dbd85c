/**
 * Frames hear from the one they are in where they lie: their scripts find each other through
 * the worker, which no page has a part in.
 *
 * ```text
 *  frame        worker                     frame around it
 *    ├─ embedded ─▶ ├─── expect, token ──────▶ │
 *    │ ◀── token ───┤ ◀───── it does ──────────┤
 *    ├──── token and a port, in a message ───▶ │ stopped before its page sees it
 *    │ ◀── joined ──┤ ◀───── joined ───────────┤
 *    │ ◀─────────── places, on the port ───────┤
 * ```
 * The token is random and taken once: what a page posts itself arrives as ever. Where the frame
 * around has no script of ours nothing is posted, and should its page get hold of a port, what
 * it says there is not read, because nobody has joined.
 */
import type { FrameNotice, FrameQuestion } from "../../frame_protocol.js";
import { preciseScaleOf, shadowOf } from "./clip.js";
import { innerViewport, type Sight, type Viewport, viewportFrom } from "./viewport.js";

/** Tokens that are waited for, the latest. */
const MAX_EXPECTED = 32;
/** Deepest nesting of shadow roots that is searched, and of frames. */
const MAX_ROOTS = 500;
const MAX_DEPTH = 64;
/** Waits before each try to find the frame around, in ms. */
const TRIES = [0, 1000, 5000];

export interface FrameTracker {
  /** Tells `deliver` where `element` lies from now on; returns how to stop. */
  track(element: HTMLElement, deliver: (sight: Sight) => void): () => void;
}

function depthOf(): number {
  let depth = 0;
  let at: Window = window;
  while (at !== at.parent && depth < MAX_DEPTH) {
    at = at.parent;
    depth++;
  }
  return depth;
}

/** Asks the frame around this one; `receive` gets the answer at each change. */
export function askParent(receive: (viewport: Viewport) => void): void {
  const asking = new Asking(receive);
  void asking.ask();
  // The other end forgets a page that goes; it may come back from the back/forward cache.
  addEventListener("pagehide", () => asking.leave());
  addEventListener("pageshow", (event) => {
    if (event.persisted) void asking.ask();
  });
}

class Asking {
  readonly #receive: (viewport: Viewport) => void;
  #port: MessagePort | null = null;
  #joined = false;

  constructor(receive: (viewport: Viewport) => void) {
    this.#receive = receive;
  }

  async ask(): Promise<void> {
    this.#joined = false;
    for (const wait of TRIES) {
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      if (this.#joined) return;
      const token = await tokenFor(depthOf(), location.ancestorOrigins?.[0] ?? "null");
      if (token !== null) this.#offer(token);
    }
  }

  #offer(token: string): void {
    const channel = new MessageChannel();
    this.leave();
    this.#port = channel.port1;
    joining.set(token, () => {
      joining.delete(token);
      this.#joined = true;
      channel.port1.onmessage = (event: MessageEvent<unknown>) => {
        const viewport = viewportFrom(event.data);
        if (viewport) this.#receive(viewport);
      };
    });
    parent.postMessage(token, "*", [channel.port2]);
  }

  leave(): void {
    this.#port?.postMessage(LEAVING);
    this.#port?.close();
    this.#port = null;
    joining.clear();
  }
}

/** Said on a port by the inner frame when it goes. */
const LEAVING = "leaving";

async function tokenFor(depth: number, around: string): Promise<string | null> {
  const question: FrameQuestion = { type: "embedded", depth, around };
  try {
    const token: unknown = await chrome.runtime.sendMessage(question);
    return typeof token === "string" ? token : null;
  } catch {
    // The extension was removed or updated.
    return null;
  }
}

/** What to do when the frame around this one has taken a token. */
const joining = new Map<string, () => void>();

function frameOf(source: MessageEventSource): HTMLElement | null {
  const roots: (Document | ShadowRoot)[] = [document];
  for (let at = 0; at < roots.length && at < MAX_ROOTS; at++) {
    const root = roots[at] as Document | ShadowRoot;
    for (const frame of root.querySelectorAll<HTMLIFrameElement>("iframe,frame,object")) {
      if (frame.contentWindow === source) return frame;
    }
    for (const element of root.querySelectorAll("*")) {
      const shadow = shadowOf(element);
      if (shadow) roots.push(shadow);
    }
  }
  return null;
}

/** The frames in this document that ask where they lie: one entry for each. */
class Answering {
  readonly #tracker: () => FrameTracker;
  readonly #expected = new Set<string>();
  readonly #answered = new Map<MessageEventSource, () => void>();

  constructor(tracker: () => FrameTracker) {
    this.#tracker = tracker;
  }

  expect(token: string): void {
    this.#expected.add(token);
    const [oldest] = this.#expected;
    if (this.#expected.size > MAX_EXPECTED && oldest !== undefined) this.#expected.delete(oldest);
  }

  take(event: MessageEvent<unknown>): void {
    const { data: token, source } = event;
    if (typeof token !== "string" || !this.#expected.delete(token)) return;
    event.stopImmediatePropagation();
    const port = event.ports[0];
    const frame = source && frameOf(source);
    if (!port || !source || !frame) return;
    this.#answered.get(source)?.();
    let stop = () => {};
    const end = () => {
      stop();
      port.close();
      if (this.#answered.get(source) === end) this.#answered.delete(source);
    };
    this.#answered.set(source, end);
    stop = this.#tracker().track(frame, (sight) => {
      if (!frame.isConnected || (frame as HTMLIFrameElement).contentWindow !== source) end();
      else port.postMessage(innerViewport(sight, preciseScaleOf(frame)));
    });
    port.onmessage = (said) => {
      if (said.data === LEAVING) end();
    };
    const joined: FrameQuestion = { type: "joined", token };
    chrome.runtime.sendMessage(joined).catch(() => {});
  }
}

/** Answers the frames in this document. Call at document start: it must listen first. */
export function answerFrames(tracker: () => FrameTracker): void {
  const answering = new Answering(tracker);
  addEventListener("message", (event) => answering.take(event), true);
  chrome.runtime.onMessage.addListener((notice: FrameNotice, _sender, answer) => {
    if (notice.type === "joined") joining.get(notice.token)?.();
    if (notice.type !== "expect" || notice.depth !== depthOf()) return;
    // There is one top frame; and a frame may not be told who is around it.
    const isOther = notice.around !== "null" && notice.around !== self.origin;
    if (notice.depth > 0 && isOther) return;
    answering.expect(notice.token);
    answer(true);
  });
}
