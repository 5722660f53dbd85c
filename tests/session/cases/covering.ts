// What cases of other windows over the video have in common: finding such a window in the session,
// and telling whether the device shows it, or the picture.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import type { Page } from "../page.ts";
import { overlap } from "../picture.ts";
import { videoRect } from "../play.ts";
import { eventually } from "../wait.ts";
import type { Image, Rect, Window } from "../x11.ts";
import type { Place } from "./all.ts";
import { FOLLOW_MS } from "./overlay.ts";

export async function theVideo(page: Page): Promise<Rect> {
  const rect = await videoRect(page);
  assert.ok(rect, "there is a video");
  return rect;
}

/** A part of a rectangle, given in shares of it. */
export function within(rect: Rect, part: Rect): Rect {
  return {
    x: Math.round(rect.x + rect.width * part.x),
    y: Math.round(rect.y + rect.height * part.y),
    width: Math.round(rect.width * part.width),
    height: Math.round(rect.height * part.height),
  };
}

/** The window over the video that was not there before. */
export function newWindow({ rig }: Place, page: Page, before: Set<number>): Promise<Window> {
  return eventually("new window over the video", async () => {
    const video = await theVideo(page);
    for (const id of (await rig.session.children()).reverse()) {
      if (before.has(id)) continue;
      const window = await rig.session.window(id).catch(() => undefined);
      if (window?.viewable && overlap(window.rect, video).width > 20) return window;
    }
    return undefined;
  });
}

/** Where a window lies over the video the device shows what the session does, not the picture. */
export async function showsSession({ rig }: Place, page: Page, window: Rect): Promise<void> {
  const rect = overlap(window, await theVideo(page));
  let last = 0;
  await eventually(
    "session's own window before the picture",
    async () => {
      last = await likeness(rig, rect);
      return last > 0.98 ? true : undefined;
    },
    FOLLOW_MS,
    () => JSON.stringify({ rect, likeness: last }),
  );
}

/** The picture is there again, which is not what the session shows. */
export async function showsPicture({ rig }: Place, rect: Rect): Promise<void> {
  let last = 1;
  await eventually(
    "picture where the window was",
    async () => {
      last = await likeness(rig, rect);
      return last < 0.9 ? true : undefined;
    },
    FOLLOW_MS,
    () => JSON.stringify({ rect, likeness: last }),
  );
}

/** Share of the pixels that the device and the session show alike. */
async function likeness(rig: Place["rig"], rect: Rect): Promise<number> {
  const local = await rig.device.local(rect);
  const [here, there] = await Promise.all([
    rig.device.display.image(local),
    rig.session.image(rect),
  ]);
  return alike(here, there);
}

function alike(one: Image, other: Image): number {
  const most = 24;
  const pixels = one.width * one.height;
  let count = 0;
  for (let at = 0; at < pixels * 4; at += 4) {
    const isNear = [0, 1, 2].every((channel) => {
      const difference = (one.pixels[at + channel] ?? 0) - (other.pixels[at + channel] ?? 0);
      return Math.abs(difference) <= most;
    });
    if (isNear) count += 1;
  }
  return count / pixels;
}

export function xdotool({ rig }: Place, ...words: string[]): string {
  const { env, authority } = rig.seat;
  const more = authority ? { XAUTHORITY: authority } : {};
  return execFileSync("xdotool", words, { env: { ...env, ...more }, encoding: "utf8" });
}
