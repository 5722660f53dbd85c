/** `requestVideoFrameCallback` while the device plays. */
import type { Control } from "./control.js";
import { native, nativeFrames, nextFrame } from "./natives.js";
import { apply, SafeMap } from "./primordials.js";

/** Ids of ours; the browser's own count up from 1. */
const FIRST_ID = 1 << 20;

export class FrameCallbacks {
  readonly #control: Control;
  #waiting = new SafeMap<number, VideoFrameRequestCallback>();
  #ids = FIRST_ID;
  #scheduled = false;
  #last = -1;
  /** Ids of ours that the browser has taken over. */
  readonly #handedBack = new SafeMap<number, number>();

  constructor(control: Control) {
    this.#control = control;
  }

  request(callback: VideoFrameRequestCallback): number {
    this.#ids += 1;
    this.#waiting.set(this.#ids, callback);
    this.schedule();
    return this.#ids;
  }

  /** Whether `id` was ours. */
  cancel(id: number): boolean {
    const nativeId = this.#handedBack.get(id);
    if (nativeId !== undefined) {
      this.#handedBack.delete(id);
      nativeFrames.cancel(this.#control.element as HTMLVideoElement, nativeId);
    }
    return this.#waiting.delete(id) || nativeId !== undefined;
  }

  /** Looks for a new picture at the next refresh, while there is somebody to tell. */
  schedule(): void {
    if (this.#scheduled || this.#waiting.size === 0 || !this.#control.playback.running) return;
    this.#scheduled = true;
    nextFrame((time) => {
      this.#scheduled = false;
      if (!this.#control.onDevice) return;
      const frame = this.#control.frames.frameAt(this.#control.position);
      if (frame !== this.#last) this.#call(time, frame);
      this.schedule();
    });
  }

  /** The device shows another picture while it stands still. */
  pictureChanged(): void {
    if (this.#waiting.size === 0 || this.#control.playback.running) return;
    nextFrame((time) => this.#call(time, this.#control.frames.frameAt(this.#control.position)));
  }

  /** The browser plays again: it calls those who wait. */
  handBack(): void {
    const waiting = this.#take();
    waiting.forEach((callback, id) => {
      const video = this.#control.element as HTMLVideoElement;
      this.#handedBack.set(id, nativeFrames.request(video, callback));
    });
  }

  #take(): SafeMap<number, VideoFrameRequestCallback> {
    const waiting = this.#waiting;
    this.#waiting = new SafeMap();
    return waiting;
  }

  #call(time: DOMHighResTimeStamp, frame: number): void {
    const { frames, size } = this.#control;
    const video = this.#control.element as HTMLVideoElement;
    const metadata: VideoFrameCallbackMetadata = {
      presentationTime: time,
      expectedDisplayTime: time + 1000 / 60,
      width: size?.width ?? native.videoWidth.get(video),
      height: size?.height ?? native.videoHeight.get(video),
      mediaTime: frame / frames.rate,
      presentedFrames: frames.presentedAt(this.#control.position),
      processingDuration: 0,
    };
    this.#last = frame;
    this.#take().forEach((callback) => {
      try {
        apply(callback, undefined, [time, metadata]);
      } catch (error) {
        reportError(error);
      }
    });
  }
}

const reportError = self.reportError.bind(self);
