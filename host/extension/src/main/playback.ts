/**
 * The playback state of one redirected media element, as its page sees it.
 *
 * Fed with what the page does, what the browser's own (parked) element says and what the
 * device reports; answers with events for the page and commands for the device through
 * {@link Effects}. Pure: no DOM, no clock; times are seconds of media, `now` milliseconds.
 *
 * ```text
 *              play()                 device plays
 *   idle ─────────────▶ starting ─────────────────▶ playing
 *    ▲                      │ no data                │  ▲
 *    │ pause(), end         ▼         device stalls  │  │ device plays
 *    └────────────────── waiting ◀───────────────────┘  │
 *                           └───────────────────────────┘
 * ```
 * A seek is orthogonal: it is over when the browser's element *and* the device are there.
 */
import type { PlaybackState, PlayerCommand } from "../generated/messages.js";
import type { Motion } from "../isolated/bridge_protocol.js";
import { DeviceClock } from "./clock.js";
import { BY_LOAD, BY_PAUSE, BY_REMOVAL } from "./interruptions.js";
import { abs, drain, INFINITY, isFiniteNumber, max, min, push } from "./primordials.js";
import { endOfSpanAt, intoSpan, micros, type Span, withSpan, withSpans } from "./ranges.js";

/** What the browser's own element says now. Seconds. */
export interface Facts {
  readonly readyState: number;
  readonly position: number;
  readonly duration: number;
  readonly buffered: readonly Span[];
  /** Nothing will be appended any more, or the source is a file. */
  readonly endOfStream: boolean;
  readonly loop: boolean;
}

export interface Effects {
  facts(): Facts;
  /** Queues a task that dispatches an event to the page. */
  fire(type: string): void;
  /** Told to the device when it is ready; dropped before (see `Playback.deviceState`). */
  send(command: PlayerCommand): void;
  /** The device plays: the page is told `loadeddata` if the browser has not got so far. */
  hasData(): void;
  /** Settles promises of `play()` after the events fired so far, or `atOnce`. */
  settle(pending: readonly Pending[], failure: string | null, atOnce?: boolean): void;
  /** Refuses promises of `play()`: there is nothing that can be played. */
  refuse(pending: readonly Pending[]): void;
}

/** A promise of `play()`. */
export interface Pending {
  resolve(): void;
  reject(reason: unknown): void;
}

interface Seek {
  readonly token: number;
  readonly to: number;
  browserThere: boolean;
  deviceThere: boolean;
  /** The device has begun it: what it reports from now on is about its end. */
  begun: boolean;
  /** How the device goes on from there; it may say so before its picture is shown. */
  after: { readonly position: number; readonly rate: number; readonly at: number } | null;
}

/** The device's word for where it seeks to is this exact, in seconds. */
const EXACT = 0.001;

function seekTo(token: number, to: number, browserThere: boolean): Seek {
  return { token, to, browserThere, deviceThere: false, begun: false, after: null };
}

type Told = "idle" | "starting" | "waiting" | "playing";

/** HTMLMediaElement.readyState. */
export const HAVE_METADATA = 1;
export const HAVE_CURRENT_DATA = 2;
export const HAVE_FUTURE_DATA = 3;
export const HAVE_ENOUGH_DATA = 4;

/** With less ahead than this the next picture is not there yet, in seconds. */
const NEXT_PICTURE = 0.06;
/** This close to the duration is the end, in seconds. */
export const END = 0.1;
/** As long as it plays it is seen no nearer to the end, in seconds. */
const BEFORE_END = 0.02;
/** The browser's element counts as being at the position, in seconds. */
const NEAR = 0.2;
/** A report this far behind the last one, with `loop` set, is the next round, in seconds. */
const WRAP = 0.5;
/** A device that goes by itself to no later than this is at the next round's begin, in seconds. */
const BEGIN = 0.001;
/** A device hears within this time that it is to stand still, in seconds of media. */
const OVERRUN = 0.5;

/** The page hears of the position no more often, in ms. */
const TIME_TOLD = 200;
/** And no less often while it moves (HTML, "time marches on"), in ms. */
const TIME_BEAT = 250;

/** Token of the jump back that the device makes by itself; its own count up from 0. */
const WRAPPED = -1;

/** Where an element is when the device takes it over. */
export interface Handover {
  readonly position: number;
  readonly paused: boolean;
  readonly ended: boolean;
  /** The page was told `playing` already. */
  readonly running: boolean;
  /** It is on its way to the position; the page was told `seeking`. */
  readonly seeking: boolean;
}

