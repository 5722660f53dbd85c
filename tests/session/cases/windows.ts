// Other windows of the session over the video: the picture on the device leaves them out, and is
// there again when they go. Which window lies where is the session's own affair: real menus,
// programs and a window manager.

import assert from "node:assert/strict";
import * as path from "node:path";
import { after, before, describe, test } from "node:test";
import type { Page } from "../page.ts";
import { edgeError, findColour, overlap, writePng } from "../picture.ts";
import { startPlaying } from "../play.ts";
import { eventually } from "../wait.ts";
import type { Rect } from "../x11.ts";
import type { Place } from "./all.ts";
import { newWindow, showsPicture, showsSession, theVideo, within, xdotool } from "./covering.ts";
import { FOLLOW_MS, isNowhere, LOOPED, lies } from "./overlay.ts";
import { playerUrl } from "./players.ts";

export function windowCases(
  chosen: (name: string) => boolean,
  place: () => Promise<Place>,
  screenshots: string | undefined,
): void {
  describe("windows of the session", () => {
    const wanted = Object.entries(CASES).filter(([name]) => chosen(`windows ${name}`));
    if (wanted.length === 0) return;
    let page: Page;
    before(async () => {
      const { rig, browser } = await place();
      page = await startPlaying(rig, browser, await playerUrl(rig, "hls", ["long"], LOOPED));
    });
    after(() => page?.close());

    for (const [name, run] of wanted) {
      test(name, async () => {
        const there = await place();
        await run(there, page, async (what) => {
          if (!screenshots) return;
          const image = await there.rig.device.display.image();
          writePng(image, path.join(screenshots, `windows-${what}.png`));
        });
      });
    }
  });
}

type Case = (there: Place, page: Page, keep: (what: string) => Promise<void>) => Promise<void>;

const CASES: Record<string, Case> = {
  "one without a manager is left out": isLeftOut,
  "another program's is left out": programIsLeftOut,
  "the browser's own menu is left out": menuIsLeftOut,
  "a second one of the browser is left out": browserIsLeftOut,
  "the browser's, moved by the window manager": isMoved,
  "the browser's, minimised by the window manager": isMinimised,
};

const RGB = [255, 0, 255];

/** Each time a window is shown: until the device's screen shows it, and no more of it. */
const SHOWINGS = 12;

async function isLeftOut(there: Place, page: Page, keep: (what: string) => Promise<void>) {
  const { rig } = there;
  await lies(there, page, 0);
  const video = await theVideo(page);
  const rect = within(video, { x: 0.3, y: 0.3, width: 0.25, height: 0.3 });
  const local = await rig.device.local(rect);
  const menu = await rig.session.create(rect, RGB, false);
  const until = async (isThere: boolean) => {
    const began = performance.now();
    await (isThere ? rig.session.show(menu) : rig.session.hide(menu));
    let last: Rect | undefined;
    await eventually(
      isThere ? "window before the picture" : "picture where the window was",
      async () => {
        last = findColour(await rig.device.display.image(local), RGB);
        const isWhole = last && edgeError(last, { ...local, x: 0, y: 0 }) === 0;
        return (isThere ? isWhole : !last) ? true : undefined;
      },
      FOLLOW_MS,
      () => JSON.stringify({ local, last }),
      1,
    );
    return performance.now() - began;
  };
  try {
    const times: { shown_ms: number; gone_ms: number }[] = [];
    for (let showing = 0; showing < SHOWINGS; showing += 1) {
      const shown_ms = await until(true);
      if (showing === 0) {
        await keep("menu");
        await lies(there, page, 0);
      }
      times.push({ shown_ms, gone_ms: await until(false) });
    }
    rig.log("windows-times", times);
  } finally {
    await rig.session.destroy(menu);
  }
  await lies(there, page, 0);
}

async function programIsLeftOut(there: Place, page: Page, keep: (what: string) => Promise<void>) {
  const { rig } = there;
  const rect = within(await theVideo(page), { x: 0.4, y: 0.3, width: 0.2, height: 0.2 });
  const before = new Set(await rig.session.children());
  const program = await rig.session.create(rect, RGB, true);
  try {
    await rig.session.show(program);
    const window = await newWindow(there, page, before);
    assert.ok(window.rect.height > rect.height, "the window manager has framed it");
    await showsSession(there, page, window.rect);
    await lies(there, page, 0);
    await keep("program");
  } finally {
    await rig.session.destroy(program);
  }
  await lies(there, page, 0);
  await showsPicture(there, rect);
}

async function menuIsLeftOut(there: Place, page: Page, keep: (what: string) => Promise<void>) {
  const video = await theVideo(page);
  const before = new Set(await there.rig.session.children());
  const [x, y] = [video.x + video.width * 0.3, video.y + video.height * 0.25].map(Math.round);
  xdotool(there, "mousemove", String(x), String(y), "click", "3");
  const menu = await newWindow(there, page, before);
  assert.ok(menu.overrideRedirect, "a menu is no window of the manager's");
  await showsSession(there, page, menu.rect);
  await keep("browser-menu");
  xdotool(there, "key", "Escape");
  await lies(there, page, 0);
  await showsPicture(there, overlap(menu.rect, video));
}

async function browserIsLeftOut(there: Place, page: Page, keep: (what: string) => Promise<void>) {
  const video = await theVideo(page);
  const {
    x: left,
    y: top,
    width,
    height,
  } = within(video, {
    ...{ x: 0.2, y: 0.2, width: 0.8, height: 0.9 },
  });
  const before = new Set(await there.rig.session.children());
  const bounds = { left, top, width, height };
  const { targetId } = await page.send("Target.createTarget", {
    ...{ url: "data:text/html,<title>Another</title><body bgcolor=teal>", newWindow: true },
    ...bounds,
  });
  try {
    const window = await newWindow(there, page, before);
    await showsSession(there, page, window.rect);
    await keep("browser-window");
  } finally {
    await page.send("Target.closeTarget", { targetId });
  }
  await lies(there, page, 0);
}

async function isMoved(there: Place, page: Page) {
  const id = browserWindow(there);
  xdotool(there, "windowmove", id, "15", "12");
  await lies(there, page, 0);
  const video = await theVideo(page);
  for (let step = 1; step <= 10; step += 1) {
    xdotool(there, "windowmove", id, String(15 - step), String(12 - step));
  }
  await eventually("browser at its new place", async () => {
    const now = await theVideo(page);
    return now.x < video.x && now.y < video.y ? true : undefined;
  });
  await lies(there, page, 0);
}

async function isMinimised(there: Place, page: Page) {
  const id = browserWindow(there);
  xdotool(there, "windowminimize", id);
  await isNowhere(there);
  xdotool(there, "windowactivate", id);
  await lies(there, page, 0);
}

/** The browser's window as the session's window manager knows it. */
function browserWindow(there: Place): string {
  const found = xdotool(there, "search", "--onlyvisible", "--name", "A player");
  const [first] = found.trim().split("\n");
  assert.ok(first, "the browser has a window");
  return first;
}
