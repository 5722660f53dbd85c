// Pictures for people to look at: both sides without and with redirection, the outlines, the
// status overlay, the popup, and why something plays in the session. They assert little.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPopup, popupView, reasonsIn } from "../extension_view.ts";
import type { Page } from "../page.ts";
import { clickAll, startPlaying, takePictures } from "../play.ts";
import { elapse } from "../wait.ts";
import type { Place } from "./all.ts";
import { playerUrl } from "./players.ts";

/** What is painted by others comes to the device's screen within this time. */
const PAINT_MS = 1_500;

export function pictureCases(
  chosen: (name: string) => boolean,
  place: () => Promise<Place>,
  folder: string,
): void {
  const take = async ({ rig }: Place, name: string) => {
    await elapse(PAINT_MS);
    await takePictures(rig, folder, name);
  };
  const start = async ({ rig, browser }: Place): Promise<Page> =>
    startPlaying(rig, browser, await playerUrl(rig, "hls", ["long"], { query: "loop=1" }));

  if (!chosen("pictures")) return;

  test("pictures: redirected, with status overlay, outlines, and the popup", async () => {
    const there = await place();
    const { status } = there.rig.device;
    status.set({ video_all_sites: true, video_status_overlay: true });
    const page = await start(there);
    await take(there, "status-overlay");
    status.set({ video_all_sites: true, video_outlines: true });
    await take(there, "outlines");
    status.set({ video_all_sites: true });
    await take(there, "redirected");
    await openPopup(there.browser);
    await take(there, "popup");
    await page.close();
  });

  test("pictures: why a video plays in the session", async () => {
    const there = await place();
    const page = await start(there);
    const capture = "document.querySelector('video').captureStream()";
    await page.evaluate(`(${capture}, null)`);
    await take(there, "fall-back");
    assert.notDeepEqual(reasonsIn(await popupView(there.browser)), []);
    await openPopup(there.browser);
    await take(there, "fall-back-popup");
    await page.close();
  });

  test("pictures: native playback", async () => {
    const { rig } = await place();
    const browser = await rig.browser(true);
    const page = await browser.page();
    await page.open(await playerUrl(rig, "hls", ["long"]));
    await clickAll(page);
    await take({ rig, browser }, "native");
    await browser.close();
  });
}
