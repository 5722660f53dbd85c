/** Media elements in all the places where pages have them, two at once, and in frames. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Item } from "../../../../tests/session/status.ts";
import { ended, endedIn, errorsOf, nativeFrames, onDevice, PLAY_MS, playAll } from "./media.ts";
import { BrowserRig } from "./rig.ts";

let rig: BrowserRig;
let clip: string;
before(async () => {
  rig = await BrowserRig.start();
  clip = await rig.clip("fmp4");
});
after(() => rig?.stop());

/** So many elements have played most of their clip on the device. */
function havePlayed(count: number): (items: Item[]) => boolean {
  const most = (item: Item) => item.position_micros >= 3_500_000 && item.failed === null;
  return (items) => items.filter(most).length >= count;
}

for (const place of ["shadow", "markup", "clone", "nowhere", "audio", "moving"]) {
  test(`an element: ${place}`, async () => {
    rig.status.record();
    const page = await rig.context.newPage();
    const errors = errorsOf(page);
    await page.goto(rig.url(`/player.html?with=hls&in=${place}&src=${clip}`));
    await playAll(page);
    await ended(page);
    await onDevice(rig, "the end", havePlayed(1));
    assert.deepEqual(errors, []);
    await page.close();
  });
}

test("two videos at once", async () => {
  rig.status.record();
  const page = await rig.context.newPage();
  const errors = errorsOf(page);
  await page.goto(rig.url(`/player.html?with=hls&src=${clip}&src=${clip}`));
  await playAll(page);
  const tooltip = "Nearside: A video is being redirected.";
  await onDevice(rig, "both at once", (items) => items.filter((item) => item.flowing).length === 2);
  assert.equal(await rig.tooltip(page), tooltip);
  await ended(page);
  await onDevice(rig, "both ends", havePlayed(2));
  assert.deepEqual(errors, []);
  assert.ok((await nativeFrames(page)) <= 48);
  await page.close();
});

test("two tabs at once", async () => {
  rig.status.record();
  const pages = await Promise.all([0, 1].map(() => rig.context.newPage()));
  for (const page of pages) {
    await page.goto(rig.url(`/player.html?with=hls&src=${clip}`));
    await playAll(page);
  }
  await Promise.all(pages.map(ended));
  const items = await onDevice(rig, "both ends", havePlayed(2));
  assert.equal(new Set(items.map((item) => item.page)).size, 2);
  for (const page of pages) await page.close();
  await rig.status.now.until("no items", ({ items: left }) => left.length === 0);
});

for (const how of ["src", "sandbox"]) {
  test(`a frame: ${how}`, async () => {
    rig.status.record();
    const page = await rig.context.newPage();
    const errors = errorsOf(page);
    await page.goto(rig.url(`/framed.html?how=${how}&with=hls&src=${clip}`));
    const frame = page.frameLocator("iframe");
    await frame.locator("#play[data-ready]").click({ timeout: PLAY_MS });
    await endedIn(page.frames().at(-1));
    await onDevice(rig, "the end", havePlayed(1));
    assert.deepEqual(errors, []);
    await page.close();
  });
}

test("twenty tabs opened and closed leave nothing behind", async () => {
  for (let round = 0; round < 20; round += 1) {
    const page = await rig.open(`/player.html?with=hls&src=${clip}`);
    await page.waitForFunction(() => globalThis.media?.length > 0);
    await page.close();
  }
  const isQuiet = ({ items, processes }: { items: Item[]; processes: { role: string }[] }) =>
    items.length === 0 && processes.every(({ role }) => role !== "stage");
  await rig.status.now.until("no stages", isQuiet, PLAY_MS, (now) => JSON.stringify(now.processes));
});
