/** Media elements in all the places where pages have them, two at once, and in frames. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Frame } from "playwright-core";
import type { Item } from "../../../../tests/session/status.ts";
import { Layouts } from "./layouts.ts";
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

for (const [what, depth] of [
  ["another site in a closed shadow tree", 1],
  ["a frame in a frame of another site", 2],
] as const) {
  test(`the place of a video in frames: ${what}`, async () => {
    rig.status.record();
    const page = await rig.context.newPage();
    await page.goto(rig.url("/plain.html"));
    const player = `player.html?with=hls&src=${await rig.clip("long")}`;
    const inner = depth === 1 ? player : `framed.html?how=src&${player.split("?")[1]}`;
    const address = rig.url(`/${inner}`).replace("127.0.0.1", "localhost");
    await page.evaluate((address) => {
      const host = document.createElement("div");
      host.style.cssText = "position: absolute; left: 50px; top: 40px";
      const frame = document.createElement("iframe");
      frame.style.cssText = "border: 5px solid; width: 700px; height: 500px";
      frame.allow = "autoplay";
      frame.src = address;
      host.attachShadow({ mode: "closed" }).append(frame);
      document.body.append(host);
    }, address);
    const isPlayer = (frame: Frame) => frame.url().includes("/player.html");
    const last =
      page.frames().find(isPlayer) ?? (await page.waitForEvent("framenavigated", isPlayer));
    await last.locator("#play[data-ready]").click({ timeout: PLAY_MS });
    await onDevice(rig, "a picture", (items) => items.some((item) => item.flowing));
    const layouts = await Layouts.of(page, page.frames()[1], last.url());
    // Where its frames are in each other, and it in the last one.
    let [x, y] = [0, 0];
    for (const [at, frame] of page.frames().entries()) {
      const selector = at < depth ? "iframe" : "video";
      // Scripts of the page do not see what is in the tree.
      const place =
        at === 0
          ? [55, 45]
          : await frame.locator(selector).evaluate((element) => {
              const { left, top } = element.getBoundingClientRect();
              return [left, top];
            });
      [x, y] = [x + (place[0] ?? 0), y + (place[1] ?? 0)];
    }
    const origin = await page.evaluate(() => screenX + (outerWidth - innerWidth) / 2);
    await layouts.until(`its place ${x}, ${y}`, ({ rect, visible }) => {
      return visible && Math.abs(rect.x - x - origin) <= 1 && rect.width === 480;
    });
    // What moves a frame moves the picture in it.
    const before = await layouts.last;
    await page.evaluate(() => {
      document.body.lastElementChild?.setAttribute(
        "style",
        "position: absolute; left: 80px; top: 70px",
      );
    });
    await layouts.until("its new place", ({ rect }) => {
      return rect.x - (before?.rect.x ?? 0) === 30 && rect.y - (before?.rect.y ?? 0) === 30;
    });
    // Nobody's page has heard of that; what pages say to each other arrives.
    for (const frame of page.frames()) {
      assert.deepEqual(await frame.evaluate("heard"), []);
      const heard = await frame.evaluate(async () => {
        for (const words of ["nearside-place", crypto.randomUUID()]) {
          postMessage(words, "*", [new MessageChannel().port2]);
        }
        await new Promise((resolve) => setTimeout(resolve, 200));
        return (globalThis as unknown as { heard: [string, number][] }).heard.map(
          ([, ports]) => ports,
        );
      });
      assert.deepEqual(heard, [1, 1]);
    }
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
