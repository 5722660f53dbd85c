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

/** Extended Window Manager Hints: who owns it is the compositing manager of the first screen. */
const COMPOSITING = "_NET_WM_CM_S0";

/** What the extension paints where the picture belongs. */
const PLACEHOLDER = [0x10, 0x10, 0x12];

export function shadowCases(chosen: (name: string) => boolean, place: () => Promise<Place>): void {
  if (!chosen("a browser with a shadow")) return;
  describe("a browser with a shadow", () => {
    test("has the picture where the page has the video", async () => {
      const { rig } = await place();
      const manager = await rig.session.own(COMPOSITING);
      try {
        const browser = await rig.browser();
        const url = await playerUrl(rig, "hls", ["long"], LOOPED);
        const page = await startPlaying(rig, browser, url);
        await liesOnPlaceholder(rig, grown(await theVideo(page)));
        await browser.close();
      } finally {
        await rig.session.destroy(manager);
      }
    });
  });
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
