/**
 * Dialogs for which the browser stops a page's scripts. They are drawn into the browser's own
 * window, where the device's picture would hide them, and nobody could answer.
 */
import { call, wrapMethod } from "./disguise.js";
import type { Link } from "./link.js";

export function installDialogs(link: Link): void {
  for (const name of ["alert", "confirm", "prompt", "print"]) {
    wrapMethod(window, name, (original, self, args) => {
      link.dialog(true);
      try {
        return call(original, self, args);
      } finally {
        link.dialog(false);
      }
    });
  }
}
