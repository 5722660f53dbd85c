/**
 * Captions on the device's clock: which cues are active, and their events.
 *
 * The browser runs its "time marches on" steps (HTML, section 4.8.11.8) on its own, parked
 * position; its cue events are stopped while the device plays and these take their place. What
 * it would paint of them is told to the device.
 */
import { type Captions, isPainted } from "./captions.js";
import { cuesOfBrowser, installCueLists } from "./cue_lists.js";
import { call, wrapMethod, wrapSetter } from "./disguise.js";
import {
  addListener,
  cancelLater,
  composedPath,
  dispatch,
  eventTarget,
  later,
  NativeEvent,
  native,
  stopImmediatePropagation,
  tracksIn,
} from "./natives.js";
import {
  accessor,
  contains,
  INFINITY,
  isInstance,
  max,
  min,
  push,
  SafeWeakMap,
  SafeWeakSet,
} from "./primordials.js";
import { queueTask } from "./tasks.js";

const trackMode = accessor(TextTrack.prototype, "mode");
const trackCues = accessor(TextTrack.prototype, "cues");
const listLength = accessor(TextTrackCueList.prototype, "length");
const tracksLength = accessor(TextTrackList.prototype, "length");
const cueStart = accessor(TextTrackCue.prototype, "startTime");
const cueEnd = accessor(TextTrackCue.prototype, "endTime");
const cueTrack = accessor(TextTrackCue.prototype, "track");
const cuePauses = accessor(TextTrackCue.prototype, "pauseOnExit");
const elementTrack = accessor(HTMLTrackElement.prototype, "track");

/** Cues looked at in one step; more are left to the browser. */
const MAX_CUES = 20_000;
const NEVER = INFINITY;
const CUE_EVENTS = ["enter", "exit"] as const;
const TRACK_EVENTS = ["cuechange"] as const;
/** Longest wait for the next cue, in ms. */
const MAX_WAIT = 60_000;

/** Tracks whose active cues are ours. */
const active = new SafeWeakMap<TextTrack, TextTrackCue[]>();
/** Whose tracks they are. */
const clocks = new SafeWeakMap<TextTrack, CueClock>();
const NativeTextTrack = TextTrack;
const NativeTextTrackCue = TextTrackCue;
const NativeTrackElement = HTMLTrackElement;
const silenced = new SafeWeakSet<EventTarget>();

interface Change {
  readonly at: number;
  readonly type: "enter" | "exit";
  readonly cue: TextTrackCue;
}

/** Calls `changed` when tracks come, go, load or are shown. */
export function watchTracks(element: HTMLMediaElement, changed: () => void): void {
  const tracks = native.textTracks.get(element);
  addListener(tracks, "change", changed);
  addListener(tracks, "addtrack", changed);
  addListener(tracks, "removetrack", changed);
  // Of a <track> in the element: it does not bubble.
  addListener(element, "load", changed, true);
  addListener(element, "cuechange", swallowOfElement, true);
}

/** The cue events of one element. */
export class CueClock {
  readonly #element: HTMLMediaElement;
  readonly #pause: () => void;
  readonly #captions: Captions;
  #timer = 0;
  #running = false;
  /** From where it plays on; `null`: where it will be next it comes by another way. */
  #last: number | null = null;

  constructor(element: HTMLMediaElement, pause: () => void, captions: Captions) {
    this.#element = element;
    this.#pause = pause;
    this.#captions = captions;
  }

