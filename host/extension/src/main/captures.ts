/**
 * What reads a media element's pixels, samples or keys: then it must play in the session,
 * before the page reads, and for good.
 */

import type { Reason } from "../generated/messages.js";
import { call, wrapConstructor, wrapMethod } from "./disguise.js";
import type { Elements } from "./elements.js";
import { NativeMediaElement } from "./natives.js";
import { reasons } from "./reasons.js";

type Owner = { readonly prototype: object } | undefined;

export function installCaptures(elements: Elements): void {
  const barAll = (args: ArrayLike<unknown>, reason: () => Reason) => {
    for (let at = 0; at < args.length; at++) {
      if (args[at] instanceof NativeMediaElement) elements.touch(args[at])?.bar(reason());
    }
  };
  /** The element is an argument. */
  const reads = (owner: object | undefined, name: string, what: string) => {
    if (!owner) return;
    wrapMethod(owner, name, (original, self, args) => {
      barAll(args, () => reasons.capture(what));
      return call(original, self, args);
    });
  };
  /** The element is the receiver. */
  const gives = (name: string, owner: object, reason: () => Reason) =>
    wrapMethod(owner, name, (original, self, args) => {
      elements.touch(self)?.bar(reason());
      return call(original, self, args);
    });

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
  reads(optional("BaseAudioContext"), "createMediaElementSource", "Web Audio");
  reads(optional("AudioContext"), "createMediaElementSource", "Web Audio");
  wrapMethod(optional("GPUDevice") ?? {}, "importExternalTexture", (original, self, args) => {
    barSource(elements, args[0], "source");
    return call(original, self, args);
  });
  wrapMethod(optional("GPUQueue") ?? {}, "copyExternalImageToTexture", (original, self, args) => {
    barSource(elements, args[0], "source");
    return call(original, self, args);
  });

  const constructs = (name: string, what: string) =>
    wrapConstructor(window, name, (args, make) => {
      barAll(args, () => reasons.capture(what));
      return make();
    });
  constructs("VideoFrame", "VideoFrame");
  wrapConstructor(window, "MediaElementAudioSourceNode", (args, make) => {
    barSource(elements, args[1], "mediaElement");
    return make();
  });

  const media = HTMLMediaElement.prototype;
  gives("captureStream", media, () => reasons.capture("captureStream"));
  gives("setMediaKeys", media, reasons.protectedContent);
  gives("requestPictureInPicture", HTMLVideoElement.prototype, reasons.pictureInPicture);
}

/** The element is a member of an options object; reading it twice is what the page sees. */
function barSource(elements: Elements, options: unknown, member: string): void {
  if (typeof options !== "object" || options === null) return;
  const value: unknown = (options as Record<string, unknown>)[member];
  if (value instanceof NativeMediaElement) {
    elements.touch(value)?.bar(reasons.capture(member === "source" ? "WebGPU" : "Web Audio"));
  }
}
