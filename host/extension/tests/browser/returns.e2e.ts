/**
 * What keeps an element in the session keeps it there no longer than it lasts: the device plays
 * again what comes next, or the same when it is shown in its page again.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { eventually } from "../../../../tests/session/wait.ts";
import { errorsOf, nativeFrames, PLAY_MS } from "./media.ts";
import { BrowserRig } from "./rig.ts";

let rig: BrowserRig;
let clip: string;
before(async () => {
  rig = await BrowserRig.start();
  clip = path.posix.dirname(await rig.clip("fmp4"));
});
after(() => rig?.stop());

const GONE_MS = 5000;

/** Plays on the device. */
async function playing(): Promise<{ page: Page; errors: string[] }> {
  const page = await rig.context.newPage();
  const errors = errorsOf(page);
  await page.goto(rig.url(`/behaviour.html?clip=${clip}`));
  await page.evaluate("(async () => { globalThis.video = await playing(); })()");
  await shown();
  return { page, errors };
}

async function shown(): Promise<void> {
  const flows = ({ items }: { items: { flowing: boolean }[] }) => items.some((it) => it.flowing);
  await rig.status.now.until("a picture on the device", flows, PLAY_MS);
}

/** Nothing flows on the device, and the session decodes pictures. */
async function inSession(page: Page): Promise<void> {
  const { status } = rig;
  const stands = ({ items }: { items: { flowing: boolean }[] }) => !items.some((it) => it.flowing);
  await status.now.until("nothing that flows", stands, GONE_MS);
  const before = await nativeFrames(page);
  const decodes = async () => ((await nativeFrames(page)) - before > 5 ? true : undefined);
  await eventually("pictures that the session decodes", decodes);
}

/** The element plays the clip once more, as another source. */
const NEXT = `(async () => {
  await fill(video); await video.play(); await reaching(() => video.currentTime > 0.5);
})()`;

/** What reads the element, and whether the next source plays on the device. */
const READERS: Record<string, { script: string; returns: boolean; reads: boolean }> = {
  "a canvas": {
    script: `document.createElement("canvas").getContext("2d").drawImage(video, 0, 0)`,
    reads: true,
    returns: true,
  },
  "a VideoFrame": { script: "new VideoFrame(video).close()", reads: true, returns: true },
  "a stream that ends": {
    script: `for (const track of video.captureStream().getTracks()) track.stop()`,
    reads: true,
    returns: true,
  },
  "a stream": {
    script: "globalThis.stream = video.captureStream()",
    reads: true,
    returns: false,
  },
  "an audio graph": {
    script: "new AudioContext().createMediaElementSource(video)",
    reads: true,
    returns: false,
  },
  "keys that are taken away": {
    script: "await video.setMediaKeys(null)",
    reads: false,
    returns: true,
  },
};

for (const [what, { script, reads, returns }] of Object.entries(READERS)) {
  test(`${what}, and another source`, async () => {
    const { page, errors } = await playing();
    await page.evaluate(`(async () => { ${script} })()`);
    if (reads) await inSession(page);
    await page.evaluate(NEXT);
    if (returns) await shown();
    else await inSession(page);
    assert.deepEqual(errors, []);
    await page.close();
  });
}

test("a picture that the page takes, and after a while the device again", async () => {
  const { page, errors } = await playing();
  await page.evaluate(`document.createElement("canvas").getContext("2d").drawImage(video, 0, 0)`);
  await inSession(page);
  await page.evaluate("log.length = 0");
  await shown();
  // It has looped meanwhile.
  const heard = await page.evaluate<string[]>("log");
  const rounds = new Set(["seeking", "waiting", "seeked", "canplay", "playing", "canplaythrough"]);
  assert.deepEqual(
    heard.filter((type) => !rounds.has(type)),
    [],
  );
  assert.deepEqual(errors, []);
  await page.close();
});

test("a page that comes when the host has been let go", async () => {
  const { page } = await playing();
  await page.close();
  const isGone = async () => (rig.relays().length === 0 ? true : undefined);
  await eventually("end of the port", isGone, PLAY_MS);
  const next = await playing();
  assert.deepEqual(next.errors, []);
  await next.page.close();
});

