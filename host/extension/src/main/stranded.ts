/**
 * A stage that is lost where the browser cannot follow: its own element is parked elsewhere, and
 * the server lets it seek nowhere. Another stage mostly comes within a second.
 */
import type { Control } from "./control.js";
import { isAt, reaches } from "./facts.js";
import type { Link } from "./link.js";
import { now } from "./natives.js";
import type { Patience } from "./patience.js";

/** Whether the element waits for another stage; `leave`: none has come in time. */
export function waitsForStage(
  control: Control,
  link: Link,
  patience: Patience,
  leave: () => void,
): boolean {
  const { element, isFile, playback, position, told } = control;
  if (!isFile || !told.loaded || told.severed || link.barred) return false;
  if (isAt(element, position) || reaches(element, position)) return false;
  playback.deviceState("stalled", position, 0, now());
  patience.noWord();
  patience.forStage(leave);
  control.changed();
  return true;
}
