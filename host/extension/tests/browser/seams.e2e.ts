/** From the device to the browser, to another device and back: the page notices nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench } from "./bench.ts";
import { nativeFrames, PLAY_MS } from "./media.ts";

const bench = new Bench();

/** What reads an element, and then the browser plays it. */
const CAPTURES: readonly (readonly [string, string])[] = [
  ["a canvas", `document.createElement("canvas").getContext("2d").drawImage(video, 0, 0)`],
  ["captureStream", "video.captureStream()"],
  ["Web Audio", "new AudioContext().createMediaElementSource(video)"],
  ["an ImageBitmap", "createImageBitmap(video)"],
  ["a VideoFrame", "new VideoFrame(video).close()"],
];

for (const [name, script] of CAPTURES) {
  test(`the browser plays on for ${name}, and the page hears nothing`, async () => {
    const { page, errors } = await bench.open();
    await page.evaluate("(async () => { globalThis.video = await playing(); })()");
    await bench.onDevice(page);
    const seen = await page.evaluate(`(async () => {
      const before = video.currentTime; ${script}; const { paused, seeking } = video;
      await reaching(() => video.currentTime > before + 0.3 || video.currentTime < before);
      return [paused, seeking, video.currentTime - before < 1, log.join()];
    })()`);
    assert.deepEqual(seen, [false, false, true, ""]);
    assert.ok((await nativeFrames(page)) > 0);
    assert.deepEqual(errors, []);
    await page.close();
  });
}

test("the browser plays on in the task of a play(), and the page hears nothing else", async () => {
  const { page, errors } = await bench.open();
  await page.evaluate("(async () => { globalThis.video = await playing(); })()");
  await bench.onDevice(page);
  const seen = await page.evaluate(`(async () => {
    const at = video.currentTime; video.pause(); const played = video.play();
    document.createElement("canvas").getContext("2d").drawImage(video, 0, 0);
    await played; await reaching(() => video.currentTime > at + 0.3 || video.currentTime < at);
    return log.join();
  })()`);
  assert.equal(seen, "pause,play,playing");
  assert.deepEqual(errors, []);
  await page.close();
});

test("a stage that dies is not noticed, and neither is the next", async () => {
  const { page, errors } = await bench.open();
  await page.evaluate("(async () => { globalThis.video = await playing(); })()");
  await bench.onDevice(page);
  const pidOfStage = () =>
    bench.rig.status.now.value.processes.find(({ role }) => role === "stage")?.pid;
  const killed = pidOfStage();
  assert.ok(killed !== undefined);
  process.kill(killed, "SIGKILL");
  await bench.rig.status.now.until(
    "another stage",
    () => (pidOfStage() ?? killed) !== killed,
    PLAY_MS,
  );
  const isShown = ({ items }: { items: { flowing: boolean }[] }) => items.some((it) => it.flowing);
  await bench.rig.status.now.until("a picture again", isShown, PLAY_MS);
  const seen = await page.evaluate("[video.paused, video.readyState]");
  assert.deepEqual(seen, [false, 4]);
  const heard = await page.evaluate<string[]>("log");
  const rounds = new Set(["seeking", "waiting", "seeked", "canplay", "playing", "canplaythrough"]);
  assert.ok(
    heard.every((type) => rounds.has(type)),
    `nothing but the loop's own: ${heard}`,
  );
  assert.deepEqual(errors, []);
  await page.close();
});

test("a stage that dies during a seek does not keep the page waiting", async () => {
  const { page, errors } = await bench.open();
  await page.evaluate("(async () => { globalThis.video = await playing(); })()");
  await bench.onDevice(page);
  const stage = bench.rig.status.now.value.processes.find(({ role }) => role === "stage")?.pid;
  assert.ok(stage !== undefined);
  process.kill(stage, "SIGSTOP");
  try {
    await page.evaluate("video.currentTime = 3; until(video, 'seeking')");
    assert.equal(await page.evaluate("video.seeking"), true);
  } finally {
    process.kill(stage, "SIGKILL");
  }
  await page.waitForFunction("log.includes('seeked')", undefined, { timeout: PLAY_MS });
  await page.waitForFunction("video.currentTime > 3.3 || video.currentTime < 1");
  const heard = await page.evaluate<string[]>("log");
  assert.equal(heard.filter((type) => type === "pause" || type === "play").length, 0, `${heard}`);
  assert.deepEqual(errors, []);
  await page.close();
});
