// A tab under test: what its scripts see of its media elements, what the browser really does
// with them, and where they are on the remote desktop.
//
// Two worlds in each frame: the page's own, with a probe that reports events, and an isolated
// one that no script of the page and no other extension reaches, for the browser's own answers.

import * as fs from "node:fs";
import type { DevTools, Event, Json } from "./devtools.ts";
import { clip, fit } from "./fit.ts";
import { refusedBy, refusedWith, unanswered } from "./opening.ts";
import { STEP_MS, TooLate, Watched } from "./wait.ts";
import type { Rect } from "./x11.ts";

const PROBE = fs.readFileSync(new URL("./in_page/probe.js", import.meta.url), "utf8");
const BINDING = "nearsideRigTell";
const WORLD = "nearside-rig";

/** An event of a media element, as a script of the page sees it. */
export interface MediaEvent {
  /** Unique in the tab. */
  element: string;
  kind: "video" | "audio";
  type: string;
  /** Unix milliseconds. */
  at: number;
  currentTime: number;
  paused: boolean;
  autoplay: boolean;
  error?: { code: number; message: string } | null;
}

/** What the browser itself says of a media element, whatever the page is told. */
export interface NativeState {
  frames: number;
  paused: boolean;
  currentTime: number;
  videoWidth: number;
  videoHeight: number;
  connected: boolean;
  objectFit: string;
  objectPosition: string;
}

/** What the page is told. */
export interface SeenState {
  id: string;
  kind: string;
  currentTime: number;
  duration: number;
  paused: boolean;
  ended: boolean;
  loop: boolean;
  error: string | null;
}

export interface Element {
  seen: SeenState;
  native: NativeState;
  frame: Frame;
  mainObject: string;
  isolatedObject: string;
  backendNode: number;
}

/** A frame's two worlds in one DevTools session. */
interface Frame {
  session: string;
  id: string;
  main?: number;
  isolated?: number;
}

const SEEN = `function () {
  const { localName, currentTime, duration, paused, ended, loop, error } = this;
  return { id: nearsideRigFollow(this), kind: localName, currentTime, duration, paused, ended,
    loop, error: error && error.code + " " + error.message };
}`;

const NATIVE = `function () {
  const quality = this.getVideoPlaybackQuality?.();
  const { paused, currentTime, videoWidth = 0, videoHeight = 0, isConnected } = this;
  const { objectFit, objectPosition } = getComputedStyle(this);
  return { frames: quality?.totalVideoFrames ?? 0, paused, currentTime, videoWidth, videoHeight,
    connected: isConnected, objectFit, objectPosition };
}`;

/** The first button in view that speaks of playing, or else the first. */
const PLAY_BUTTON = `(() => {
  const kinds = "button, [role=button], input[type=button], input[type=submit], [onclick]";
  const isPlay = ({ one }) => /play|start|watch|\\u25b6/i.test([one.textContent, one.value, one.id,
    one.className, one.getAttribute("aria-label")].join(" "));
  const shown = [...document.querySelectorAll(kinds)].map((one) => {
    const { x, y, width, height } = one.getBoundingClientRect();
    return { one, x, y, width, height };
  }).filter(({ x, y, width, height }) => width > 0 && height > 0 && x + width / 2 >= 0 &&
    y + height / 2 >= 0 && x + width / 2 < innerWidth && y + height / 2 < innerHeight);
  const found = shown.find(isPlay) ?? shown[0];
  return found && { ...found, one: undefined };
})()`;

export class Page {
  readonly events = new Watched<MediaEvent[]>([]);
  /** Uncaught exceptions and what players log as errors. */
  readonly errors: string[] = [];
  /** Closes the page's dialogs as they open. */
  answersDialogs = true;
  readonly target: string;
  readonly session: string;
  readonly #devtools: DevTools;
  readonly #frames = new Map<string, Frame>();
  readonly #sessions = new Set<string>();
  readonly #stopListening: () => void;
  /** Counts what shows that a document is there: its load event, or media that play before. */
  readonly #arrivals = new Watched(0);
  #fetching: Promise<Element[]> = Promise.resolve([]);

