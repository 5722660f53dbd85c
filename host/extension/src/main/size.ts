/** The size of the device's pictures, as the page sees it. */
import type { Control } from "./control.js";
import { native } from "./natives.js";

/** In pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The device shows pictures of another size. */
export function resized(control: Control, { width, height }: Size): void {
  if (!control.isVideo || width === 0 || height === 0) return;
  const video = control.element as HTMLVideoElement;
  const old = control.size ?? {
    width: native.videoWidth.get(video),
    height: native.videoHeight.get(video),
  };
  control.size = { width, height };
  // The browser tells of it with its metadata.
  if (!control.told.loaded) return;
  if (old.width !== width || old.height !== height) control.fire("resize");
}
