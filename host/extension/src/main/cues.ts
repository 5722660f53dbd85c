/**
 * Captions on the device's clock: which cues are active, and their events.
 *
 * The browser runs its "time marches on" steps (HTML, section 4.8.11.8) on its own, parked
 * position; its cue events are stopped while the device plays and these take their place. What
 * it would paint of them is told to the device.
 */
import { type Captions, isPainted } from "./captions.js";
import { call, wrapGetter, wrapMethod, wrapSetter } from "./disguise.js";
import {
  addListener,
  cancelLater,
  dispatch,
  later,
  NativeEvent,
  native,
  stopImmediatePropagation,
} from "./natives.js";
import { accessor, contains, max, min, push, SafeWeakMap, SafeWeakSet } from "./primordials.js";

const { create, defineProperty } = Object;
const trackMode = accessor(TextTrack.prototype, "mode");
const trackCues = accessor(TextTrack.prototype, "cues");
const listLength = accessor(TextTrackCueList.prototype, "length");
const tracksLength = accessor(TextTrackList.prototype, "length");
const cueStart = accessor(TextTrackCue.prototype, "startTime");
const cueEnd = accessor(TextTrackCue.prototype, "endTime");
const cueId = accessor(TextTrackCue.prototype, "id");
const cuePauses = accessor(TextTrackCue.prototype, "pauseOnExit");
const CUE_LIST = TextTrackCueList.prototype;

/** Cues looked at in one step; more are left to the browser. */
const MAX_CUES = 20_000;
/** Longest wait for the next cue, in ms. */
const MAX_WAIT = 60_000;

/** Tracks whose active cues are ours. */
const active = new SafeWeakMap<TextTrack, TextTrackCue[]>();
/** Cue lists made here, and what is in them. */
const lists = new SafeWeakMap<object, readonly TextTrackCue[]>();
const NativeTextTrack = TextTrack;
const NativeTextTrackCue = TextTrackCue;
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
}

/** The cue events of one element. */
export class CueClock {
  readonly #element: HTMLMediaElement;
  readonly #pause: () => void;
  readonly #captions: Captions;
  #timer = 0;
  #running = false;

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
    const tracks = native.textTracks.get(this.#element);
    const count = tracksLength.get(tracks);
    let next = Number.POSITIVE_INFINITY;
    const changes: Change[] = [];
    const changed: TextTrack[] = [];
    const painted: TextTrackCue[] = [];
    for (let index = 0; index < count; index++) {
      const track = tracks[index] as TextTrack;
      const before = changes.length;
      next = min(next, this.#look(track, at, changes));
      if (changes.length > before) push(changed, track);
      const now = active.get(track);
      if (!now || !isPainted(track)) continue;
      for (let each = 0; each < now.length; each++) push(painted, now[each] as TextTrackCue);
    }
    this.#captions.show(painted);
    this.#announce(changes, changed);
    if (rate > 0 && next < Number.POSITIVE_INFINITY) {
      const wait = min(max(((next - at) / rate) * 1000, 1), MAX_WAIT);
      this.#timer = later(() => this.#pulse(), wait);
    }
  }

  /** The device has another picture, and no captions on it. */
  forget(): void {
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
    const tracks = native.textTracks.get(this.#element);
    const count = tracksLength.get(tracks);
    for (let index = 0; index < count; index++) active.delete(tracks[index] as TextTrack);
  }

  /** Finds what changes in one track; returns when its next cue begins or ends. */
  #look(track: TextTrack, at: number, changes: Change[]): number {
    const list = trackMode.get(track) === "disabled" ? null : trackCues.get(track);
    const length = list ? listLength.get(list) : 0;
    if (!list || length === 0 || length > MAX_CUES) {
      active.delete(track);
      return Number.POSITIVE_INFINITY;
    }
    silence(track);
    const before = active.get(track) ?? [];
    const now: TextTrackCue[] = [];
    let next = Number.POSITIVE_INFINITY;
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
      }
    }
    active.set(track, now);
    return next;
  }

  #announce(changes: Change[], tracks: readonly TextTrack[]): void {
    sort(changes);
    let pauses = false;
    for (let at = 0; at < changes.length; at++) {
      const { type, cue } = changes[at] as Change;
      if (type === "exit" && cuePauses.get(cue)) pauses = true;
      dispatch(cue, new NativeEvent(type));
    }
    for (let at = 0; at < tracks.length; at++) {
      dispatch(tracks[at] as TextTrack, new NativeEvent("cuechange"));
    }
    if (pauses) this.#pause();
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
  const target = event.currentTarget;
  const track = target instanceof TextTrackCue ? target.track : target;
  if (active.has(track as TextTrack)) stopImmediatePropagation(event);
}

/** Called before the page listens to something. */
export function listensTo(target: unknown): void {
  if (target instanceof NativeTextTrackCue || target instanceof NativeTextTrack) silence(target);
}

/**
 * Stops the browser's own events at a cue or track of ours. Their listeners are called in the order
 * in which they came, whatever the phase: this one must be the first.
 */
function silence(target: EventTarget): void {
  if (silenced.has(target)) return;
  silenced.add(target);
  const types =
    target instanceof TextTrackCue ? (["enter", "exit"] as const) : (["cuechange"] as const);
  for (let at = 0; at < types.length; at++) addListener(target, types[at] ?? "", swallow, true);
}

function makeList(cues: readonly TextTrackCue[]): TextTrackCueList {
  const list = create(CUE_LIST) as TextTrackCueList;
  for (let at = 0; at < cues.length; at++) {
    const property = { __proto__: null, value: cues[at], enumerable: true, configurable: true };
    defineProperty(list, at, property as PropertyDescriptor);
  }
  lists.set(list, cues);
  return list;
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
  wrapGetter(TextTrack.prototype, "activeCues", (original, self) => {
    const cues = active.get(self as TextTrack);
    return cues ? makeList(cues) : call(original, self, []);
  });
  wrapGetter(
    CUE_LIST,
    "length",
    (original, self) => lists.get(self as object)?.length ?? call(original, self, []),
  );
  wrapMethod(CUE_LIST, "getCueById", (original, self, args) => {
    const cues = lists.get(self as object);
    if (!cues) return call(original, self, args);
    const id = `${args[0] as string}`;
    for (let at = 0; at < cues.length; at++) {
      const cue = cues[at] as TextTrackCue;
      if (id !== "" && cueId.get(cue) === id) return cue;
    }
    return null;
  });
}
