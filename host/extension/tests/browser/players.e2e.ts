/**
 * The usual players play to their end on the device, and nothing of it is decoded in the
 * session but the first pictures, which size and poster need.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ClipName } from "../../../../tests/session/clips.ts";
import { ended, errorsOf, nativeFrames, onDevice, PLAY_MS, playAll } from "./media.ts";
import { BrowserRig } from "./rig.ts";

/** Pictures of a clip, without those that players leave out before their first position. */
const FRAMES = 117;
/** Parked elements show one picture a seek; decoders run ahead of it. */
const PARKED_FRAMES = 24;

let rig: BrowserRig;
before(async () => {
  rig = await BrowserRig.start();
});
after(() => rig?.stop());

const CASES: [string, ClipName][] = [
  ["hls", "fmp4"],
  ["hls", "ts"],
  ["hls", "mp3"],
  ["unlessNative", "fmp4"],
  ["dash", "dash"],
  ["shaka", "dash"],
  ["shaka", "fmp4"],
  ["videojs", "fmp4"],
  ["videojs", "ts"],
  ["file", "mp4"],
  ["file", "webm"],
];

for (const [player, name] of CASES) {
  test(`${player} plays ${name} to its end on the device`, async () => {
    const clip = await rig.clip(name);
    rig.status.record();
    const page = await rig.context.newPage();
    const errors = errorsOf(page);
    await page.goto(rig.url(`/player.html?with=${player}&src=${clip}`));
    await playAll(page);
    await ended(page);
    const items = await onDevice(rig, "all pictures accounted for", ([item]) => {
      const { presented = 0, dropped = 0 } = item?.video ?? {};
      return presented + dropped >= FRAMES;
    });
    assert.equal(items.length, 1);
    assert.equal(items[0]?.failed, null);
    assert.deepEqual(errors, []);
    const frames = await nativeFrames(page);
    assert.ok(frames <= PARKED_FRAMES, `${frames} pictures were decoded in the session`);
    // The page sees the device's counters; the last ones come shortly after the end.
    await page.waitForFunction(
      (least) => (media[0] as HTMLVideoElement).getVideoPlaybackQuality().totalVideoFrames >= least,
      FRAMES,
      { timeout: PLAY_MS, polling: 100 },
    );
    await page.close();
  });
}

test("a rendition that changes while it plays", async () => {
  const clip = await rig.clip("abr");
  rig.status.record();
  const page = await rig.context.newPage();
  const errors = errorsOf(page);
  await page.goto(rig.url(`/player.html?with=hls&switch&src=${clip}`));
  await playAll(page);
  await ended(page);
  assert.deepEqual(errors, []);
  const sizes = await page.evaluate(() => globalThis.sizes);
  assert.ok(sizes.includes("640x360") && sizes.includes("960x540"), String(sizes));
  await page.close();
});

declare global {
  /** Each size that the first video was seen to have. */
  var sizes: string[];
}
