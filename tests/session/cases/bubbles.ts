// What the browser draws over a page into its own window, where the session has no window to be
// seen: this extension's popup, dialogs for which the page's scripts stand still, and requests
// that nobody tells of.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openPopup, popupRect } from "../extension_view.ts";
import type { Page } from "../page.ts";
import { findColour, overlap } from "../picture.ts";
import { startPlaying } from "../play.ts";
import { eventually } from "../wait.ts";
import type { Rect } from "../x11.ts";
import type { Place } from "./all.ts";
import { showsPicture, showsSession, theVideo, xdotool } from "./covering.ts";
import { FOLLOW_MS, LOOPED, lies } from "./overlay.ts";
import { playerUrl } from "./players.ts";

export function bubbleCases(chosen: (name: string) => boolean, place: () => Promise<Place>): void {
  const wanted = Object.entries(CASES).filter(([name]) => chosen(`bubbles ${name}`));
  if (wanted.length === 0) return;
  describe("in the browser's own window", () => {
    let page: Page;
    before(async () => {
      const { rig, browser } = await place();
      page = await startPlaying(rig, browser, await playerUrl(rig, "hls", ["long"], LOOPED));
    });
    after(() => page?.close());

    for (const [name, run] of wanted) test(name, async () => run(await place(), page));
  });
}

const CASES: Record<string, (there: Place, page: Page) => Promise<void>> = {
  "the extension's popup is left out": async (there, page) => {
    // Popups come down at the window's right.
    await page.evaluate(`document.querySelector("#stage").style.left = "320px"`);
    await lies(there, page, 0);
    await openPopup(there.browser);
    const popup = await popupRect(there.browser);
    const over = overlap(popup, await theVideo(page));
    assert.ok(
      over.width > 20 && over.height > 20,
      `it lies over the video: ${JSON.stringify(over)}`,
    );
    await showsSession(there, page, popup);
    xdotool(there, "key", "Escape");
    await lies(there, page, 0);
    await showsPicture(there, over);
  },

  "a permission request is left out": async (there, page) => {
    await page.evaluate(`document.querySelector("#stage").style.left = ""`);
    await lies(there, page, 0);
    await page.evaluate("navigator.geolocation.getCurrentPosition(() => {}, () => {}), 0");
    const request = await drawnOver(there, page);
    await showsSession(there, page, request);
    xdotool(there, "key", "Escape");
    await lies(there, page, 0);
    await showsPicture(there, request);
  },

  "a page's dialog hides the picture": async (there, page) => {
    await lies(there, page, 0);
    const shown = async () => (await there.rig.device.overlays()).length;
    assert.ok((await shown()) > 0);
    page.answersDialogs = false;
    await page.evaluate(`setTimeout(() => alert("Something to read."), 0)`);
    const isGone = async () => ((await shown()) === 0 ? true : undefined);
    await eventually("dialog without a picture over it", isGone, FOLLOW_MS);
    await page.send("Page.handleJavaScriptDialog", { accept: true });
    await lies(there, page, 0);
  },
};

/** Where the browser has drawn something white over the video, in the session. */
function drawnOver({ rig }: Place, page: Page): Promise<Rect> {
  return eventually("something drawn over the video", async () => {
    const video = await theVideo(page);
    const found = findColour(await rig.session.image(video), [255, 255, 255]);
    if (!found || found.width < 100 || found.height < 40) return undefined;
    return { ...found, x: found.x + video.x, y: found.y + video.y };
  });
}