  /** The position is `at` and moves at `rate` (0: it stands). */
  update(at: number, rate: number): void {
    cancelLater(this.#timer);
    this.#timer = 0;
    this.#running = true;
    const from = this.#last ?? at;
    this.#last = rate > 0 ? at : null;
    const tracks = native.textTracks.get(this.#element);
    const count = tracksLength.get(tracks);
    let next = NEVER;
    const changes: Change[] = [];
    const changed: TextTrack[] = [];
    const painted: TextTrackCue[] = [];
    for (let index = 0; index < count; index++) {
      const track = tracks[index] as TextTrack;
      const before = changes.length;
      clocks.set(track, this);
      next = min(next, this.#look(track, from, at, changes));
      if (changes.length > before) push(changed, track);
      const now = active.get(track);
      if (!now || !isPainted(track)) continue;
      for (let each = 0; each < now.length; each++) push(painted, now[each] as TextTrackCue);
    }
    this.#captions.show(painted);
    if (rate > 0 && next < NEVER) {
      const wait = min(max(((next - at) / rate) * 1000, 1), MAX_WAIT);
      this.#timer = later(() => this.#pulse(), wait);
    }
    this.#announce(changes, changed);
  }

  /** The device has another picture, and no captions on it. */
  forget(): void {
    this.#last = null;
    this.#captions.forget();
  }

  /** Called when the next cue begins or ends. */
  onDue: () => void = () => {};

  #pulse(): void {
    this.#timer = 0;
    if (this.#running) this.onDue();
  }

  /** The browser's own cues apply again. */
  stop(): void {
    cancelLater(this.#timer);
    this.#timer = 0;
    this.#running = false;
    this.#last = null;
    const tracks = native.textTracks.get(this.#element);
    const count = tracksLength.get(tracks);
    for (let index = 0; index < count; index++) active.delete(tracks[index] as TextTrack);
  }

  /**
   * Finds what changes in one track when it plays on `from` somewhere; returns when its next cue
   * begins or ends.
   */
  #look(track: TextTrack, from: number, at: number, changes: Change[]): number {
    const list = trackMode.get(track) === "disabled" ? null : trackCues.get(track);
    const length = list ? listLength.get(list) : 0;
    if (!list || length === 0 || length > MAX_CUES) {
      active.delete(track);
      return NEVER;
    }
    silence(track);
    // The page knows those of the browser until here.
    const before = active.get(track) ?? cuesOfBrowser(track);
    const now: TextTrackCue[] = [];
    let next = NEVER;
    for (let index = 0; index < length; index++) {
      const cue = list[index] as TextTrackCue;
      const start = cueStart.get(cue);
      const end = cueEnd.get(cue);
      if (start > at) next = min(next, start);
      else if (end > at) next = min(next, end);
      silence(cue);
      if (start <= at && end > at) {
        push(now, cue);
        if (!contains(before, cue)) push(changes, { at: start, type: "enter", cue });
      } else if (contains(before, cue)) {
        push(changes, { at: max(start, end), type: "exit", cue });
      } else if (from < start && start <= at) {
        // It was over before anybody looked, or is over when it begins.
        push(changes, { at: start, type: "enter", cue });
        push(changes, { at: max(start, end), type: "exit", cue });
      }
    }
    active.set(track, now);
    return next;
  }

  /** The page hears of it in tasks of their own, after what pausing makes it hear. */
  #announce(changes: Change[], tracks: readonly TextTrack[]): void {
    if (changes.length === 0) return;
    sort(changes);
    let pauses = false;
    for (let at = 0; at < changes.length; at++) {
      const { type, cue } = changes[at] as Change;
      if (type === "exit" && cuePauses.get(cue)) pauses = true;
    }
    if (pauses) this.#pause();
    for (let at = 0; at < changes.length; at++) {
      const { type, cue } = changes[at] as Change;
      queueTask(() => dispatch(cue, new NativeEvent(type)));
    }
    for (let at = 0; at < tracks.length; at++) {
      const track = tracks[at] as TextTrack;
      queueTask(() => dispatch(track, new NativeEvent("cuechange")));
      const element = this.#elementOf(track);
      if (element) queueTask(() => dispatch(element, new NativeEvent("cuechange")));
    }
  }

  #elementOf(track: TextTrack): HTMLTrackElement | null {
    const elements = tracksIn(this.#element);
    for (let at = 0; at < elements.length; at++) {
      const element = elements[at] as HTMLTrackElement;
      if (elementTrack.get(element) === track) return element;
    }
    return null;
  }
}

/** By time; in order of the tracks where that is equal. */
function sort(changes: Change[]): void {
  for (let at = 1; at < changes.length; at++) {
    const change = changes[at] as Change;
    let to = at;
    for (; to > 0 && (changes[to - 1] as Change).at > change.at; to--) {
      changes[to] = changes[to - 1] as Change;
    }
    changes[to] = change;
  }
}

function swallow(event: Event): void {
  if (!event.isTrusted) return;
  const target = eventTarget.get(event);
  const track = isInstance(NativeTextTrackCue, target)
    ? cueTrack.get(target as TextTrackCue)
    : target;
  if (active.has(track as TextTrack)) stopImmediatePropagation(event);
}

/** At the window or a media element, of a <track> below. */
function swallowOfElement(event: Event): void {
  const target = composedPath(event)[0];
  if (!event.isTrusted || !isInstance(NativeTrackElement, target)) return;
  if (active.has(elementTrack.get(target as HTMLTrackElement))) stopImmediatePropagation(event);
}

/** Called before the page listens to something. */
export function listensTo(target: unknown): void {
  const isOurs = isInstance(NativeTextTrackCue, target) || isInstance(NativeTextTrack, target);
  if (isOurs) silence(target as EventTarget);
}

/**
 * Stops the browser's own events at a cue or track of ours. Their listeners are called in the order
 * in which they came, whatever the phase: this one must be the first.
 */
function silence(target: EventTarget): void {
  if (silenced.has(target)) return;
  silenced.add(target);
  const types = isInstance(NativeTextTrackCue, target) ? CUE_EVENTS : TRACK_EVENTS;
  for (let at = 0; at < types.length; at++) addListener(target, types[at] ?? "", swallow, true);
}

export function installCues(): void {
  for (const [owner, name] of [
    [NativeTextTrackCue.prototype, "onenter"],
    [NativeTextTrackCue.prototype, "onexit"],
    [NativeTextTrack.prototype, "oncuechange"],
  ] as const) {
    wrapSetter(owner, name, (original, self, value) => {
      listensTo(self);
      call(original, self, [value]);
    });
  }
  for (const name of ["addCue", "removeCue"]) {
    wrapMethod(NativeTextTrack.prototype, name, (original, self, args) => {
      const result = call(original, self, args);
      clocks.get(self as TextTrack)?.onDue();
      return result;
    });
  }
  for (const name of ["startTime", "endTime"]) {
    wrapSetter(NativeTextTrackCue.prototype, name, (original, self, value) => {
      call(original, self, [value]);
      clocks.get(cueTrack.get(self as TextTrackCue) as TextTrack)?.onDue();
    });
  }
  // Of a <track> in a document; others are heard of at their media element.
  addListener(window, "cuechange", swallowOfElement, true);
  installCueLists((track) => active.get(track) ?? null);
}
