/** Room in the browser's buffers while the device plays. */
import type { Control } from "./control.js";
import { native } from "./natives.js";
import { abs } from "./primordials.js";
import type { SourceRecord } from "./source_record.js";

/** So near to where it would go, in seconds, a parked element makes no room by moving. */
const NEAR = 0.5;

/**
 * Moves the parked element to where the device is, so that the browser can evict what lies
 * before; false: not now.
 */
export function makeRoom(control: Control, source: SourceRecord): boolean {
  const { element, told, playback } = control;
  if (!control.onDevice || source.updating) return false;
  if (playback.seeking || told.makingRoom || native.seeking.get(element)) return false;
  const to = source.segmentStart(control.position);
  if (abs(native.currentTime.get(element) - to) < NEAR) return false;
  told.makingRoom = true;
  native.currentTime.set(element, to);
  return true;
}