export class Playback {
  readonly #effects: Effects;
  readonly #clock = new DeviceClock();
  readonly #pending: Pending[] = [];
  #paused = true;
  #ended = false;
  #told: Told = "idle";
  #device: PlaybackState = "paused";
  #seek: Seek | null = null;
  /** Where a stage that is new goes first, unnoticed: what it says before is no position. */
  #return: Seek | null = null;
  #tokens = 0;
  /** Taken over while it played: until the device plays, too, the page hears nothing. */
  #arriving = false;
  /** The browser has told the page `canplay` for the first time, and not `canplaythrough`. */
  #owesThrough = false;
  /** The page is owed `canplay` after a seek. */
  #owesEnough = false;
  /** When the page last heard of the position; before, when it began to move. */
  #timeTold = 0;
  #played: readonly Span[] = [];
  #playedFrom: number | null = null;

  constructor(effects: Effects) {
    this.#effects = effects;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Whoever begins anew has not ended. */
  get ended(): boolean {
    return this.#ended && !this.#effects.facts().loop;
  }

  /** Whether play() begins anew. */
  get isAtEnd(): boolean {
    return this.#ended || (this.#device === "ended" && !this.#seek);
  }

  get seeking(): boolean {
    return this.#seek !== null;
  }

  /** Whether the position moves. */
  get running(): boolean {
    return this.#told === "playing" && this.#seek === null;
  }

  get motion(): Motion {
    if (this.#paused) return "paused";
    return this.running ? "moving" : "waiting";
  }

  /** Taken over while it played, and the device does not play yet. */
  get arriving(): boolean {
    return this.#arriving;
  }

  get rate(): number {
    return this.#clock.rate;
  }

  position(now: number): number {
    if (this.#seek) return this.#seek.to;
    const at = this.#clock.at(now, this.#limit());
    // Players must not take the gap before the media for a stall.
    return this.#paused ? at : intoSpan(this.#effects.facts().buffered, at);
  }

  #limit(): number {
    const { buffered, duration } = this.#effects.facts();
    const end = endOfSpanAt(buffered, this.#clock.reported) ?? INFINITY;
    // The device says when it has ended, or begun the next round, and that takes a moment. A page
    // that sees it at the end before takes the media for ended: dash.js seeks there, and pauses.
    return isFiniteNumber(duration) ? min(end, duration - BEFORE_END) : end;
  }

  readyState(now: number): number {
    const facts = this.#effects.facts();
    const { readyState, duration } = facts;
    if (readyState < HAVE_METADATA || (this.#seek && !this.#seek.browserThere)) return readyState;
    const at = this.position(now);
    const near = abs(at - facts.position) < NEAR;
    if (this.#told === "waiting" && (this.#device === "stalled" || this.isDry(now))) {
      return near ? min(readyState, HAVE_CURRENT_DATA) : HAVE_CURRENT_DATA;
    }
    if (near && this.#told !== "playing") return readyState;
    if (facts.endOfStream && at >= duration - END) return HAVE_ENOUGH_DATA;
    const end = endOfSpanAt(facts.buffered, at);
    if (end === null) return HAVE_METADATA;
    if (facts.endOfStream && end >= duration - END) return HAVE_ENOUGH_DATA;
    return end - at > NEXT_PICTURE ? HAVE_ENOUGH_DATA : HAVE_CURRENT_DATA;
  }

  /** Whether nothing is buffered to go on with. */
  isDry(now: number): boolean {
    const { buffered, duration, endOfStream } = this.#effects.facts();
    const at = this.position(now);
    if (endOfStream && at >= duration - END) return false;
    return (endOfSpanAt(buffered, at) ?? at) - at <= NEXT_PICTURE;
  }

  played(now: number): readonly Span[] {
    if (this.#playedFrom === null) return this.#played;
    return withSpan(this.#played, { start: this.#playedFrom, end: this.position(now) });
  }

  /** Begins where the browser's element is. Nothing is told to the page. */
  takeOver(from: Handover, pending: readonly Pending[], played: readonly Span[]): void {
    this.#clock.hold(from.position);
    this.#paused = from.paused;
    this.#ended = from.ended;
    this.#told = from.paused ? "idle" : from.running ? "playing" : "waiting";
    this.#device = "paused";
    this.#arriving = this.#told === "playing";
    this.#seek = null;
    if (from.seeking) {
      this.#tokens += 1;
      this.#seek = seekTo(this.#tokens, from.position, false);
    }
    this.#played = withSpans(this.#played, played);
    this.#playedFrom = this.#told === "playing" ? from.position : null;
    for (let at = 0; at < pending.length; at++) push(this.#pending, pending[at] as Pending);
  }

  /** The browser's element plays now; hands over the promises that nobody has settled. */
  handBack(now: number): readonly Pending[] {
    const at = this.position(now);
    this.#notePlayed(at);
    this.#seek = null;
    this.#clock.hold(at);
    return drain(this.#pending);
  }

  /** Metadata is there: the browser says where playback begins. */
  metadata(): void {
    if (!this.#seek) this.#clock.hold(this.#effects.facts().position);
  }

  /** `play()`, after the browser has allowed it; at the end, after a seek to the begin. */
  play(pending: Pending, now: number): void {
    push(this.#pending, pending);
    if (this.#paused) {
      this.#paused = false;
      this.#ended = false;
      this.#effects.fire("play");
      this.#told = "starting";
      if (this.readyState(now) < HAVE_FUTURE_DATA && !this.#seek) {
        this.#told = "waiting";
        this.#effects.fire("waiting");
      }
      this.#effects.send({ type: "play" });
    } else if (this.#told === "playing" && !this.#seek) {
      this.#effects.settle(drain(this.#pending), null);
    }
    this.#advance(now);
  }

  /** The page pauses or seeks: in the browser play() with enough data has played by now. */
  started(now: number): void {
    if (this.#told === "starting" && !this.#seek) this.#goOn(now);
  }

  /** `pause()`, or the element was taken out of its document (`removed`). */
  pause(now: number, removed = false): void {
    if (this.#paused) return;
    this.started(now);
    this.#standStill(now);
    this.#paused = true;
    this.#told = "idle";
    this.#effects.fire("timeupdate");
    this.#effects.fire("pause");
    const why = removed ? BY_REMOVAL : BY_PAUSE;
    this.#effects.settle(drain(this.#pending), why);
    this.#effects.send({ type: "pause" });
  }

  /**
   * A seek of the page or of the browser's own controls to `to`, where the browser's element
   * already goes (`browserSeeks`: it will say when it is there).
   */
  seek(to: number, now: number, browserSeeks: boolean): void {
    this.#standStill(now);
    this.#tokens += 1;
    this.#seek = seekTo(this.#tokens, to, !browserSeeks);
    this.#device = "seeking";
    this.#ended = false;
    this.#owesEnough = false;
    this.#clock.hold(to);
    if (this.#told === "playing") this.#told = "starting";
    this.#effects.send({ type: "seek", to_micros: micros(to), token: this.#tokens });
  }

  /**
   * The browser has enough for the first time and tells the page `canplay`. Whether its
   * `canplaythrough` may follow at once: else it comes after `playing`.
   */
  browserCanPlay(): boolean {
    if (this.#told === "waiting") this.#told = "starting";
    this.#owesThrough = this.#told === "starting";
    return !this.#owesThrough;
  }

  /** Whether `canplaythrough` is still owed; then it no longer is. */
  takeOwedThrough(): boolean {
    const owed = this.#owesThrough;
    this.#owesThrough = false;
    return owed;
  }

  /** The browser has told the page `seeking`. */
  browserSeeking(): void {
    if (this.#seek && !this.#paused && this.#told !== "waiting") {
      this.#told = "waiting";
      this.#effects.fire("waiting");
    }
  }

  browserSeeked(now: number): void {
    if (this.#seek) this.#seek.browserThere = true;
    this.#finishSeek(now);
  }

  deviceSeeked(token: number, now: number): void {
    if (token === this.#tokens) this.#return = null;
    if (this.#seek?.token !== token) return;
    this.#seek.deviceThere = true;
    this.#finishSeek(now);
  }

  /** A report of the device. */
  deviceState(state: PlaybackState, position: number, rate: number, now: number): void {
    const before = this.#clock.reported;
    if (!this.#begins(state, position)) return;
    this.#device = state;
    if (this.#seek?.token === WRAPPED && state !== "seeking" && state !== "stalled") {
      this.#seek.deviceThere = true;
      this.#clock.report(position, this.#paused ? 0 : rate, now);
      this.#finishSeek(now);
      return;
    }
    if (this.#seek) {
      this.#seek.after = { position, rate: this.#paused ? 0 : rate, at: now };
      return;
    }
    const facts = this.#effects.facts();
    if (facts.loop && this.#isNextRound(state, position, now)) {
      this.#wrap(position, now);
      if (state === "playing") this.deviceState(state, position, rate, now);
      return;
    }
    if (state === "ended" && facts.readyState >= HAVE_METADATA) {
      this.#end(facts, now);
      return;
    }
    if (this.#playedFrom === null && !this.#ended) this.#notePlayedOn(before, position);
    if (!this.#ended) this.#clock.report(position, this.#paused ? 0 : rate, now);
    this.#advance(now);
    this.#tellTime(now, TIME_TOLD);
  }

  /** Whether the device has begun anew by itself; of what is short, it has said nothing before. */
  #isNextRound(state: PlaybackState, position: number, now: number): boolean {
    if (this.#told !== "playing" || this.#arriving) return false;
    if (position < this.#clock.reported - WRAP) return true;
    const { duration } = this.#effects.facts();
    const wasNearEnd = this.position(now) > max(duration - WRAP, BEGIN);
    return state === "stalled" && position < BEGIN && wasNearEnd;
  }

  /** Tells the page of the position between two reports; how long until the next time, in ms. */
  beat(now: number): number {
    if (this.#clock.rate !== 0) this.#tellTime(now, TIME_BEAT);
    const left = this.#timeTold + TIME_BEAT - now;
    return left > 0 ? left : TIME_BEAT;
  }

  #tellTime(now: number, least: number): void {
    if (!this.running || now - this.#timeTold < least) return;
    this.#timeTold = now;
    this.#effects.fire("timeupdate");
  }

  /** Media was appended, or the browser's element has more of it. */
  advance(now: number): void {
    this.#advance(now);
  }

  /** A new source: everything starts over. Nothing is told to the page but the promises. */
  reset(): void {
    const hasPlayed = this.#told === "starting" && !this.#seek;
    this.#effects.settle(drain(this.#pending), hasPlayed ? null : BY_LOAD, true);
    this.#clock.hold(0);
    this.#paused = true;
    this.#ended = false;
    this.#told = "idle";
    this.#device = "paused";
    this.#seek = null;
    this.#owesEnough = false;
    this.#owesThrough = false;
    this.#played = [];
    this.#playedFrom = null;
  }

  /** The browser cannot load the media, or no more of it: whoever waits is refused. */
  fail(now: number): void {
    const { readyState } = this.#effects.facts();
    const pending = drain(this.#pending);
    this.#standStill(now);
    if (readyState < HAVE_METADATA) this.#effects.refuse(pending);
    if (!this.#paused) {
      this.#effects.fire("pause");
      this.#effects.send({ type: "pause" });
    }
    this.#paused = true;
    this.#told = "idle";
    if (readyState >= HAVE_METADATA) this.#effects.settle(pending, BY_PAUSE);
  }

  /**
   * What a stage that starts anew must be told, in order: where to go, and whether to play.
   * `fresh`: it has never played this source and begins at 0 by itself.
   */
  deviceReady(fresh: boolean, now: number): void {
    const at = this.position(now);
    this.#return = null;
    if (this.#seek || !fresh || at > 0) {
      this.#tokens += 1;
      const seek = seekTo(this.#tokens, at, this.#seek?.browserThere ?? true);
      // A seek of the page goes on; without one the page must not notice.
      if (this.#seek) this.#seek = seek;
      else this.#return = seek;
      this.#effects.send({ type: "seek", to_micros: micros(at), token: this.#tokens });
    }
    this.#effects.send({ type: this.#paused || this.#ended ? "pause" : "play" });
  }

  #advance(now: number): void {
    if (this.#owesEnough && !this.#seek && this.readyState(now) >= HAVE_FUTURE_DATA) {
      this.#owesEnough = false;
      this.#effects.fire("canplay");
      this.#effects.fire("canplaythrough");
    }
    if (this.#paused || this.#seek || this.#ended) return;
    if (this.#effects.facts().readyState < HAVE_METADATA) return;
    if (this.#device === "playing") {
      this.#arriving = false;
      if (this.#told === "playing") {
        this.#playedFrom ??= this.position(now);
        if (this.#pending.length > 0) this.#effects.settle(drain(this.#pending), null);
        return;
      }
      this.#goOn(now);
    } else if (this.#device === "ended") {
      this.#end(this.#effects.facts(), now);
      return;
    }
    if (this.#device !== "stalled") return;
    // Its first pictures are on their way, unless what was there has been removed meanwhile.
    if (this.#told === "starting" && this.isDry(now)) this.#goOn(now);
    if (this.#told === "playing" && !this.#arriving) {
      // Without data in the browser, too, or the device is behind: either way it stands.
      this.#notePlayed(this.position(now));
      this.#told = "waiting";
      this.#effects.fire("timeupdate");
      this.#effects.fire("waiting");
    }
  }

  /** It plays, for the first time or again. */
  #goOn(now: number): void {
    const waited = this.#told === "waiting";
    this.#told = "playing";
    this.#timeTold = now;
    this.#playedFrom = this.position(now);
    this.#effects.hasData();
    if (waited) this.#effects.fire("canplay");
    this.#effects.fire("playing");
    this.#effects.settle(drain(this.#pending), null);
    if (waited || this.#owesThrough) this.#effects.fire("canplaythrough");
    this.#owesThrough = false;
  }

  /** Whether a report is about the seek under way: the device says first where it goes. */
  #begins(state: PlaybackState, position: number): boolean {
    const seek = this.#seek ?? this.#return;
    if (!seek || seek.token === WRAPPED) return true;
    seek.begun ||= state === "seeking" && abs(position - seek.to) < EXACT;
    return seek.begun;
  }

  #finishSeek(now: number): void {
    const seek = this.#seek;
    if (!seek?.browserThere || !seek.deviceThere) return;
    this.#seek = null;
    if (seek.after) this.#clock.report(seek.after.position, seek.after.rate, seek.after.at);
    this.#effects.fire("timeupdate");
    this.#effects.fire("seeked");
    if (this.#effects.facts().readyState >= HAVE_CURRENT_DATA) this.#effects.hasData();
    this.#owesEnough = this.#paused;
    if (!this.#paused) this.#told = "waiting";
    if (this.#device === "ended" || this.#isEnd(seek.to)) this.#end(this.#effects.facts(), now);
    this.#advance(now);
  }

  /** Whether there is nothing after it: an element that is sent there has ended, also paused. */
  #isEnd(position: number): boolean {
    const { duration, endOfStream, loop } = this.#effects.facts();
    return endOfStream && !loop && position > duration - EXACT;
  }

  #end(facts: Facts, now: number): void {
    if (this.#ended) return;
    const { duration } = facts;
    const at = isFiniteNumber(duration) ? duration : this.position(now);
    // What is too short to be reported while it plays has played nevertheless.
    if (!this.#paused && this.#told !== "playing") this.#goOn(now);
    this.#notePlayed(at);
    this.#clock.hold(at);
    if (facts.loop) {
      if (!this.#paused) this.#again();
      return;
    }
    this.#ended = true;
    this.#told = "idle";
    // Whoever is sent to the end while it is paused has ended without a word.
    if (this.#paused) return;
    this.#paused = true;
    this.#effects.fire("timeupdate");
    this.#effects.fire("pause");
    this.#effects.settle(drain(this.#pending), BY_PAUSE);
    this.#effects.fire("ended");
    // Or it would go on by itself after a seek, or with media that is appended.
    this.#effects.send({ type: "pause" });
  }

  /** The device has begun the next round by itself. */
  #wrap(position: number, now: number): void {
    const { duration } = this.#effects.facts();
    this.#notePlayed(isFiniteNumber(duration) ? duration : this.position(now));
    this.#beginAt(position, WRAPPED);
  }

  /** The device stands at the end, where the page has it begin anew. */
  #again(): void {
    this.#tokens += 1;
    this.#beginAt(0, this.#tokens);
    this.#device = "seeking";
    this.#effects.send({ type: "seek", to_micros: 0, token: this.#tokens });
  }

  /** The browser's element stays where it is: the page hears of a seek of the browser's own. */
  #beginAt(position: number, token: number): void {
    this.#clock.hold(position);
    this.#seek = seekTo(token, position, true);
    this.#told = "waiting";
    this.#effects.fire("seeking");
    this.#effects.fire("waiting");
  }

  #standStill(now: number): void {
    this.#notePlayed(this.position(now));
    if (!this.#seek) this.#clock.stop(now, this.#limit());
  }

  /** The device played on, `from` where the page was told, until it heard that it stands. */
  #notePlayedOn(from: number, to: number): void {
    const end = endOfSpanAt(this.#played, from);
    if (end !== null && end < to && to < from + OVERRUN) {
      this.#played = withSpan(this.#played, { start: end, end: to });
    }
  }

  #notePlayed(until: number): void {
    if (this.#playedFrom === null) return;
    this.#played = withSpan(this.#played, {
      start: this.#playedFrom,
      end: max(until, this.#playedFrom),
    });
    this.#playedFrom = null;
  }
}
