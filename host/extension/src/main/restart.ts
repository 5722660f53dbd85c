/** An element that begins anew: with another source, or at its begin. */
import type { Control } from "./control.js";
import { native } from "./natives.js";

/** What was true of it before it loads anew. */
export function restart({ told, events, permission, autoplay, promises }: Control): void {
  told.restart();
  events.forget();
  permission.forget();
  autoplay.renew();
  promises.forget();
}

/** The page plays what has ended. A parked element that has ended, too, went there when asked. */
export function beginAgain(control: Control): void {
  const { element, told } = control;
  const goes = native.seeking.get(element) && native.currentTime.get(element) === 0;
  if (goes && !told.makingRoom) control.browserSeeks();
  else control.seek(0);
}
