/**
 * What was redirected and may not be any more plays in the session, and nowhere else; it is on
 * the device again as soon as it may be.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { nativeFrames, PLAY_MS, playAll, reached } from "./media.ts";
import { BrowserRig } from "./rig.ts";

let rig: BrowserRig;
before(async () => {
  rig = await BrowserRig.start();
});
after(() => rig?.stop());

const CHANGES = [
  { name: "the user pauses redirection", off: { video_all_sites: true, paused: true } },
  {
    name: "the user wants listed sites alone",
    off: { video_all_sites: false },
  },
];

for (const { name, off } of CHANGES) {
  test(`${name} in mid-play, and changes their mind`, async () => {
    const clip = await rig.clip("long");
    const page = await rig.open(`/player.html?with=hls&src=${clip}`);
    const { now } = rig.status;
    const isFlowing = () => now.value.items.some((item) => item.flowing);
    const flows = () => now.until("something that flows", isFlowing, PLAY_MS);
    await playAll(page);
    await flows();
    await reached(page, 1);
    for (const _round of [1, 2]) {
      const frames = await nativeFrames(page);
      rig.status.set(off);
      await now.until("nothing that flows", () => !isFlowing(), PLAY_MS);
      const at = await page.evaluate(() => media[0]?.currentTime ?? 0);
      await reached(page, at + 1);
      assert.ok((await nativeFrames(page)) > frames + 10, "it plays in the session");
      assert.ok(!isFlowing(), "and nowhere else");
      rig.status.set({ video_all_sites: true });
      await flows();
      const back = await page.evaluate(() => media[0]?.currentTime ?? 0);
      await reached(page, back + 1);
    }
    // The same page's next source is nothing else.
    assert.equal(await page.evaluate(() => media[0]?.paused), false);
    await page.close();
  });
}

interface DomNode {
  nodeName: string;
  nodeValue: string;
  shadowRoots?: DomNode[];
  children?: DomNode[];
}

/** The texts of what lies in closed shadow roots at the document's end. */
async function notes(page: Page): Promise<string> {
  const devtools = await page.context().newCDPSession(page);
  const { root } = await devtools.send("DOM.getDocument", { depth: -1, pierce: true });
  await devtools.detach();
  const textOf = (node: DomNode): string =>
    [node.nodeValue, ...(node.shadowRoots ?? []).map(textOf), ...(node.children ?? []).map(textOf)]
      .filter(Boolean)
      .join("");
  const html = root.children?.find((node) => node.nodeName === "HTML");
  return (html?.children ?? [])
    .filter((node) => node.nodeName === "DIV")
    .map(textOf)
    .join("\n");
}

test("the status overlay says for a moment why a video is not redirected", async () => {
  rig.status.set({ video_all_sites: false, video_status_overlay: true });
  try {
    const clip = await rig.clip("long");
    const page = await rig.open(`/player.html?with=hls&src=${clip}`);
    assert.equal(await notes(page), "", "nothing plays");
    await playAll(page);
    await reached(page, 0.5);
    const said = "Not redirected: This site is not on the list of video sites.";
    assert.equal(await notes(page), said);
    const shown = await page.evaluate(() => {
      const note = document.querySelector<HTMLElement>(":popover-open")?.getBoundingClientRect();
      const video = document.querySelector("video")?.getBoundingClientRect();
      return note && video && note.top > video.top && note.bottom < video.top + video.height / 2;
    });
    assert.equal(shown, true, "it is on the video, near its upper edge");
    await page.waitForFunction(() => !document.querySelector(":popover-open"));
    await page.close();
  } finally {
    rig.status.set({ video_all_sites: true });
  }
});
