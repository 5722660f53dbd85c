/** Playlists (HLS) as the address of an element, without a player of the page. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ClipName } from "../../../../tests/session/clips.ts";
import { errorsOf, nativeFrames, onDevice } from "./media.ts";
import { BrowserRig } from "./rig.ts";

/** Pictures that a parked element decodes: at first, and for each of two seeks. */
const PARKED_FRAMES = 60;

let rig: BrowserRig;
before(async () => {
  rig = await BrowserRig.start();
});
after(() => rig?.stop());

for (const name of ["ts", "fmp4", "abr"] satisfies ClipName[]) {
  test(`a recording in pieces plays on the device: ${name}`, async () => {
    const clip = await rig.clip(name);
    rig.status.record();
    const page = await rig.context.newPage();
    const errors = errorsOf(page);
    await page.goto(rig.url("/behaviour.html"));
    const seen = await page.evaluate(`(async () => {
      const video = make({ src: ${JSON.stringify(clip)} }); await video.play();
      await reaching(() => video.currentTime > 1);
      const size = [video.videoWidth > 0, Math.round(video.duration)];
      video.currentTime = 3; await until(video, "seeked"); const at = video.currentTime;
      await until(video, "ended"); video.currentTime = 0.5; await until(video, "seeked");
      await video.play(); await reaching(() => video.currentTime > 1);
      return [...size, at >= 3 && at < 3.3, video.error, log.includes("error")];
    })()`);
    assert.deepEqual(seen, [true, 4, true, null, false]);
    await onDevice(rig, "the recording", (items) => items.some((item) => item.flowing));
    assert.ok((await nativeFrames(page)) <= PARKED_FRAMES, "decoded in the session");
    assert.deepEqual(errors, []);
    await page.close();
  });
}
