/**
 * Playlists (HLS) that the browser plays itself: their media cannot be copied for the device.
 *
 * A page that has a player of its own for them (hls.js) is told that the browser does not play
 * them, as most browsers have always said, and uses its player: its media are redirected. Where
 * the page has none, the browser plays on by itself.
 */
import { call, wrapMethod } from "./disguise.js";
import type { Link } from "./link.js";
import { before, getOwnPropertyDescriptor, indexOf, lowerCase, slice } from "./primordials.js";

const SUFFIX = ".m3u8";

/** Whether this is a playlist's address. */
export function isPlaylist(url: string): boolean {
  const path = before(before(url, "#"), "?");
  return slice(path, -SUFFIX.length) === SUFFIX;
}

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
