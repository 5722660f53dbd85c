/**
 * The browser's natives, taken before any script of the page ran: what is called here is
 * never what the page (or this extension) has put in its place.
 */
import { accessor, isInstance, push, uncurry } from "./primordials.js";
import type { Span } from "./ranges.js";

export const NativeDOMException = DOMException;
export const NativeEvent = Event;
export const NativeMediaSource = MediaSource;
export const NativeMediaElement = HTMLMediaElement;
export const NativeNode = Node;
export const NativeVideoElement = HTMLVideoElement;
const NativeShadowRoot = ShadowRoot;

export const now: () => number = performance.now.bind(performance);
export const later = setTimeout.bind(window) as (run: () => void, ms: number) => number;
export const cancelLater = clearTimeout.bind(window) as (id: number) => void;
export type Timers = {
  readonly now: () => number;
  readonly later: (run: () => void, ms: number) => number;
  readonly cancelLater: (id: number) => void;
};
export const timers: Timers = { now, later, cancelLater };
export const every = setInterval.bind(window) as (run: () => void, ms: number) => number;
export const cancelEvery = clearInterval.bind(window) as (id: number) => void;
export const microtask = queueMicrotask.bind(window);
export const nextFrame = requestAnimationFrame.bind(window);

export const addListener = uncurry(EventTarget.prototype.addEventListener);
export const dispatch = uncurry(EventTarget.prototype.dispatchEvent);
export const composedPath = uncurry(Event.prototype.composedPath);
export const stopImmediatePropagation = uncurry(Event.prototype.stopImmediatePropagation);
export const eventType = accessor(Event.prototype, "type");
export const errorCode = accessor(MediaError.prototype, "code");
export const eventTarget = accessor(Event.prototype, "target");
export const postToPort = uncurry(
  MessagePort.prototype.postMessage as (
    this: MessagePort,
    message: unknown,
    transfer: Transferable[],
  ) => void,
);
export const startPort = uncurry(MessagePort.prototype.start);
export const messageData = accessor(MessageEvent.prototype, "data");

const element = Element.prototype;
export const getAttribute = uncurry(element.getAttribute);
export const hasAttribute = uncurry(element.hasAttribute);
export const querySelector = uncurry(element.querySelector);
export const rootOf = uncurry(Node.prototype.getRootNode as (this: Node) => Node);
const shadowHost = accessor(ShadowRoot.prototype, "host");
/** The element that a shadow root belongs to. */
export const hostOf = (root: Node): Element | null =>
  isInstance(NativeShadowRoot, root) ? shadowHost.get(root) : null;
const observe = uncurry(MutationObserver.prototype.observe);
/** Hears of children that come and go anywhere below `root`. */
export const observeTree = (observer: MutationObserver, root: Node): void =>
  observe(observer, root, {
    __proto__: null,
    childList: true,
    subtree: true,
  } as MutationObserverInit);
export const stopObserving = uncurry(MutationObserver.prototype.disconnect);
const nodeCount = accessor(NodeList.prototype, "length");
function listed<T extends Node>(nodes: NodeListOf<T>): readonly T[] {
  const found: T[] = [];
  const count = nodeCount.get(nodes);
  for (let at = 0; at < count; at++) push(found, nodes[at] as T);
  return found;
}
const queryDocument = uncurry(
  Document.prototype.querySelectorAll as (this: Document, by: string) => NodeListOf<Element>,
);
const queryElement = uncurry(
  Element.prototype.querySelectorAll as (this: Element, by: string) => NodeListOf<Element>,
);
export const allMedia = (): readonly HTMLMediaElement[] =>
  listed(queryDocument(document, "video,audio") as NodeListOf<HTMLMediaElement>);
export const tracksIn = (element: Element): readonly HTMLTrackElement[] =>
  listed(queryElement(element, "track") as NodeListOf<HTMLTrackElement>);
export const isConnected = accessor(Node.prototype, "isConnected");

const mediaElement = HTMLMediaElement.prototype;
const video = HTMLVideoElement.prototype;
/** The browser's own media element. */
export const native = {
  autoplay: accessor(mediaElement, "autoplay"),
  buffered: accessor(mediaElement, "buffered"),
  currentSrc: accessor(mediaElement, "currentSrc"),
  currentTime: accessor(mediaElement, "currentTime"),
  duration: accessor(mediaElement, "duration"),
  seekable: accessor(mediaElement, "seekable"),
  ended: accessor(mediaElement, "ended"),
  error: accessor(mediaElement, "error"),
  loop: accessor(mediaElement, "loop"),
  muted: accessor(mediaElement, "muted"),
  networkState: accessor(mediaElement, "networkState"),
  paused: accessor(mediaElement, "paused"),
  played: accessor(mediaElement, "played"),
  playbackRate: accessor(mediaElement, "playbackRate"),
  preload: accessor(mediaElement, "preload"),
  preservesPitch: accessor(mediaElement, "preservesPitch"),
  readyState: accessor(mediaElement, "readyState"),
  seeking: accessor(mediaElement, "seeking"),
  src: accessor(mediaElement, "src"),
  srcObject: accessor(mediaElement, "srcObject"),
  textTracks: accessor(mediaElement, "textTracks"),
  volume: accessor(mediaElement, "volume"),
  videoWidth: accessor(video, "videoWidth"),
  videoHeight: accessor(video, "videoHeight"),
  play: uncurry(mediaElement.play),
  pause: uncurry(mediaElement.pause),
};

export const nativeFrames = {
  request: uncurry(video.requestVideoFrameCallback),
  cancel: uncurry(video.cancelVideoFrameCallback),
};

export const NativeVideoFrame = VideoFrame;
export const frameTime = accessor(VideoFrame.prototype, "timestamp");
export const closeFrame = uncurry(VideoFrame.prototype.close);

/** Media Source Extensions. */
export const media = {
  sourceState: accessor(MediaSource.prototype, "readyState"),
  sourceBuffered: accessor(SourceBuffer.prototype, "buffered"),
  updating: accessor(SourceBuffer.prototype, "updating"),
  mode: accessor(SourceBuffer.prototype, "mode"),
  timestampOffset: accessor(SourceBuffer.prototype, "timestampOffset"),
  appendWindowStart: accessor(SourceBuffer.prototype, "appendWindowStart"),
  appendWindowEnd: accessor(SourceBuffer.prototype, "appendWindowEnd"),
};

const ranges = TimeRanges.prototype;
export const timeRanges = {
  length: accessor(ranges, "length"),
  start: uncurry(ranges.start),
  end: uncurry(ranges.end),
};

export function spansOf(ranges: TimeRanges): Span[] {
  const spans: Span[] = [];
  const length = timeRanges.length.get(ranges);
  for (let at = 0; at < length; at++) {
    push(spans, { start: timeRanges.start(ranges, at), end: timeRanges.end(ranges, at) });
  }
  return spans;
}
