/**
 * A device that comes when the media have begun: it plays from the next part on that the page
 * appends, and the browser plays what only the browser has.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { eventually } from "../../../../tests/session/wait.ts";
import { errorsOf, nativeFrames, onDevice, PLAY_MS } from "./media.ts";
import { BrowserRig, type RigOptions } from "./rig.ts";

async function withPage(
  options: RigOptions,
  body: (rig: BrowserRig, page: Page) => Promise<void>,
): Promise<void> {
  const rig = await BrowserRig.start(options);
  try {
    await rig.worker();
    const clip = path.posix.dirname(await rig.clip("fmp4"));
    const page = await rig.context.newPage();
    const errors = errorsOf(page);
    await page.goto(rig.url(`/behaviour.html?clip=${clip}`));
    await body(rig, page);
    assert.deepEqual(errors, []);
  } finally {
    await rig.stop();
  }
}

/** The first two seconds of the clip are there and play. */
async function begin(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const video = make();
    globalThis.buffer = await fill(video, 2);
    await video.play();
    await reaching(() => video.currentTime > 0.3);
  });
}

/**
 * Gives the page's video the rest of the clip, in pieces of `size` bytes: two seconds, which come
 * `rounds` times, one after the other.
 */
async function goOn(page: Page, size = Number.POSITIVE_INFINITY, rounds = 1): Promise<void> {
  await page.evaluate(
    async ({ most, rounds }) => {
      for (let round = 0; round < 2 * rounds; round++) {
        buffer.timestampOffset = 2 * Math.floor(round / 2);
        const whole = await segment(`index${2 + (round % 2)}.m4s`);
        for (let at = 0; at < whole.byteLength; at += most) {
          buffer.appendBuffer(whole.slice(at, Math.min(whole.byteLength, at + most)));
          await until(buffer, "updateend");
        }
      }
    },
    { most: Math.min(size, 1 << 24), rounds },
  );
}

/** The page has been told that there is a device, and plays in the session. */
async function reachedLate(rig: BrowserRig, page: Page): Promise<void> {
  const says = async () => {
    const text = await rig.tooltip(page);
    return text.includes("The device was reached after the media had begun.") ? text : undefined;
  };
  assert.match(await eventually("a device", says), /Nearside: Loaded/);
}

const flows = (rig: BrowserRig) =>
  onDevice(rig, "pictures on the device", (items) =>
    items.some((item) => (item.video?.presented ?? 0) > 10),
  );

function logOf(page: Page): Promise<string[]> {
  return page.evaluate(() => log.splice(0));
}

test("a device that comes while it plays", async () => {
  await withPage({ agent: false }, async (rig, page) => {
    await begin(page);
    await rig.startAgent();
    rig.status.record();
    await reachedLate(rig, page);
    await goOn(page);
    await flows(rig);
    await page.evaluate(() => reaching(() => (media[0]?.currentTime ?? 0) > 3));
    const told = await logOf(page);
    for (const never of ["pause", "seeking", "emptied", "error"]) {
      assert.ok(!told.includes(never), `${never} in ${told}`);
    }
    assert.equal(told.filter((type) => type === "play").length, 1, String(told));

    // Where only the browser has media it plays, and then the device does again.
    const before = await nativeFrames(page);
    await page.evaluate(async () => {
      const [video] = media as [HTMLVideoElement];
      video.currentTime = 0.5;
      await reaching(() => !video.seeking && video.currentTime > 1.5);
    });
    assert.ok((await nativeFrames(page)) - before > 20, "the browser plays what it alone has");
    const isShown = ({ items }: { items: { flowing: boolean }[] }) =>
      items.some((it) => it.flowing);
    await rig.status.now.until("pictures on the device again", isShown, PLAY_MS);
    await page.evaluate(() => reaching(() => (media[0]?.currentTime ?? 0) > 3));
    const sought = await logOf(page);
    const counts = ["play", "pause", "seeking", "seeked"].map(
      (type) => sought.filter((one) => one === type).length,
    );
    assert.deepEqual(counts, [0, 0, 1, 1], String(sought));
  });
});

test("a device that comes while the page appends in pieces that are cut anywhere", async () => {
  await withPage({ agent: false }, async (rig, page) => {
    await begin(page);
    await rig.startAgent();
    rig.status.record();
    await reachedLate(rig, page);
    await goOn(page, 1234);
    await flows(rig);
    await page.evaluate(() => reaching(() => (media[0]?.currentTime ?? 0) > 3.5));
  });
});

test("a switch that admits the site while it plays", async () => {
  await withPage({ settings: { video_all_sites: false } }, async (rig, page) => {
    await begin(page);
    await (await rig.worker()).evaluate(() => chrome.storage.local.set({ videoAllSites: true }));
    await reachedLate(rig, page);
    await goOn(page);
    await flows(rig);
  });
});

test("a host that was killed gets the rest of what plays", async () => {
  await withPage({}, async (rig, page) => {
    // What begins before that is late, too.
    await rig.status.now.until("the session", ({ session }) => session !== null);
    await begin(page);
    await flows(rig);
    for (const pid of rig.hosts()) process.kill(pid, "SIGKILL");
    rig.status.record();
    await reachedLate(rig, page);
    // A busy machine may take longer for the device's start than for two seconds.
    await goOn(page, undefined, 10);
    await flows(rig);
    await page.evaluate(() => reaching(() => (media[0]?.currentTime ?? 0) > 3.5));
  });
});

test("a page that gets nothing more plays to its end in the session", async () => {
  await withPage({ agent: false }, async (rig, page) => {
    await page.evaluate(async () => {
      const video = make();
      await fill(video);
      await video.play();
    });
    await rig.startAgent();
    await page.waitForFunction(() => media[0]?.ended, undefined, { timeout: PLAY_MS });
    assert.ok((await nativeFrames(page)) > 100);
  });
});

declare global {
  function make(): HTMLVideoElement;
  function fill(video: HTMLVideoElement, count?: number): Promise<SourceBuffer>;
  function until(target: EventTarget, type: string): Promise<void>;
  function reaching(holds: () => boolean): Promise<void>;
  function segment(name: string): Promise<ArrayBuffer>;
  var buffer: SourceBuffer;
  var log: string[];
}
