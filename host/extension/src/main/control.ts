/**
 * One media element: who plays it, and how it changes hands.
 *
 * ```text
 *            source        config: a device           page_ready
 *   nothing ───────▶ waiting ───────────▶ device ◀──────────────┐
 *      ▲                │ no device          │ capture, failure, │
 *      └── source gone  └──────────▶ native ◀┘ device gone ──────┘ (media kept)
 * ```
 * Owner: the registry (elements.ts), weakly by element; strongly while the device plays it.
 *
 * INVARIANT: the element plays somewhere. Only in mode `device` is the browser's own element
 * held paused, and each way out of that mode starts it again where the device was.
 */
import type { PlayerCommand, PlayerEvent, Reason, Source } from "../generated/messages.js";
import { Activity } from "./activity.js";
import { letGo } from "./at_rest.js";
import { Attachment } from "./attachment.js";
import { Autoplay } from "./autoplay.js";
import { Bar, type Lasts } from "./bar.js";
import { Captions } from "./captions.js";
import { CueClock } from "./cues.js";
import { Events } from "./events.js";
import { bufferedOf, factsOf, goesElsewhere, handoverOf, isAt, isSeen } from "./facts.js";
import { FrameCallbacks } from "./frame_callbacks.js";
import { FramePacer } from "./frames.js";
import type { Link, PlayerSink } from "./link.js";
import { later, native, now, spansOf, timers } from "./natives.js";
import { OPENING, Patience } from "./patience.js";
import { Permission } from "./permission.js";
import { END, Playback } from "./playback.js";
import { Preload } from "./preload.js";
import { Promises } from "./promises.js";
import { microsOrNull, type Span } from "./ranges.js";
import { reasons } from "./reasons.js";
import { Reported } from "./reported.js";
import { beginAgain, restart } from "./restart.js";
import { makeRoom } from "./room.js";
import { resized, type Size } from "./size.js";
import type { Owner, SourceRecord } from "./source_record.js";
import { chooses, type Found, findSource } from "./sources.js";
import { StageVoice } from "./stage_voice.js";
import { steer } from "./steer.js";
import { waitsForStage } from "./stranded.js";
import { queueTask } from "./tasks.js";
import { sourceOf } from "./tee.js";
import { Told } from "./told.js";

export type Mode = "nothing" | "waiting" | "device" | "native";

export class Control implements PlayerSink, Owner {
  readonly playback: Playback;
  readonly frames = new FramePacer();
  readonly callbacks: FrameCallbacks;
  readonly cues: CueClock;
  readonly events: Events;
  readonly fire = (type: string): void => this.events.fire(type);
  readonly promises = new Promises();
  readonly preload: Preload;
  readonly permission: Permission;
  readonly voice: StageVoice;
  readonly told = new Told();
  readonly autoplay = new Autoplay();
  readonly barred = new Bar(timers, () => this.browserMoved());
  mode: Mode = "nothing";
  /** That the device shows, in pixels. */
  size: Size | null = null;
  /** Holds the element, and watches for its removal, while the device plays it. */
  onPlaying: (control: Control, playing: boolean) => void = () => {};
  readonly #link: Link;
  #key: string | object = "";
  #attachment: Attachment | null = null;
  #source: SourceRecord | null = null;
  readonly #isPaused = () => native.paused.get(this.element);
  readonly #patience = new Patience();
  readonly #activity: Activity;
  readonly #silent = () => this.#standsStill(false);
  readonly #reported: Reported;

