/** Where pages show their videos, and what of them: clips, scales, shapes, controls, windows. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import type { Rect } from "../../src/generated/messages.js";
import { Layouts } from "./layouts.ts";
import { onDevice, playAll } from "./media.ts";
import { BrowserRig } from "./rig.ts";

let rig: BrowserRig;
let page: Page;
let layouts: Layouts;

before(async () => {
  rig = await BrowserRig.start();
  const clip = await rig.clip("steady");
  rig.status.record();
  page = await rig.open(`/player.html?with=hls&src=${clip}`);
  layouts = await Layouts.of(page);
  await playAll(page);
  await onDevice(rig, "a picture on the device", (items) => items.some((item) => item.flowing));
});
after(() => rig?.stop());

/** Puts the video into `markup`, where `<slot>` is; all of it at the top left of the page. */
function show(markup: string): Promise<void> {
  return page.evaluate((inner) => {
    const stage = document.querySelector("#stage") as HTMLElement;
    const video = media[0] as HTMLVideoElement;
    const next = document.createElement("div");
    next.style.cssText = "position: absolute; left: 20px; top: 60px";
    next.innerHTML = inner;
    stage.append(next);
    next.querySelector("slot")?.replaceWith(video);
    video.play();
    for (const old of [...stage.children]) if (old !== next) old.remove();
  }, markup);
}

/** `clip` from the picture's edge at the top left. */
function within({ rect, clip }: { rect: Rect; clip: Rect }): Rect {
  return { ...clip, x: clip.x - rect.x, y: clip.y - rect.y };
}

test("what clips the video is scaled with it", async () => {
  for (const scale of [1, 1.5, 0.5]) {
    const style = `transform: scale(${scale}); transform-origin: 0 0`;
    await show(`<div style="${style}">
      <div style="width: 300px; height: 200px; overflow: hidden; border: 10px solid">
      <slot></slot></div></div>`);
    const size = [480 * scale, 270 * scale].join();
    const layout = await layouts.until("its size", ({ rect }) => {
      return [rect.width, rect.height].join() === size;
    });
    const clip = { x: 0, y: 0, width: 300 * scale, height: 200 * scale };
    assert.deepEqual(within(layout), clip, `scale ${scale}`);
  }
});
