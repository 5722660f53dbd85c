/**
 * The attributes and methods of media elements that say how playback stands. For elements
 * that the device plays they answer from its clock; all others reach the browser untouched.
 */

import type { Control } from "./control.js";
import { listensTo } from "./cues.js";
import { call, wrapConstructor, wrapGetter, wrapMethod, wrapSetter } from "./disguise.js";
import type { Elements } from "./elements.js";
import { makeQuality, makeTimeRanges } from "./imposters.js";
import { NativeMediaElement, native, now, spansOf } from "./natives.js";
import { isInstance } from "./primordials.js";
import { withSpans } from "./ranges.js";

const ELEMENT = HTMLMediaElement.prototype;
const VIDEO = HTMLVideoElement.prototype;

export function installSurface(elements: Elements): void {
  const answer = (owner: object, name: string, value: (control: Control) => unknown) =>
    wrapGetter(owner, name, (original, self) => {
      const control = elements.onDevice(self);
      return control ? value(control) : call(original, self, []);
    });

  answer(ELEMENT, "paused", ({ playback }) => playback.paused);
  answer(ELEMENT, "ended", ({ playback }) => playback.ended);
  answer(ELEMENT, "currentTime", (control) =>
    control.told.loaded ? control.position : native.currentTime.get(control.element),
  );
  answer(ELEMENT, "error", ({ told, element }) =>
    told.severed ? null : native.error.get(element),
  );
  wrapGetter(ELEMENT, "played", (original, self) => {
    const control = elements.onDevice(self) ?? elements.known(self);
    const played = control?.playback.played(now()) ?? [];
    if (control?.onDevice) return makeTimeRanges(played);
    // Of what the device has played the browser, which plays since, knows nothing.
    const own = call(original, self, []) as TimeRanges;
    return played.length === 0 ? own : makeTimeRanges(withSpans(played, spansOf(own)));
  });
  wrapGetter(ELEMENT, "seeking", (original, self) => {
    const control = elements.known(self);
    if (control?.told.changingHands) return control.told.owesSeeked;
    return elements.onDevice(self)?.playback.seeking ?? call(original, self, []);
  });
  wrapGetter(ELEMENT, "readyState", (original, self) => {
    const state = call(original, self, []) as number;
    const control = elements.known(self);
    if (control?.told.changingHands && state > 0) return 4;
    return elements.onDevice(self)?.playback.readyState(now()) ?? state;
  });
  wrapGetter(ELEMENT, "buffered", (original, self) => {
    const control = elements.onDevice(self);
    return control?.isFile ? makeTimeRanges(control.buffered()) : call(original, self, []);
  });
  wrapGetter(
    ELEMENT,
    "preload",
    (original, self) => elements.known(self)?.preload.believed ?? call(original, self, []),
  );
  wrapSetter(ELEMENT, "preload", (original, self, value) => {
    call(original, self, [value]);
    elements.known(self)?.preload.changed();
  });
  wrapSetter(ELEMENT, "currentTime", (original, self, value) => {
    const control = elements.onDevice(self) ?? elements.known(self);
    if (control) control.seek(value as number);
    else call(original, self, [value]);
  });

  wrapSetter(ELEMENT, "loop", (original, self, value) => {
    call(original, self, [value]);
    elements.onDevice(self)?.voice.loop();
  });

  const act = (
    owner: object,
    name: string,
    run: (control: Control, args: ArrayLike<unknown>) => unknown,
  ) =>
    wrapMethod(owner, name, (original, self, args) => {
      const control = elements.onDevice(self);
      return control ? run(control, args) : call(original, self, args);
    });
  wrapMethod(
    ELEMENT,
    "play",
    (original, self) => elements.touch(self)?.play() ?? call(original, self, []),
  );
  wrapMethod(ELEMENT, "pause", (original, self) => {
    const control = elements.touch(self);
    return control ? control.pause() : call(original, self, []);
  });
  act(ELEMENT, "fastSeek", (control, args) => control.seek(args[0] as number));

  videoSurface(elements, answer, act);
  sources(elements);
}

type Answer = (owner: object, name: string, value: (control: Control) => unknown) => void;
type Act = (
  owner: object,
  name: string,
  run: (control: Control, args: ArrayLike<unknown>) => unknown,
) => void;

function videoSurface(elements: Elements, answer: Answer, act: Act): void {
  for (const [name, side] of [
    ["videoWidth", "width"],
    ["videoHeight", "height"],
  ] as const) {
    wrapGetter(VIDEO, name, (original, self) => {
      const control = elements.onDevice(self);
      const size = control?.told.loaded ? control.size : null;
      return size?.[side] ?? call(original, self, []);
    });
  }
  answer(VIDEO, "webkitDecodedFrameCount", ({ frames, position }) => frames.totalAt(position));
  answer(VIDEO, "webkitDroppedFrameCount", ({ frames }) => frames.dropped);
  act(VIDEO, "getVideoPlaybackQuality", ({ frames, position }) =>
    makeQuality({
      creationTime: now(),
      totalVideoFrames: frames.totalAt(position),
      droppedVideoFrames: frames.dropped,
      corruptedVideoFrames: frames.corrupted,
    }),
  );
  wrapMethod(VIDEO, "requestVideoFrameCallback", (original, self, args) => {
    const control = elements.touch(self);
    const callback = args[0];
    if (!control || typeof callback !== "function") return call(original, self, args);
    return control.callbacks.request(callback as VideoFrameRequestCallback);
  });
  wrapMethod(VIDEO, "cancelVideoFrameCallback", (original, self, args) => {
    elements.known(self)?.callbacks.cancel(args[0] as number);
    return call(original, self, args);
  });
}

/** Where elements get their media, and how they come to our notice before they play. */
function sources(elements: Elements): void {
  for (const name of ["src", "srcObject"] as const) {
    wrapSetter(ELEMENT, name, (original, self, value) => {
      call(original, self, [value]);
      const control = elements.known(self);
      if (control) elements.loads(control);
      else elements.touch(self);
    });
  }
  wrapMethod(ELEMENT, "load", (original, self, args) => {
    call(original, self, args);
    const control = elements.known(self);
    if (control) elements.loads(control);
    else elements.touch(self);
  });
  wrapSetter(ELEMENT, "preservesPitch", (original, self, value) => {
    call(original, self, [value]);
    elements.onDevice(self)?.rateChanged();
  });
  wrapMethod(EventTarget.prototype, "addEventListener", (original, self, args) => {
    elements.listens(self, args[0]);
    if (isInstance(NativeMediaElement, self)) elements.touch(self);
    else listensTo(self);
    return call(original, self, args);
  });
  wrapMethod(Element.prototype, "attachShadow", (original, self, args) => {
    const root = call(original, self, args) as ShadowRoot;
    elements.listenAt(root);
    return root;
  });
  wrapConstructor(window, "Audio", (_args, make) => {
    const audio = make();
    elements.touch(audio);
    return audio;
  });
}
