/**
 * Who stands still on the device can leave it without the page's notice: all that the page sees
 * then stays as it is, and the device opens it anew when it goes on (slots.ts says who leaves).
 */
import type { Attachment } from "./attachment.js";
import type { Control } from "./control.js";
import { reaches } from "./facts.js";
import type { Link } from "./link.js";
import { native } from "./natives.js";
import { abs, min } from "./primordials.js";

/** The parked element this near to the position shows it well enough, in seconds. */
const NEAR = 0.2;
/** There it would have ended, and begin anew as soon as it is asked whether it may play. */
const BEFORE_END = 0.05;

/**
 * What the page appends it does so once: only a file can be opened anew, by the same address. One
 * that plays in the session for a moment has less need of the device than any that plays there.
 */
export function isAtRest({ onDevice, isFile, playback, told, barred }: Control): boolean {
  if (!isFile || told.severed) return false;
  return onDevice ? playback.paused && !playback.seeking : barred.passes;
}

/** Others need its place on the device. */
export function letGo(control: Control, link: Link, attachment: Attachment | null): void {
  if (!isAtRest(control)) return;
  if (control.onDevice) link.unwatch(control.playerId);
  attachment?.rest();
  if (control.onDevice) showStill(control);
}

/** The parked element is what is seen in the page: it goes where the device stood. */
function showStill({ element, isVideo, told, position }: Control): void {
  if (!isVideo || !told.loaded || told.makingRoom || native.seeking.get(element)) return;
  const to = min(position, native.duration.get(element) - BEFORE_END);
  if (abs(native.currentTime.get(element) - to) < NEAR) return;
  if (!reaches(element, to)) return;
  told.moved = true;
  told.makingRoom = true;
  native.currentTime.set(element, to);
}
