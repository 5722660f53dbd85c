/**
 * `requestVideoFrameCallback`: the browser's while it plays, ours while the device does. Who
 * waits when hands change waits on, and hears of the first picture of the other side.
 */
import type { Control } from "./control.js";
import { native, nativeFrames, nextFrame, now } from "./natives.js";
import { HAVE_CURRENT_DATA } from "./playback.js";
import { apply, INFINITY, SafeMap } from "./primordials.js";

/** Ids of ours; the browser's own count up from 1. */
const FIRST_ID = 1 << 20;

interface AtBrowser {
  readonly id: number;
  readonly callback: VideoFrameRequestCallback;
}

export class FrameCallbacks {
  readonly #control: Control;
  /** By the id that the page has. */
  #waiting = new SafeMap<number, VideoFrameRequestCallback>();
  /** Those of them whose turn it is. */
  #called = new SafeMap<number, VideoFrameRequestCallback>();
  readonly #atBrowser = new SafeMap<number, AtBrowser>();
  #ids = FIRST_ID;
  #scheduled = false;
  /** Media time that was last told of. */
  #last = -INFINITY;
  #lastTime = 0;

  constructor(control: Control) {
    this.#control = control;
  }

  request(callback: VideoFrameRequestCallback): number {
    if (!this.#control.onDevice) return this.#askBrowser(callback, null);
    this.#ids += 1;
    this.#waiting.set(this.#ids, callback);
    this.schedule();
    return this.#ids;
  }

  cancel(id: number): void {
    this.#waiting.delete(id);
    this.#called.delete(id);
    const asked = this.#atBrowser.get(id);
    if (!asked) return;
    this.#atBrowser.delete(id);
    nativeFrames.cancel(this.#video, asked.id);
  }

  /** The device plays: a picture of the parked element is none that the page waits for. */
  takeOver(): void {
    this.#atBrowser.forEach((asked, id) => {
      nativeFrames.cancel(this.#video, asked.id);
      this.#waiting.set(id, asked.callback);
    });
    this.#atBrowser.clear();
  }

  /** The browser plays again: it calls those who wait. */
  handBack(): void {
    this.#take().forEach((callback, id) => {
      this.#askBrowser(callback, id);
    });
  }

  get #video(): HTMLVideoElement {
    return this.#control.element as HTMLVideoElement;
  }

  /** `known`: the id that the page has already. Returns the one it gets. */
  #askBrowser(callback: VideoFrameRequestCallback, known: number | null): number {
    const id = nativeFrames.request(this.#video, (time, metadata) => {
      this.#atBrowser.delete(known ?? id);
      apply(callback, undefined, [time, metadata]);
    });
    this.#atBrowser.set(known ?? id, { id, callback });
    return known ?? id;
  }

  /** Looks for a new picture at the next refresh, while there is somebody to tell. */
  schedule(): void {
    if (this.#scheduled || this.#waiting.size === 0 || !this.#control.playback.running) return;
    this.#scheduled = true;
    nextFrame((time) => {
      this.#scheduled = false;
      if (!this.#control.onDevice) return;
      this.#callOnce(time);
      this.schedule();
    });
  }

  /** The device shows another picture while it stands still. */
  pictureChanged(): void {
    if (this.#waiting.size === 0 || this.#control.playback.running) return;
    nextFrame((time) => this.#callOnce(time));
  }

  /** The next picture is another, also when it has the same place. */
  forget(): void {
    this.#last = -INFINITY;
  }

  #take(): SafeMap<number, VideoFrameRequestCallback> {
    const waiting = this.#waiting;
    this.#waiting = new SafeMap();
    return waiting;
  }

  #callOnce(time: DOMHighResTimeStamp): void {
    const { frames, position } = this.#control;
    const mediaTime = frames.frameAt(position) / frames.rate;
    // Of a rate that was measured anew, the picture may begin before the last one did.
    const back = this.#last - mediaTime;
    if (back < 0 || back > 1 / frames.rate) this.#call(time, mediaTime);
  }

  #call(time: DOMHighResTimeStamp, mediaTime: number): void {
    // Who is called asks for another picture, not for this one once more.
    if (time === this.#lastTime) {
      nextFrame((next) => this.#call(next, mediaTime));
      return;
    }
    const { frames, position, size } = this.#control;
    const video = this.#control.element as HTMLVideoElement;
    const width = size?.width ?? native.videoWidth.get(video);
    // It plays something else by now, or the page has not heard of a picture yet.
    if (width === 0 || this.#control.playback.readyState(now()) < HAVE_CURRENT_DATA) return;
    const metadata: VideoFrameCallbackMetadata = {
      presentationTime: time,
      expectedDisplayTime: time + 1000 / 60,
      width,
      height: size?.height ?? native.videoHeight.get(video),
      mediaTime,
      presentedFrames: frames.tellAt(position),
      processingDuration: 0,
    };
    this.#last = mediaTime;
    this.#lastTime = time;
    this.#called = this.#take();
    this.#called.forEach((callback) => {
      try {
        apply(callback, undefined, [time, metadata]);
      } catch (error) {
        reportError(error);
      }
    });
  }
}

const reportError = self.reportError.bind(self);
