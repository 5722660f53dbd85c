/** What was true of an element before it loads anew. */
import type { Control } from "./control.js";

export function restart({ told, events, permission, autoplay, promises }: Control): void {
  told.restart();
  events.forget();
  permission.forget();
  autoplay.renew();
  promises.forget();
}