  constructor(
    link: Link,
    readonly element: HTMLMediaElement,
    readonly isVideo: boolean,
  ) {
    this.#link = link;
    this.#activity = new Activity(this, link);
    this.#reported = new Reported(link, element);
    this.events = new Events(element);
    this.playback = new Playback({
      facts: () => factsOf(element, this.told, this.buffered(), this.#source?.ended ?? true),
      fire: this.fire,
      send: (command) => this.send(command),
      hasData: () => this.told.hasNewData() && this.fire("loadeddata"),
      settle: (pending, failure, atOnce) => this.promises.settle(pending, failure, atOnce),
      refuse: (pending) => this.promises.refuse(pending),
    });
    this.preload = new Preload(element);
    this.permission = new Permission(element, isVideo, this.promises);
    this.voice = new StageVoice(element, (command) => this.send(command));
    this.callbacks = new FrameCallbacks(this);
    this.cues = new CueClock(element, () => this.pause(), new Captions(this, link));
    this.cues.onDue = () => this.changed();
  }

  /** Nothing is known of what it plays. */
  get rests(): boolean {
    return this.#key === "" && this.#reported.id === 0 && this.barred.reason === null;
  }

  get onDevice(): boolean {
    return this.mode === "device";
  }

  get isFile(): boolean {
    return this.#attachment?.source.type === "url";
  }

  get playerId(): number {
    return this.#attachment?.id ?? 0;
  }

  get position(): number {
    return this.playback.position(now());
  }

  // --- what the page does -------------------------------------------------------------

  /** Looks again at what the element plays. `anew`: it loads again, whatever the source. */
  sync(anew = false): void {
    const found = findSource(this.element);
    // The same address, set again as an attribute.
    const again = this.told.loaded && native.readyState.get(this.element) === 0;
    if (!anew && !again && found.key === this.#key) return;
    const was = this.#key;
    this.#key = found.key;
    const isNext = was !== "" && found.kind !== "nothing" && chooses(this.element);
    if (!anew && !again && isNext) return this.#goOn(found);
    // Known before its `loadstart`, which is on its way.
    if (!anew) this.told.started = false;
    // The browser has nothing to say where its own element has not moved.
    const resets = this.onDevice && this.told.loaded && this.position > 0;
    // What the page has asked for since it began to load goes on.
    if (anew || again || was !== "") this.#detach();
    this.told.resets = resets;
    if (resets) this.fire("timeupdate");
    this.told.data(native.readyState.get(this.element));
    this.told.runs = isSeen(this.element);
    this.#attach(found);
  }

  /** The browser tries the next of several sources, as it has begun: playing, or not. */
  #goOn(found: Found): void {
    const { onDevice, playback, told } = this;
    const plays = onDevice && !playback.paused;
    const pending = plays ? playback.handBack(now()) : [];
    const stays = this.mode === "native" && !native.paused.get(this.element);
    this.#release();
    if (onDevice) playback.reset();
    if (plays) {
      told.play = true;
      this.promises.moveBack(pending, this.permission.startQuietly());
    }
    this.#attach(found, stays);
  }

  play(): Promise<void> {
    this.sync();
    this.autoplay.cancel();
    if (this.told.changingHands) this.told.changingHands = false;
    if (this.mode === "nothing") this.#wake();
    if (!this.onDevice) {
      const answer = this.told.calls(this.#isPaused, () => native.play(this.element));
      return this.promises.track(answer, this.mode === "waiting" || this.#key === "");
    }
    if (this.playback.paused) {
      const refusal = this.permission.refusal(this.told.severed);
      if (refusal) return refusal;
    }
    if (this.playback.isAtEnd) beginAgain(this);
    return this.promises.make((pending) => {
      this.playback.play(pending, now());
      this.changed();
    });
  }

  /** `pause()`, or the element was taken out of its document (`removed`). */
  pause(removed = false): void {
    this.autoplay.cancel();
    if (!this.onDevice) {
      this.told.changingHands = false;
      this.told.calls(this.#isPaused, () => native.pause(this.element));
      return;
    }
    // An element that has not loaded begins to by `pause()`.
    if (native.networkState.get(this.element) === 0) native.pause(this.element);
    this.playback.pause(now(), removed);
    this.changed();
  }

  /** `currentTime = to`. Throws what the browser throws. */
  seek(to: number): void {
    native.currentTime.set(this.element, to);
    this.told.changingHands = false;
    if (!goesElsewhere(this.element, this.told)) return this.playback.browserSeeked(now());
    if (!this.onDevice) return;
    this.playback.started(now());
    this.events.seeks();
    this.browserSeeks();
  }

  /** The browser's element goes somewhere by itself or for the page: so does the device. */
  browserSeeks(): void {
    const to = native.currentTime.get(this.element);
    if (this.#source?.misses(to)) return this.#leave(reasons.notKept(), true);
    if (this.playback.running) this.frames.stop(this.position);
    this.playback.seek(to, now(), true);
    if (this.told.severed) this.playback.browserSeeked(now());
    this.frames.interrupt(to);
    this.callbacks.forget();
    this.told.seeks();
    this.changed();
  }

  rateChanged(): void {
    if (!this.voice.keepsUp) return this.#leave(reasons.rate());
    if (this.onDevice) this.voice.rate();
    else if (this.mode === "waiting") this.engage();
    else this.browserMoved();
  }

  durationChanged(): void {
    const { element } = this;
    const duration = native.duration.get(element);
    this.#attachment?.duration(microsOrNull(duration));
    if (!this.told.loaded || !this.onDevice || !(duration < this.position - END)) return;
    if (native.seeking.get(element) && !this.told.makingRoom) this.browserSeeks();
    else this.seek(duration);
  }

  // --- changing hands -----------------------------------------------------------------

  /** It plays in the session: see bar.ts. Whether that is new. */
  bar(reason: Reason, lasts: Lasts): boolean {
    if (!this.barred.set(reason, lasts)) return false;
    this.#leave(reason);
    if (!this.barred.passes) this.#attachment?.lose(reason);
    this.changed();
    return true;
  }

  /** It is shown in its page again. */
  shownInPage(): void {
    this.barred.shownInPage();
    this.browserMoved();
  }

  /** This source plays in the session for good. */
  giveUp(reason: Reason): void {
    const attachment = this.#attachment;
    if (attachment && !attachment.listens) return;
    this.#leave(reason);
    attachment?.lose(reason);
  }

  /** `sought`: the browser's element is sent elsewhere, and says so to the page. */
  #leave(reason: Reason, sought = false): void {
    const attachment = this.#attachment;
    if (this.mode === "waiting") this.mode = "native";
    if (attachment) this.#reported.plays("native", reason);
    if (!this.onDevice) return;
    const { element, playback, position: at } = this;
    const plays = !playback.paused && !playback.ended;
    const { running, seeking } = playback;
    this.send({ type: "pause" });
    const pending = playback.handBack(now());
    this.mode = "native";
    this.told.play = plays;
    if (this.told.severed) this.fire("error");
    this.told.severed = false;
    this.#stopWatching();
    this.preload.restore();
    const there = sought || isAt(element, at);
    this.told.handsBack(running, playback.ended, !sought && (plays || !there));
    if (!there && native.readyState.get(element) > 0) native.currentTime.set(element, at);
    this.told.owesSeeked = seeking && !sought && native.seeking.get(element);
    if (seeking && !sought && !this.told.owesSeeked) {
      this.fire("timeupdate");
      this.fire("seeked");
    }
    if (plays) {
      const started = sought ? this.permission.startQuietly() : native.play(element);
      this.promises.adopt(pending, started);
      // The browser may not let it, or cannot: the page takes it for playing.
      if (native.paused.get(element)) queueTask(() => this.fire("pause"));
    }
    this.callbacks.handBack();
  }

  /** The device takes over, from where the browser's element is. */
  #engage(): void {
    const attachment = this.#attachment;
    if (!this.#link.on || !attachment?.may(this.#isPaused())) return;
    if (this.barred.reason || this.onDevice) return;
    // The browser's element comes first to where the device was: its next word says so.
    if (!this.#patience.trusts || !this.voice.keepsUp || this.told.changingHands) return;
    const { element } = this;
    if (this.#source?.covers(native.currentTime.get(element)) === false) return;
    // What is seen already goes on until the stage can take it over.
    if (isSeen(element) && !this.#link.ready) return;
    if (this.told.defers(native.paused.get(element), native.ended.get(element))) return;
    const handover = handoverOf(element, this.told.runs);
    // One that is paused has refused them by now.
    const pending = handover.paused ? [] : this.promises.takeWaiting();
    this.told.changesHands();
    this.mode = "device";
    this.told.changingHands = false;
    this.told.owed = handover.paused || this.told.play ? "nothing" : "play";
    this.told.play = false;
    this.permission.pauseQuietly();
    if (this.isFile) this.preload.limit();
    this.playback.takeOver(handover, pending, spansOf(native.played.get(element)));
    this.callbacks.takeOver();
    this.frames.interrupt(handover.position);
    this.#begin(attachment);
    this.changed();
    this.autoplay.try(this);
  }

  /** The device is told of it, at once or when it can be. */
  #begin(attachment: Attachment): void {
    attachment.comeBack();
    this.#link.watch(attachment.id, this.element);
    this.#reported.plays("device", null);
    if (this.#link.ready) this.#tellStage();
    else this.#patience.forStage(() => this.stageGone(reasons.deviceSilent(), true));
  }

  /** All that a stage must know beside the media. */
  #tellStage(): void {
    const attachment = this.#attachment;
    if (!attachment?.open) return;
    this.voice.all();
    this.cues.forget();
    if (this.told.loaded) this.durationChanged();
    this.playback.deviceReady(attachment.fresh, now());
    attachment.fresh = false;
    this.cuesChanged();
  }

  // --- what the link says -------------------------------------------------------------

  linkChanged(): void {
    const attachment = this.#attachment;
    if (!attachment) return;
    attachment.settle();
    if (this.#link.on && attachment.away) this.#startAnew();
    else if (this.#link.on) {
      this.#source?.check();
      // One that the browser plays meanwhile comes back when the stage is ready.
      if (this.mode === "waiting" || attachment.fresh) this.#engage();
    } else if (this.#link.off && !this.onDevice) {
      this.mode = "native";
      this.preload.restore();
      // One that the device cannot play has its own reason, whether there is a device or not.
      this.#reported.plays("native", attachment.refused ?? this.#link.refusal);
    }
  }

  /** A device that has nothing of the source: it joins in at what the page appends next. */
  #startAnew(): void {
    const { source } = this.#attachment ?? {};
    if (!source || this.barred.reason) return;
    this.#reported.gone();
    this.#attachment?.close();
    const attachment = this.#meet(source);
    attachment.settle();
    this.#source?.startAnew(attachment);
    this.#engage();
    if (this.onDevice || !attachment.listens) return;
    this.mode = "native";
    this.#reported.plays("native", reasons.notKept());
  }

  stageReady(): void {
    this.#patience.stageAnswered();
    if (this.onDevice) this.#tellStage();
    else this.#engage();
  }

  stageGone(reason: Reason, kept: boolean): void {
    this.#patience.stageAnswered();
    const leave = () => this.#leave(reason);
    if (this.onDevice && !waitsForStage(this, this.#link, this.#patience, leave)) leave();
    this.#attachment?.stageGone(kept);
  }

  playerEvent(event: PlayerEvent): void {
    switch (event.type) {
      case "failed":
        return this.giveUp(event.reason);
      case "warning":
        return;
      case "quality":
        this.frames.count(event.presented, event.dropped, event.corrupted, this.position);
        return;
    }
    if (!this.onDevice) {
      if (event.type === "state" && this.#patience.heard(event.state)) this.browserMoved();
      return;
    }
    switch (event.type) {
      case "resized":
        return resized(this, event);
      case "state": {
        const { state, position_micros, rate } = event;
        this.voice.loop();
        if (state === "playing") this.#patience.forWord(this.#silent);
        // That it stands still is no answer to having been told to play.
        else if (state !== "paused" || this.playback.paused) this.#patience.noWord();
        this.playback.deviceState(state, position_micros / 1e6, rate, now());
        if (this.#source?.misses(this.position)) return this.#leave(reasons.notKept());
        break;
      }
      case "seeked":
        this.playback.deviceSeeked(event.token, now());
        this.callbacks.pictureChanged();
        break;
      case "first_frame":
        this.callbacks.pictureChanged();
        break;
    }
    this.changed();
  }

  readonly letGo = (): void => letGo(this, this.#link, this.#attachment);

  readonly steer = (command: PlayerCommand): void => steer(this, command);

  // --- what the browser's element says ------------------------------------------------

  /** The browser's element, while it plays, is elsewhere or has more. */
  browserMoved(): void {
    if (this.mode === "native" && this.#link.ready) this.#engage();
  }

  /** The browser has more or less media, or more of it is known. */
  buffersChanged(): void {
    this.browserMoved();
    if (!this.onDevice) return;
    this.playback.advance(now());
    this.autoplay.try(this);
  }

  /** The page hears from the browser how it stands: the device may wait for that. */
  browserTold(): void {
    if (this.told.takeDeferred()) queueTask(() => this.#engage());
  }

  /** The browser cannot play it, and has told so: what it may not load the device does not show. */
  failed(): void {
    this.playback.fail(now());
    this.changed();
    if (native.readyState.get(this.element) === 0) this.#release();
  }

  readonly makeRoom = (): boolean => this.#source !== null && makeRoom(this, this.#source);

  send(command: PlayerCommand): void {
    if (command.type === "seek") this.cues.forget();
    const moves = command.type === "play" || command.type === "seek";
    if (this.onDevice && moves && this.#attachment?.resting) return this.#begin(this.#attachment);
    if (!this.onDevice || !this.#link.ready) return;
    this.#attachment?.command(command);
    if (moves) this.#patience.forWord(this.#silent);
  }

  /** After everything that may have moved or stopped the position. */
  changed(): void {
    const playing = this.onDevice && !this.playback.paused;
    const running = this.onDevice && this.playback.running;
    this.#activity.changed();
    if (!playing && !(this.onDevice && this.playback.seeking)) this.#patience.noWord();
    if (!playing || (running && !this.playback.arriving)) this.#patience.pictureShown();
    else this.#patience.forPicture(this.isFile, this.#activity.hasPlayed, () => this.#noPicture());
    if (!this.onDevice) return;
    this.cuesChanged();
    this.callbacks.schedule();
  }

  /** Another cue may be active, or painted. */
  cuesChanged(): void {
    if (!this.onDevice) return;
    const { paused, seeking } = this.playback;
    if (!paused || seeking || this.position > 0) this.told.poster = false;
    if (this.told.poster || seeking) return;
    this.cues.update(this.position, this.playback.running ? this.playback.rate : 0);
  }

  /** A device that takes a source and never shows it must not keep the page from it. */
  #noPicture(): void {
    if (!this.onDevice) return;
    if (this.#activity.hasPlayed && !this.playback.isDry(now())) this.#standsStill(true);
    else if (!this.#activity.hasPlayed && native.readyState.get(this.element) >= 2)
      this.giveUp(reasons.deviceSilent());
    else this.changed();
  }

  /** The browser plays until the device is trusted again. */
  #standsStill(hears: boolean): void {
    this.#leave(reasons.deviceSilent());
    this.#patience.distrust(hears);
  }

  /** `stays`: the browser plays it until it has told so. */
  #attach(found: Found, stays = false): void {
    if (found.kind === "nothing" || found.kind === "local") {
      if (found.kind === "local" && found.reason) this.#reported.local(found.reason);
      return;
    }
    if (found.kind === "url" && this.preload.isNone) return;
    this.#link.wake();
    this.barred.renew();
    const { reason, passes } = this.barred;
    if (reason && !passes) return this.#reported.local(reason);
    if (found.kind === "mse") {
      const source = sourceOf(this.#link, found.mediaSource);
      source.owner = this;
      source.attachment = this.#meet({ type: "mse" });
      this.#source = source;
    } else {
      this.#meet({ type: "url", url: found.url });
    }
    this.mode = this.#link.off || stays || reason ? "native" : "waiting";
    if (this.#link.off || reason) this.#reported.plays("native", this.#link.refusal ?? reason);
    else if (this.isFile && !stays) this.preload.limit();
    // The page's player has enough to do until its source is open, and nothing plays before.
    const opens = this.#source?.streams.length === 0 && native.readyState.get(this.element) === 0;
    if (opens && !this.#link.off) later(() => this.engage(), OPENING);
    else this.engage();
  }

  #meet(source: Source): Attachment {
    const kind = this.isVideo ? "video" : "audio";
    this.#attachment = new Attachment(this.#link, this, kind, source);
    this.#reported.id = this.#attachment.id;
    return this.#attachment;
  }

  /** The source is about to get its media, or had time enough to open. */
  engage(): void {
    this.#attachment?.settle();
    if (this.mode === "waiting") this.#engage();
  }

  /** The page plays a file that it did not want to be loaded before. */
  #wake(): void {
    const found = findSource(this.element);
    if (this.#attachment || found.kind !== "url" || !this.preload.isNone) return;
    this.barred.renew();
    if (this.barred.reason) return;
    this.preload.wake();
    this.#key = found.key;
    this.told.data(native.readyState.get(this.element));
    this.#attach(found);
  }

  #detach(): void {
    this.#release();
    this.playback.reset();
    restart(this);
    this.changed();
  }

  #release(): void {
    this.#patience.stageAnswered();
    const { onDevice } = this;
    this.mode = "nothing";
    if (onDevice) this.#stopWatching();
    this.preload.restore();
    this.#reported.gone();
    this.#attachment?.close();
    if (this.#source?.owner === this) this.#source.owner = null;
    this.#attachment = null;
    this.#source = null;
    this.#activity.forget();
    this.callbacks.forget();
    this.size = null;
  }

  #stopWatching(): void {
    this.cues.stop();
    this.#link.unwatch(this.playerId);
    this.changed();
  }

  buffered(): readonly Span[] {
    return bufferedOf(this.element, this.isFile, this.told.loaded);
  }
}
