/**
 * Files by URL: a page that changes what its element plays, in each way that pages have, hears what
 * it hears of the browser, and the device plays it.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { errorsOf, nativeFrames, onDevice } from "./media.ts";
import { BrowserRig } from "./rig.ts";

/** Pictures that parked elements decode, for each file. */
const PARKED_FRAMES = 20;

let rig: BrowserRig;
let files: { mp4: string; webm: string };
before(async () => {
  rig = await BrowserRig.start();
  files = { mp4: await rig.clip("mp4"), webm: await rig.clip("webm") };
});
after(() => rig?.stop());

/** What a page does with its `video` to play the second file, without waiting in between. */
const WAYS: Record<string, string> = {
  src: "video.src = second; return video.play();",
  "the attribute": `video.setAttribute("src", second); return video.play();`,
  "the attribute as it was": `video.setAttribute("src", video.getAttribute("src") ?? second);
    return video.play();`,
  "sources, loaded": `video.removeAttribute("src");
    const source = document.createElement("source"); source.src = second;
    video.replaceChildren(source); video.load(); return video.play();`,
  "a new element": `video.remove(); globalThis.video = make();
    const source = document.createElement("source"); source.src = second; video.append(source);
    return video.play();`,
  "a source that is there after one that is not": `video.remove(); globalThis.video = make();
    for (const src of ["/none.mp4", second]) {
      const source = document.createElement("source"); source.src = src; video.append(source);
    }
    return video.play();`,
};

for (const [name, script] of Object.entries(WAYS)) {
  test(`another file: ${name}`, async () => {
    rig.status.record();
    const page = await rig.context.newPage();
    const errors = errorsOf(page);
    await page.goto(rig.url("/behaviour.html"));
    const said = await page.evaluate(`(async () => {
      const first = ${JSON.stringify(files.mp4)}, second = ${JSON.stringify(files.webm)};
      globalThis.video = make(); video.src = first; await video.play();
      await reaching(() => video.currentTime > 0.5); log.length = 0;
      const answer = await (async () => { ${script} })().then(() => "plays", (error) => error.name);
      await reaching(() => video.currentTime > 0.1 && video.currentTime < 0.5);
      await reaching(() => video.currentTime > 0.5);
      const known = [...new Set(log)].filter((type) => !["waiting", "emptied", "pause"].includes(type));
      return [answer, video.paused, known.join()];
    })()`);
    const heard = "play,loadstart,loadedmetadata,loadeddata,canplay,playing,canplaythrough";
    assert.deepEqual(said, ["plays", false, heard]);
    await onDevice(rig, "the other file", (items) => items.some((item) => item.flowing));
    assert.ok((await nativeFrames(page)) <= 2 * PARKED_FRAMES, "decoded in the session");
    assert.deepEqual(errors, []);
    await page.close();
  });
}

test("the autoplay attribute of a file that has sound", async () => {
  const page = await rig.context.newPage();
  const errors = errorsOf(page);
  await page.goto(rig.url("/behaviour.html"));
  // After a gesture of the user, as playwright makes it.
  const said = await page.evaluate(`(async () => {
    globalThis.video = make({ muted: false, autoplay: true, src: ${JSON.stringify(files.mp4)} });
    await reaching(() => video.currentTime > 0.3);
    return log.join();
  })()`);
  const heard = "loadstart,loadedmetadata,loadeddata,canplay,play,playing,canplaythrough";
  assert.equal(said, heard);
  await onDevice(rig, "the file", (items) => items.some((item) => item.flowing));
  assert.deepEqual(errors, []);
  await page.close();
});

test("what is no media pauses, and says why", async () => {
  const page = await rig.context.newPage();
  await page.goto(rig.url("/behaviour.html"));
  const said = await page.evaluate(`(async () => {
    const video = make({ src: "/nothing.mp4" });
    const why = await video.play().catch(({ name, message }) => name + ": " + message);
    return [why, log.join(), video.paused];
  })()`);
  const why = "NotSupportedError: Failed to load because no supported source was found.";
  assert.deepEqual(said, [why, "play,waiting,loadstart,error,pause", true]);
  await page.close();
});