  private constructor(devtools: DevTools, target: string, session: string) {
    this.#devtools = devtools;
    this.target = target;
    this.session = session;
    this.#stopListening = devtools.listen((event) => this.#hear(event));
  }

  /** Opens an empty tab. */
  static async create(devtools: DevTools): Promise<Page> {
    const { targetId } = await devtools.send("Target.createTarget", { url: "about:blank" });
    const attach = { targetId, flatten: true };
    const { sessionId } = await devtools.send("Target.attachToTarget", attach);
    const page = new Page(devtools, targetId, sessionId);
    await page.#prepare(sessionId);
    return page;
  }

  /**
   * Goes to `url` and waits for its load event, or until its media play. A page whose parts do not
   * come within `limitMs` is taken as it is. Returns when it began, Unix milliseconds; throws
   * `PageError` when there is no such page.
   */
  async open(url: string, limitMs = STEP_MS): Promise<number> {
    const before = this.#arrivals.value;
    const began = Date.now();
    const { errorText } = await this.send("Page.navigate", { url }).catch((error) => {
      throw error instanceof TooLate ? unanswered(url, STEP_MS) : error;
    });
    const status = errorText ? 0 : await this.#httpStatus();
    // A page of an error's own is one, too, even if the browser shows it.
    if (status >= 400) throw refusedWith(url, status);
    if (errorText) throw refusedBy(url, errorText);
    const arrived = this.#arrivals.until("load event", (count) => before < count, limitMs);
    await arrived.catch((error) => {
      if (!(error instanceof TooLate)) throw error;
    });
    return began;
  }

