/**
 * Runs in the world of the page, in each frame, before the scripts of the page.
 *
 * The page keeps its real media elements and MediaSources. What it appends is copied to the
 * device, its elements stay parked, and only what tells of playback follows the device.
 */
import { installCaptures } from "./captures.js";
import { installCues } from "./cues.js";
import { installDialogs } from "./dialogs.js";
import { Elements } from "./elements.js";
import { installImposters } from "./imposters.js";
import { Link } from "./link.js";
import { listenTo } from "./native_events.js";
import { allMedia } from "./natives.js";
import { installPlaylists } from "./playlists.js";
import { installSteering } from "./steer.js";
import { installSurface } from "./surface.js";
import { installTee } from "./tee.js";

/** Documents without a window, and browsers without Media Source Extensions, have no use. */
if (typeof MediaSource === "function") {
  const link = new Link();
  const elements = new Elements(link);
  listenTo(window, elements);
  installImposters();
  installCues();
  installDialogs(link);
  installTee(link, () => {
    elements.catchUp();
    const found = allMedia();
    for (let at = 0; at < found.length; at++) elements.touch(found[at])?.sync();
  });
  installSurface(elements);
  installCaptures(elements);
  installPlaylists(link);
  installSteering();
}
