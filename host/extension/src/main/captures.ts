/**
 * What reads a media element's pixels, samples or keys: then it must play in the session before
 * the page reads, until nobody has read for a while, or, if it is read on, until it plays
 * something else (bar.ts).
 */

import type { Reason } from "../generated/messages.js";
import type { Lasts } from "./bar.js";
import { catchUp } from "./catch_up.js";
import { call, wrapConstructor, wrapMethod } from "./disguise.js";
import type { Elements } from "./elements.js";
import { NativeMediaElement } from "./natives.js";
import {
  accessor,
  isInstance,
  NativePromise,
  NativeWeakRef,
  promiseThen,
  weakDeref,
} from "./primordials.js";
import { reasons } from "./reasons.js";

type Owner = { readonly prototype: object } | undefined;

export function installCaptures(elements: Elements): void {
  const bar = (element: HTMLMediaElement, reason: Reason, lasts: Lasts) => {
    const control = elements.touch(element);
    const wasOnDevice = control?.onDevice;
    if (control?.bar(reason, lasts) && wasOnDevice && lasts === "moment") catchUp(element);
  };
  const barAll = (args: ArrayLike<unknown>, reason: () => Reason, lasts: Lasts = "moment") => {
    for (let at = 0; at < args.length; at++) {
      const element = args[at];
      if (isMedia(element)) bar(element, reason(), lasts);
    }
  };
  /** The element is a member of an options object; reading it twice is what the page sees. */
  const barSource = (options: unknown, member: string, lasts: Lasts = "moment"): void => {
    if (typeof options !== "object" || options === null) return;
    const value: unknown = (options as Record<string, unknown>)[member];
    if (!isMedia(value)) return;
    bar(value, reasons.capture(member === "source" ? "WebGPU" : "Web Audio"), lasts);
  };
  /** The element is an argument. */
  const reads = (
    owner: object | undefined,
    name: string,
    what: string,
    lasts: Lasts = "moment",
  ) => {
    if (!owner) return;
    wrapMethod(owner, name, (original, self, args) => {
      barAll(args, () => reasons.capture(what), lasts);
      return call(original, self, args);
    });
  };
  const optional = (name: string) => (window as unknown as Record<string, Owner>)[name]?.prototype;
  reads(optional("CanvasRenderingContext2D"), "drawImage", "canvas");
  reads(optional("OffscreenCanvasRenderingContext2D"), "drawImage", "canvas");
  reads(optional("CanvasRenderingContext2D"), "createPattern", "canvas");
  reads(optional("OffscreenCanvasRenderingContext2D"), "createPattern", "canvas");
  for (const context of ["WebGLRenderingContext", "WebGL2RenderingContext"]) {
    for (const name of ["texImage2D", "texSubImage2D", "texImage3D", "texSubImage3D"]) {
      reads(optional(context), name, "WebGL");
    }
  }
  reads(window, "createImageBitmap", "ImageBitmap");
  reads(optional("BaseAudioContext"), "createMediaElementSource", "Web Audio", NEVER);
  reads(optional("AudioContext"), "createMediaElementSource", "Web Audio", NEVER);
  wrapMethod(optional("GPUDevice") ?? {}, "importExternalTexture", (original, self, args) => {
    barSource(args[0], "source");
    return call(original, self, args);
  });
  wrapMethod(optional("GPUQueue") ?? {}, "copyExternalImageToTexture", (original, self, args) => {
    barSource(args[0], "source");
    return call(original, self, args);
  });

  const constructs = (name: string, what: string) =>
    wrapConstructor(window, name, (args, make) => {
      barAll(args, () => reasons.capture(what));
      return make();
    });
  constructs("VideoFrame", "VideoFrame");
  wrapConstructor(window, "MediaElementAudioSourceNode", (args, make) => {
    barSource(args[1], "mediaElement", NEVER);
    return make();
  });

  const media = HTMLMediaElement.prototype;
  wrapMethod(media, "captureStream", (original, self, args) => {
    let stream: WeakRef<MediaStream> | null = null;
    elements.touch(self)?.bar(reasons.capture("captureStream"), () => !isActive(stream));
    const made = call(original, self, args) as MediaStream;
    stream = new NativeWeakRef(made);
    return made;
  });
  wrapMethod(media, "setMediaKeys", (original, self, args) => {
    // Players take the keys away from elements that never had any.
    if (args[0] !== null && args[0] !== undefined) {
      const hasNone = () => mediaKeys.get(self as HTMLMediaElement) === null;
      elements.touch(self)?.bar(reasons.protectedContent(), hasNone);
    }
    return call(original, self, args);
  });
  // What plays goes there by a move, which the browser survives and a parked element does not:
  // it would have to begin to play where nobody has clicked.
  wrapMethod(
    optional("DocumentPictureInPicture") ?? {},
    "requestWindow",
    (original, self, args) => {
      elements.barPlaying(reasons.pictureInPicture());
      return call(original, self, args);
    },
  );
  wrapMethod(HTMLVideoElement.prototype, "requestPictureInPicture", (original, self, args) => {
    const control = elements.touch(self);
    const isNews = control?.bar(reasons.pictureInPicture(), "shown");
    const answer = call(original, self, args) as Promise<unknown>;
    if (!isNews) return answer;
    return new NativePromise((resolve, reject) => {
      void promiseThen(answer, resolve, (refusal) => {
        control?.shownInPage();
        reject(refusal);
      });
    });
  });
}

/** The element belongs to the audio graph for good. */
const NEVER = () => false;
const mediaKeys = accessor(HTMLMediaElement.prototype, "mediaKeys");
const streamActive = accessor(MediaStream.prototype, "active");

function isMedia(value: unknown): value is HTMLMediaElement {
  return isInstance(NativeMediaElement, value);
}

/** Whether somebody may see or hear what an element plays in a stream. */
function isActive(stream: WeakRef<MediaStream> | null): boolean {
  const held = stream && weakDeref(stream);
  return held ? streamActive.get(held) : false;
}