  /** The status with which the top document came; 0 where there is none. */
  async #httpStatus(): Promise<number> {
    const entry = 'performance.getEntriesByType("navigation")[0]';
    const status = await this.#evaluate({ expression: `${entry}?.responseStatus ?? 0` });
    return Number(status);
  }

  async close(): Promise<void> {
    this.#stopListening();
    await this.#devtools.send("Target.closeTarget", { targetId: this.target }).catch(() => {});
  }

  send(method: string, params: Json = {}, session = this.session): Promise<Json> {
    return this.#devtools.send(method, params, session);
  }

  /** Evaluates in the page's own world of the top document, as if the user had clicked. */
  async evaluate(expression: string): Promise<Json> {
    return this.#evaluate({ expression, userGesture: true });
  }

  /** Evaluates in the isolated world of the top document. */
  async evaluateIsolated(expression: string): Promise<Json> {
    const frame = this.#frames.get(this.target);
    if (!frame?.isolated) throw new Error("the page has no isolated world yet");
    return this.#evaluate({ expression, contextId: frame.isolated });
  }

  async #evaluate(params: Json): Promise<Json> {
    const options = { awaitPromise: true, returnByValue: true };
    const answer = await this.send("Runtime.evaluate", { ...params, ...options });
    if (answer.exceptionDetails) throw new Error(describe(answer.exceptionDetails));
    return answer.result.value;
  }

  /** All media elements, also those in frames, in shadow trees and in no document. */
  elements(): Promise<Element[]> {
    // One after the other: the same objects would be asked for twice at the same time.
    const next = this.#fetching.catch(() => []).then(() => this.#elements());
    this.#fetching = next;
    return next;
  }

  async #elements(): Promise<Element[]> {
    const found: Element[] = [];
    for (const frame of [...this.#frames.values()]) {
      // A frame that goes meanwhile has no elements.
      found.push(...(await this.#elementsOf(frame).catch(() => [])));
    }
    return found;
  }

  async #elementsOf(frame: Frame): Promise<Element[]> {
    const { session, main, isolated } = frame;
    if (main === undefined || isolated === undefined) return [];
    const send = (method: string, params: Json) => this.send(method, params, session);
    const group = { objectGroup: "elements" };
    await send("Runtime.releaseObjectGroup", group);
    await this.#touch(frame, group);
    const expression = "HTMLMediaElement.prototype";
    const prototype = await send("Runtime.evaluate", { expression, contextId: main, ...group });
    const prototypeObjectId = prototype.result.objectId;
    const { objects } = await send("Runtime.queryObjects", { prototypeObjectId, ...group });
    const own = { objectId: objects.objectId, ownProperties: true };
    const { result } = await send("Runtime.getProperties", own);
    const found: Element[] = [];
    for (const { name, value } of result) {
      if (!/^\d+$/.test(name)) continue;
      const mainObject: string = value.objectId;
      const call = async (objectId: string, functionDeclaration: string) => {
        const params = { objectId, functionDeclaration, returnByValue: true };
        const answer = await send("Runtime.callFunctionOn", params);
        if (answer.exceptionDetails) throw new Error(describe(answer.exceptionDetails));
        return answer.result.value;
      };
      // Prototypes of derived classes match, too; they refuse the first look.
      const seen = await call(mainObject, SEEN).catch(() => undefined);
      if (!seen) continue;
      const { node } = await send("DOM.describeNode", { objectId: mainObject });
      const where = { backendNodeId: node.backendNodeId, executionContextId: isolated, ...group };
      const { object } = await send("DOM.resolveNode", where);
      const native: NativeState = await call(object.objectId, NATIVE);
      seen.id = `${frame.id}/${seen.id}`;
      const isolatedObject: string = object.objectId;
      const backendNode: number = node.backendNodeId;
      found.push({ seen, native, frame, mainObject, isolatedObject, backendNode });
    }
    return found;
  }

  /** Gives those elements an object in the page's world that no script has touched yet. */
  async #touch({ session, main, isolated }: Frame, group: Json): Promise<void> {
    const send = (method: string, params: Json) => this.send(method, params, session);
    const top = { expression: "document", contextId: isolated, ...group };
    const { result } = await send("Runtime.evaluate", top);
    const whole = { objectId: result.objectId, depth: -1, pierce: true };
    for (const backendNodeId of mediaNodes((await send("DOM.describeNode", whole)).node)) {
      await send("DOM.resolveNode", { backendNodeId, executionContextId: main, ...group });
    }
  }

  /** Calls `play()` on an element as if the user had clicked. */
  async play(element: Element): Promise<void> {
    const functionDeclaration = "function () { this.play().catch(() => {}); }";
    const params = { objectId: element.mainObject, functionDeclaration, userGesture: true };
    await this.send("Runtime.callFunctionOn", params, element.frame.session);
  }

  /** Calls a function on an element in the isolated world; its promise is waited for. */
  async callIsolated(element: Element, functionDeclaration: string): Promise<Json> {
    const { isolatedObject: objectId, frame } = element;
    const params = { objectId, functionDeclaration, awaitPromise: true, returnByValue: true };
    const answer = await this.send("Runtime.callFunctionOn", params, frame.session);
    if (answer.exceptionDetails) throw new Error(describe(answer.exceptionDetails));
    return answer.result.value;
  }

  /** Resolves once a tab in front has been painted: the browser drops clicks before that. */
  async painted(): Promise<void> {
    const frame = "(done) => requestAnimationFrame(() => requestAnimationFrame(done))";
    await this.evaluateIsolated(`new Promise(${frame})`);
  }

  /** Clicks into the top document's viewport. */
  async click(x: number, y: number): Promise<void> {
    const mouse = { x, y, button: "left", clickCount: 1 };
    await this.send("Input.dispatchMouseEvent", { type: "mousePressed", ...mouse });
    await this.send("Input.dispatchMouseEvent", { type: "mouseReleased", ...mouse });
  }

  /** What a person would click on a page that shows no media; in CSS pixels of the viewport. */
  async playButton(): Promise<Rect | undefined> {
    return (await this.evaluateIsolated(PLAY_BUTTON)) ?? undefined;
  }

  /** An element's content box in CSS pixels of the top viewport; nothing when not rendered. */
  async box(element: Element): Promise<Rect | undefined> {
    const own = await this.#quad(element.frame.session, element.backendNode);
    if (!own || element.frame.session === this.session) return own;
    // A frame in a process of its own knows nothing above it.
    const { frameId } = { frameId: element.frame.id };
    const owner = await this.send("DOM.getFrameOwner", { frameId }).catch(() => undefined);
    const outer = owner && (await this.#quad(this.session, owner.backendNodeId));
    return outer && { ...own, x: outer.x + own.x, y: outer.y + own.y };
  }

  async #quad(session: string, backendNodeId: number): Promise<Rect | undefined> {
    const answer = await this.send("DOM.getBoxModel", { backendNodeId }, session).catch(() => {});
    if (!answer) return undefined;
    // Four corners; of what is turned, the smallest upright rectangle around them.
    const corners = answer.model.content as number[];
    const xs = corners.filter((_, index) => index % 2 === 0);
    const ys = corners.filter((_, index) => index % 2 === 1);
    if (xs.length === 0 || ys.length === 0) return undefined;
    const [x, y] = [Math.min(...xs), Math.min(...ys)];
    return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
  }

  /** Where an element's picture lies on the remote desktop, in its pixels, as if the page had no
   *  end. */
  async remoteRect(element: Element): Promise<Rect | undefined> {
    const box = await this.box(element);
    if (!box) return undefined;
    const { origin, ratio } = await this.#metrics();
    const picture = clip(fit(box, element.native), box);
    const { x, y, width, height } = picture;
    return {
      x: (origin.x + x) * ratio,
      y: (origin.y + y) * ratio,
      width: width * ratio,
      height: height * ratio,
    };
  }

  /** The viewport on the remote desktop, in its pixels. */
  async remoteView(): Promise<Rect> {
    const { origin, ratio, width, height } = await this.#metrics();
    return {
      x: origin.x * ratio,
      y: origin.y * ratio,
      width: width * ratio,
      height: height * ratio,
    };
  }

  /** The viewport's size and its place on the desktop in CSS pixels; device pixels in each. */
  async #metrics() {
    const { sx, sy, ow, oh, iw, ih, ratio, vw, vh } = await this.evaluateIsolated(
      "({ sx: screenX, sy: screenY, ow: outerWidth, oh: outerHeight, iw: innerWidth," +
        " ih: innerHeight, ratio: devicePixelRatio, vw: visualViewport.width," +
        " vh: visualViewport.height })",
    );
    const border = (ow - iw) / 2;
    const origin = { x: sx + border, y: sy + oh - ih - border };
    // Pages are not seen where their scroll bars are.
    const seen = (all: number, most: number): number => (all - most > 2 ? most : all);
    return { origin, ratio: ratio as number, width: seen(iw, vw), height: seen(ih, vh) };
  }

  async #prepare(session: string): Promise<void> {
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    const steps: [string, Json][] = [
      ["Page.enable", {}],
      ["Inspector.enable", {}],
      ["Runtime.enable", {}],
      ["Runtime.addBinding", { name: BINDING }],
      ["Page.addScriptToEvaluateOnNewDocument", { source: PROBE }],
      ["Page.addScriptToEvaluateOnNewDocument", { source: "", worldName: WORLD }],
      ["Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: true, flatten: true }],
      ["Runtime.runIfWaitingForDebugger", {}],
    ];
    // In this order, without waiting for each: a document that waits answers only some.
    const answers = steps.map(([method, params]) => this.send(method, params, session));
    await Promise.all(answers);
  }

  #hear({ method, params, sessionId }: Event): void {
    if (sessionId === undefined || !this.#sessions.has(sessionId)) return;
    switch (method) {
      case "Target.attachedToTarget":
        this.#adopt(params);
        break;
      case "Runtime.executionContextCreated":
        this.#addWorld(sessionId, params.context);
        break;
      case "Runtime.executionContextsCleared":
        for (const [id, frame] of this.#frames) {
          if (frame.session === sessionId) this.#frames.delete(id);
        }
        break;
      case "Page.loadEventFired":
        if (sessionId === this.session) this.#arrivals.value += 1;
        break;
      case "Page.javascriptDialogOpening":
        // Nobody is there to answer, and until then the page stands still.
        if (!this.answersDialogs) break;
        this.send("Page.handleJavaScriptDialog", { accept: true }, sessionId).catch(() => {});
        break;
      case "Runtime.bindingCalled":
        this.#addEvent(sessionId, params);
        break;
      case "Runtime.exceptionThrown":
        this.errors.push(describe(params.exceptionDetails));
        break;
      case "Runtime.consoleAPICalled":
        if (params.type === "error") this.errors.push(params.args.map(plain).join(" "));
        break;
    }
  }

  #adopt({ sessionId, targetInfo }: Json): void {
    if (targetInfo.type === "iframe") {
      this.#prepare(sessionId).catch(() => {});
    } else {
      // A worker: not of interest, but it waits.
      this.send("Runtime.runIfWaitingForDebugger", {}, sessionId).catch(() => {});
    }
  }

  #addWorld(session: string, context: Json): void {
    const { frameId, isDefault } = context.auxData ?? {};
    if (frameId === undefined) return;
    const known = this.#frames.get(frameId);
    const frame: Frame = known?.session === session ? known : { session, id: frameId };
    this.#frames.set(frameId, frame);
    if (isDefault) frame.main = context.id;
    else if (context.name === WORLD) frame.isolated = context.id;
  }

  #addEvent(session: string, { executionContextId, payload }: Json): void {
    const isFrame = (one: Frame) => one.session === session && one.main === executionContextId;
    const frame = [...this.#frames.values()].find(isFrame);
    const { id, ...event } = JSON.parse(payload);
    const element = `${frame?.id ?? "?"}/${id}`;
    this.events.value = [...this.events.value, { element, ...event }];
    if (event.type === "playing") this.#arrivals.value += 1;
  }

  /** Waits for an event of any element. */
  async event(type: string, limitMs = STEP_MS): Promise<MediaEvent> {
    const holds = (events: MediaEvent[]) => events.some((one) => one.type === type);
    const describe = () => this.describe();
    const events = await this.events.until(`event "${type}"`, holds, limitMs, describe);
    const found = events.find((one) => one.type === type);
    if (!found) throw new Error(`no event ${type}`);
    return found;
  }

  /** What happened last, for error messages. */
  describe(): string {
    const last = this.events.value.slice(-20);
    const words = last.map((one) => `${one.type}@${one.currentTime.toFixed(2)}`);
    return `after ${words.join(" ")}; errors: ${this.errors.join("; ")}`;
  }

  /** Ends the tab's process as a fault in it would. */
  async crash(): Promise<void> {
    const crashed = this.#devtools.event("Inspector.targetCrashed", this.session);
    // It never answers.
    this.send("Page.crash").catch(() => {});
    await crashed;
  }
}

/** Media elements below a node in its document, shadow trees included. */
function mediaNodes(node: Json): number[] {
  const found: number[] = [];
  const open: Json[] = [node];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (one.localName === "video" || one.localName === "audio") found.push(one.backendNodeId);
    open.push(...(one.children ?? []), ...(one.shadowRoots ?? []));
  }
  return found;
}

function describe(details: Json): string {
  return String(details.exception?.description ?? details.exception?.value ?? details.text);
}

function plain(argument: Json): string {
  return String(argument.value ?? argument.description ?? argument.type);
}
