/**
 * The media elements of this frame: found at first touch, known weakly, and held while the
 * device plays them (a playing element outlives the page's last reference to it).
 */
import type { Reason } from "../generated/messages.js";
import { READ_ONCE } from "./bar.js";
import { Control } from "./control.js";
import { watchTracks } from "./cues.js";
import type { Link } from "./link.js";
import { isOfMedia, listenTo } from "./native_events.js";
import {
  addListener,
  hostOf,
  isConnected,
  NativeMediaElement,
  NativeNode,
  NativeVideoElement,
  observeTree,
  rootOf,
  stopObserving,
} from "./natives.js";
import { isInstance, SafeMap, SafeSet, SafeWeakMap, SafeWeakSet } from "./primordials.js";
import { queueTask } from "./tasks.js";

export class Elements {
  readonly #link: Link;
  readonly #controls = new SafeWeakMap<HTMLMediaElement, Control>();
  readonly #playing = new SafeSet<Control>();
  readonly #connected = new SafeSet<Control>();
  /** Elements that load and were not looked at yet; whether anew. */
  readonly #late = new SafeMap<Control, boolean>();
  #observed = new SafeWeakSet<Node>();
  readonly #removals: MutationObserver;
  /** Where events are listened to; the document's window is. */
  readonly #heard = new SafeWeakSet<Node>();

  constructor(link: Link) {
    this.#link = link;
    this.#heard.add(document);
    this.#removals = new MutationObserver(() => queueTask(() => this.#lookForRemoved()));
    // Page Lifecycle: what plays in a page that is frozen pauses.
    addListener(document, "freeze", (event) => event.isTrusted && this.#pauseAll(), true);
  }

  /** The control of an element that is known; null for everything else. */
  known(target: unknown): Control | null {
    const control = this.#controls.get(target as HTMLMediaElement);
    if (control && this.#late.size > 0 && this.#late.has(control)) this.#catchUp(control);
    return control ?? null;
  }

  /** The control while the device plays the element. */
  onDevice(target: unknown): Control | null {
    const control = this.known(target);
    if (!control) return null;
    if (control.onDevice) control.sync();
    return control.onDevice ? control : null;
  }

  /** Videos that play now do it in the session, until they get another source. */
  barPlaying(reason: Reason): void {
    this.#playing.forEach((control) => {
      if (control.isVideo) control.bar(reason, READ_ONCE);
    });
  }

  /** The control of any media element of this realm. */
  touch(target: unknown): Control | null {
    const known = this.known(target);
    if (known) this.#listenAbove(known.element);
    if (known || !isInstance(NativeMediaElement, target)) return known;
    const control = new Control(this.#link, target, isInstance(NativeVideoElement, target));
    this.#controls.set(target, control);
    control.onPlaying = (of, playing) => this.#onPlaying(of, playing);
    this.listenAt(target);
    this.#listenAbove(target);
    watchTracks(target, () => control.cuesChanged());
    control.sync();
    return control;
  }

  /** The page is about to listen there: in a tree of its own, that would be before us. */
  listens(target: unknown, type: unknown): void {
    if (!isOfMedia(type) || !isInstance(NativeNode, target)) return;
    if (rootOf(target) === target) this.listenAt(target);
  }

  listenAt(node: Node): void {
    if (this.#heard.has(node)) return;
    this.#heard.add(node);
    listenTo(node, this);
  }

  /** Events of media leave no shadow tree, and of a tree without a document no window hears. */
  #listenAbove(element: Node): void {
    let root: Node | null = element;
    while (root) {
      const top: Node = rootOf(root);
      this.listenAt(top);
      root = hostOf(top);
    }
  }

  /**
   * The page lets the element load. One of which nothing was known is looked at a task later,
   * or when somebody asks: until then the browser opens the source, for which the page waits.
   */
  loads(control: Control): void {
    const { started } = control.told;
    control.told.started = false;
    if (!control.rests) return control.sync(true);
    // Of one without a source the page may have asked to play what comes.
    this.#late.set(control, started || this.#late.get(control) === true);
    queueTask(() => this.catchUp());
  }

  /** Looks at all that load anew. */
  catchUp(): void {
    this.#late.forEach((_, control) => {
      this.#catchUp(control);
    });
  }

  #catchUp(control: Control): void {
    const anew = this.#late.get(control) === true;
    this.#late.delete(control);
    control.sync(anew);
  }

  #onPlaying(control: Control, playing: boolean): void {
    if (!playing) {
      this.#playing.delete(control);
      this.#connected.delete(control);
      if (this.#playing.size === 0) {
        stopObserving(this.#removals);
        this.#observed = new SafeWeakSet();
      }
      return;
    }
    this.#playing.add(control);
    if (!isConnected.get(control.element)) return;
    this.#connected.add(control);
    let root: Node | null = control.element;
    while (root) {
      const top: Node = rootOf(root);
      if (!this.#observed.has(top)) {
        this.#observed.add(top);
        observeTree(this.#removals, top);
      }
      root = hostOf(top);
    }
  }

  #pauseAll(): void {
    this.#playing.forEach((control) => {
      control.pause();
    });
  }

  /** An element that is taken out of its document pauses, if it is not back by the next task. */
  #lookForRemoved(): void {
    this.#connected.forEach((control) => {
      if (isConnected.get(control.element)) return;
      this.#connected.delete(control);
      control.pause(true);
    });
  }
}
