/**
 * Playlists (HLS) that the browser plays itself.
 *
 * A page that has a player of its own for them (hls.js) is told that the browser does not play
 * them, as most browsers have always said, and uses its player, which also knows broadcasts and
 * several qualities. Where the page has none the device reads a recording by itself, as a file.
 */
import { call, wrapMethod } from "./disguise.js";
import type { Link } from "./link.js";
import { getOwnPropertyDescriptor, indexOf, lowerCase } from "./primordials.js";

export function installPlaylists(link: Link): void {
  wrapMethod(HTMLMediaElement.prototype, "canPlayType", (original, self, args) => {
    const answer = call(original, self, args);
    const mime = args[0];
    const isAsked = typeof mime === "string" && indexOf(lowerCase(mime), "mpegurl") >= 0;
    return isAsked && !link.off && hasPlayer() ? "" : answer;
  });
}

function hasPlayer(): boolean {
  return typeof getOwnPropertyDescriptor(window, "Hls")?.value === "function";
}