test("picture-in-picture that the browser refuses", async () => {
  const { page, errors } = await playing();
  const refusal = await page.evaluate(`(async () => {
    video.disablePictureInPicture = true;
    return video.requestPictureInPicture().catch(({ name }) => name);
  })()`);
  assert.equal(refusal, "InvalidStateError");
  await page.evaluate("reaching(() => video.currentTime > 1)");
  await shown();
  assert.deepEqual(errors, []);
  await page.close();
});

test("picture-in-picture, and back", async () => {
  const { page, errors } = await playing();
  await page.evaluate("video.requestPictureInPicture()");
  await inSession(page);
  await page.evaluate("document.exitPictureInPicture()");
  await shown();
  const frames = await nativeFrames(page);
  await page.evaluate("reaching(() => video.currentTime > 3)");
  assert.ok((await nativeFrames(page)) - frames < 40, "the session decodes");
  assert.deepEqual(errors, []);
  await page.close();
});

test("media that are protected play in the session, and others on the device again", async () => {
  const { page, errors } = await playing();
  // The browser says so at the box with what a licence is asked for by, `pssh`.
  await page.evaluate(`(async () => {
    const init = new Uint8Array(await segment("init.mp4")); const view = new DataView(init.buffer);
    let at = 0;
    while (view.getUint32(at + 4) !== 0x6d6f6f76) at += view.getUint32(at);
    const end = at + view.getUint32(at); view.setUint32(at, view.getUint32(at) + 32);
    const box = [0, 0, 0, 32, 0x70, 0x73, 0x73, 0x68, 0, 0, 0, 0, 0x10, 0x77, 0xef, 0xec, 0xc0,
      0xb2, 0x4d, 0x02, 0xac, 0xe3, 0x3c, 0x1e, 0x52, 0xe2, 0xfb, 0x4b, 0, 0, 0, 0];
    const marked = new Uint8Array([...init.slice(0, end), ...box, ...init.slice(end)]);
    const source = await openSource(video); const buffer = source.addSourceBuffer(MIME);
    const told = until(video, "encrypted"); buffer.appendBuffer(marked);
    await until(buffer, "updateend"); await told;
    for (const name of segments().slice(1)) {
      buffer.appendBuffer(await segment(name)); await until(buffer, "updateend");
    }
    await video.play();
  })()`);
  await inSession(page);
  await page.evaluate(NEXT);
  await shown();
  assert.deepEqual(errors, []);
  await page.close();
});

test("a MediaSource of a worker plays in the session", async () => {
  const { page, errors } = await playing();
  await page.evaluate(`(async () => {
    const run = async ({ data: [folder, names, mime] }) => {
      const source = new MediaSource();
      postMessage(source.handle, [source.handle]);
      await new Promise((resolve) => { source.onsourceopen = resolve; });
      const buffer = source.addSourceBuffer(mime);
      for (const name of names) {
        buffer.appendBuffer(await (await fetch(folder + "/" + name)).arrayBuffer());
        await new Promise((resolve) => { buffer.onupdateend = resolve; });
      }
      source.endOfStream();
    };
    const worker = new Worker(URL.createObjectURL(new Blob(["onmessage = " + run])));
    worker.postMessage([new URL(folder, location.href).href, segments(), MIME]);
    video.srcObject = (await until(worker, "message")).data;
    await video.play();
  })()`);
  await inSession(page);
  const popup = await rig.popup(page);
  await popup.getByText("The page feeds the media from a worker").first().waitFor();
  await popup.close();
  assert.deepEqual(errors, []);
  await page.close();
});

test("a page that opens its document anew plays in the session, and nothing on the device", async () => {
  const { page, errors } = await playing();
  await page.evaluate(`(async () => {
    document.open(); document.write("<!doctype html><body>"); document.close();
    globalThis.video = make(); await fill(video); video.loop = true; await video.play();
  })()`);
  await inSession(page);
  await rig.status.now.until("nothing on the device", ({ items }) => items.length === 0, GONE_MS);
  assert.deepEqual(errors, []);
  await page.close();
});
