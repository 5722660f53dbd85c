/** Asks the parent frame for this frame's place, and answers frames in this one. */
import { innerViewport, type Sight, type Viewport } from "./viewport.js";

/** What a frame asks its parent with; a port comes with it. */
const QUESTION = "nearside-place";

export interface FrameTracker {
  /** Tells `deliver` where `element` lies from now on; returns how to stop. */
  track(element: HTMLElement, deliver: (sight: Sight) => void): () => void;
}

/** Asks the parent; `receive` gets the answer at each change. */
export function askParent(receive: (viewport: Viewport) => void): void {
  const channel = new MessageChannel();
  channel.port1.onmessage = (event: MessageEvent<Viewport>) => receive(event.data);
  parent.postMessage(QUESTION, "*", [channel.port2]);
}

/** Deepest nesting of shadow roots that is searched. */
const MAX_ROOTS = 500;

function frameOf(source: MessageEventSource): HTMLElement | null {
  const roots: (Document | ShadowRoot)[] = [document];
  for (let at = 0; at < roots.length && at < MAX_ROOTS; at++) {
    const root = roots[at] as Document | ShadowRoot;
    for (const frame of root.querySelectorAll<HTMLIFrameElement>("iframe,frame,object")) {
      if (frame.contentWindow === source) return frame;
    }
    for (const element of root.querySelectorAll<HTMLElement>("*")) {
      const shadow = chrome.dom.openOrClosedShadowRoot(element);
      if (shadow) roots.push(shadow as ShadowRoot);
    }
  }
  return null;
}

/** Answers the frames in this document. Call at document start: it must listen first. */
export function answerFrames(tracker: () => FrameTracker): void {
  addEventListener(
    "message",
    (event) => {
      const port = event.ports[0];
      if (event.data !== QUESTION || !port || !event.source) return;
      event.stopImmediatePropagation();
      const frame = frameOf(event.source);
      if (!frame) return;
      tracker().track(frame, (sight) => port.postMessage(innerViewport(sight)));
    },
    true,
  );
}
