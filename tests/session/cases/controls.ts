// The browser's own controls show the element that is parked. The device draws over them how it
// plays; what says something else is seen as the session shows it.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "../page.ts";
import { startPlaying } from "../play.ts";
import { elapse, eventually } from "../wait.ts";
import type { Image, Rect } from "../x11.ts";
import type { Place } from "./all.ts";
import { showsPicture, showsSession, theVideo, xdotool } from "./covering.ts";
import { LOOPED } from "./overlay.ts";
import { playerUrl } from "./players.ts";

/** Native controls fade in this time. */
const RESTED_MS = 1_500;

/** From the lower left corner of the video to the middle of its button, in pixels. */
const BUTTON = { right: 24, up: 47 };
/** The native bar: volume, fullscreen, menu. */
const OTHERS = { left: 150, up: 70, width: 144, height: 30 };

/** The page plays at each click on the video. */
const CONTROLS = `{
  const video = document.querySelector("video");
  video.controls = true;
  video.addEventListener("click", (event) => event.stopPropagation());
}`;

export function controlCases(chosen: (name: string) => boolean, place: () => Promise<Place>): void {
  soundCase(chosen, place);
  const name = "the browser's own controls show how the device plays";
  if (!chosen(name)) return;
  test(name, async () => {
    const there = await place();
    const { rig, browser } = there;
    const url = await playerUrl(rig, "hls", ["long"], LOOPED);
    const page = await startPlaying(rig, browser, url);
    try {
      await page.evaluate(CONTROLS);
      const video = await theVideo(page);
      point(there, video);
      const others: Rect = {
        x: video.x + video.width - OTHERS.left,
        y: video.y + video.height - OTHERS.up,
        width: OTHERS.width,
        height: OTHERS.height,
      };
      await showsSession(there, page, others);
      await button(there, video, "pause");
      const parked = await rig.session.image(buttonOf(video));
      assert.ok(isWhite(parked), "the browser's own button says that it is paused");
      const middle = buttonOf(video);
      xdotool(there, "mousemove", `${middle.x}`, `${middle.y}`, "click", "1");
      await paused(page, true);
      await button(there, video, "play");
      // The browser shows them as long as nothing plays.
      xdotool(there, "mousemove", "2", "2");
      await elapse(RESTED_MS);
      await button(there, video, "play");
      point(there, video);
      xdotool(there, "mousemove", `${middle.x}`, `${middle.y}`, "click", "1");
      await paused(page, false);
      await button(there, video, "pause");
      xdotool(there, "mousemove", "2", "2");
      await showsPicture(there, others);
    } finally {
      await page.close();
    }
  });
}

function soundCase(chosen: (name: string) => boolean, place: () => Promise<Place>): void {
  const name = "the browser's own controls of a sound show how the device plays";
  if (!chosen(name)) return;
  test(name, async () => {
    const there = await place();
    const { rig, browser } = there;
    const url = await playerUrl(rig, "hls", ["long"], LOOPED);
    const page = await startPlaying(rig, browser, url);
    try {
      const tone = await rig.clip("mp3");
      const video = await theVideo(page);
      const [left, top] = (await page.evaluate(withSound(tone))) as [number, number];
      const play = { x: video.x + left + 26, y: video.y + top + 27, width: 1, height: 1 };
      const shows = (wanted: "play" | "pause") =>
        eventually(`the button "${wanted}" of the sound on the device`, async () => {
          const at = await rig.device.local(play);
          const image = await rig.device.display.image({ ...at, width: 1, height: 1 });
          // The middle of "play" is dark, between the bars of "pause" it is light.
          return isWhite(image) === (wanted === "pause") ? true : undefined;
        });
      await shows("play");
      xdotool(there, "mousemove", `${play.x}`, `${play.y}`, "click", "1");
      await eventually("the browser's own says it is paused", async () =>
        isWhite(await rig.session.image(play)) ? undefined : true,
      );
      await shows("pause");
      xdotool(there, "click", "1");
      await shows("play");
    } finally {
      await page.close();
    }
  });
}

/** Puts a sound below the video; where it lies from there. */
function withSound(tone: string): string {
  return `{
    const video = document.querySelector("video");
    const audio = new Audio(${JSON.stringify(tone)});
    audio.controls = audio.loop = true;
    audio.style = "position: absolute; left: 60px; top: 420px";
    document.body.append(audio);
    const [here, there] = [audio, video].map((one) => one.getBoundingClientRect());
    [here.left - there.left, here.top - there.top];
  }`;
}

/** Puts the pointer on the video, as a person does: it moves there. */
function point(there: Place, video: Rect): void {
  for (const share of [0.4, 0.41, 0.42]) {
    const at = [video.x + video.width * share, video.y + video.height * share].map(Math.round);
    xdotool(there, "mousemove", ...at.map(String));
  }
}

function buttonOf(video: Rect): Rect {
  const x = Math.round(video.x + BUTTON.right);
  const y = Math.round(video.y + video.height - BUTTON.up);
  return { x, y, width: 1, height: 1 };
}

function isWhite({ pixels }: Image): boolean {
  return (pixels[1] ?? 0) > 200;
}

/** The middle of "play" is white, between the bars of "pause" it is dark. */
async function button({ rig }: Place, video: Rect, shown: "play" | "pause"): Promise<void> {
  const at = await rig.device.local(buttonOf(video));
  await eventually(`the button "${shown}" on the device`, async () => {
    const image = await rig.device.display.image({ ...at, width: 1, height: 1 });
    return isWhite(image) === (shown === "play") ? true : undefined;
  });
}

async function paused(page: Page, wanted: boolean): Promise<void> {
  await eventually(`a page that ${wanted ? "is paused" : "plays"}`, async () => {
    const is = await page.evaluate('document.querySelector("video").paused');
    return is === wanted ? true : undefined;
  });
}
