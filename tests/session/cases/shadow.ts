// Under a compositing window manager Chromium draws its window's shadow itself, into the window,
// and wider below than at the sides. Pages do not know of it; the picture is in its place anyway.

import { describe, test } from "node:test";
import { edgeError, findColour, findPicture } from "../picture.ts";
import { startPlaying } from "../play.ts";
import { eventually } from "../wait.ts";
import type { Rect } from "../x11.ts";
import type { Place } from "./all.ts";
import { theVideo } from "./covering.ts";
import { FOLLOW_MS, LOOPED } from "./overlay.ts";
import { playerUrl } from "./players.ts";

/** What the extension paints where the picture belongs. */
const PLACEHOLDER = [0x10, 0x10, 0x12];

export function shadowCases(chosen: (name: string) => boolean, place: () => Promise<Place>): void {
  if (!chosen("a browser with a shadow")) return;
  describe("a browser with a shadow", () => {
    test("has the picture where the page has the video", async () => {
      const { rig } = await place();
      const manager = await take(rig, "xfwm4", ["--replace", "--compositor=on"], "Xfwm4");
      try {
        const browser = await rig.browser();
        const url = await playerUrl(rig, "hls", ["long"], LOOPED);
        const page = await startPlaying(rig, browser, url);
        await liesOnPlaceholder(rig, grown(await theVideo(page)));
        await browser.close();
      } finally {
        await manager.end();
        await take(rig, "openbox", ["--replace"], "Openbox");
      }
    });
  });
}

/** Another window manager takes the session over; `name`: as it calls itself. */
async function take(rig: Place["rig"], program: string, words: string[], name: string) {
  const { seat, session } = rig;
  const { env, home, user } = seat;
  const manager = rig.processes.start({
    ...{ name: `session-${program}`, program, arguments: words, env, cwd: home },
    ...(user ? { user } : {}),
  });
  await eventually(`${name} in the session`, async () => {
    const check = await session.property(session.root, "_NET_SUPPORTING_WM_CHECK");
    if (check.length < 4) return undefined;
    const said = await session.property(check.readUInt32LE(0), "_NET_WM_NAME").catch(() => check);
    return said.toString("utf8") === name ? true : undefined;
  });
  return manager;
}

/** Shadows are narrower than that. */
const SHADOW_PX = 32;

function grown({ x, y, width, height }: Rect): Rect {
  const [left, top] = [x - SHADOW_PX, y - SHADOW_PX];
  return { x: left, y: top, width: width + 2 * SHADOW_PX, height: height + 2 * SHADOW_PX };
}

/** `near`: where the page believes its video to be, and around it. */
async function liesOnPlaceholder(rig: Place["rig"], near: Rect): Promise<void> {
  let last = "";
  await eventually(
    "picture on its placeholder",
    async () => {
      const remote = findColour(await rig.session.image(), PLACEHOLDER, near);
      if (!remote) return undefined;
      const expected = await rig.device.local(remote);
      const { rect } = await rig.device.clientWindow();
      const actual = findPicture(await rig.device.display.image(), rect);
      last = JSON.stringify({ expected, actual });
      return actual && edgeError(actual, expected) === 0 ? true : undefined;
    },
    FOLLOW_MS,
    () => last,
  );
}
