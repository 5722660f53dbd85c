// Where the picture lies on the device's screen: over the video in the RDP client's window, to
// the pixel, whatever is moved, scrolled, covered or scaled; and nowhere else.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import type { Page } from "../page.ts";
import { countCorners, edgeError, findColour, findPicture, readNumber } from "../picture.ts";
import { overlayAt, startPlaying, videoRect } from "../play.ts";
import { eventually } from "../wait.ts";
import type { Rect } from "../x11.ts";
import type { Place } from "./all.ts";
import { playerUrl } from "./players.ts";

/** The picture comes to its new place within this time; how fast is a matter of measurement. */
export const FOLLOW_MS = 6_000;

export function overlayCases(chosen: (name: string) => boolean, place: () => Promise<Place>): void {
  const want = (name: string) => chosen(`overlay ${name}`);
  describe("overlay", () => {
    const wanted = Object.entries(CASES).filter(([name]) => want(name));
    if (wanted.length === 0) return;
    let page: Page;
    before(async () => {
      const { rig, browser } = await place();
      page = await startPlaying(rig, browser, await playerUrl(rig, "hls", ["long"], LOOPED));
    });
    after(() => page?.close());

    for (const [name, run] of wanted) test(name, async () => run(await place(), page));
  });

  if (want("scaled desktop"))
    test("overlay, at a desktop scale of 150 %", async () => scaled(await place()));
  if (want("smart sizing"))
    test("overlay, with smart sizing", async () => smartSizing(await place()));
}

const CASES: Record<string, (there: Place, page: Page) => Promise<void>> = {
  "lies on the video": (there, page) => lies(there, page, 0),
  "moves, while the session's picture does not": playsHere,
  "follows a page that scrolls": scrolls,
  "is clipped by what scrolls the page": isClipped,
  "leaves out what the page covers": isCovered,
  "follows the browser's window": browserMoves,
  "goes with a tab that is not in front": tabSwitches,
  "goes with a browser that is minimised": browserIsMinimised,
  "fills the desktop": fillsDesktop,
  "moves with the RDP client's window": clientMoves,
  "goes with an RDP client that is minimised": clientIsMinimised,
};

export const LOOPED = { query: "loop=1" };

/** The picture is found at its place, off by at most `most` pixels. */
export async function lies({ rig }: Place, page: Page, most: number): Promise<void> {
  let last = "";
  await eventually(
    "picture at its place",
    async () => {
      const rect = await videoRect(page);
      if (!rect) return undefined;
      const overlay = await overlayAt(rig, rect);
      last = JSON.stringify(overlay);
      const { actual_px, expected_px, found_by } = overlay;
      if (!actual_px || found_by !== "colours") return undefined;
      return edgeError(actual_px, expected_px) <= most ? true : undefined;
    },
    FOLLOW_MS,
    () => last,
  );
}

/** Pixels that happen to have the colour of a block, in icons. */
const STRAY_PIXELS = 60;

/** Nothing of the clip's colours is anywhere on the device's screen. */
export async function isNowhere({ rig }: Place): Promise<void> {
  let count = 0;
  const look = async () => {
    count = countCorners(await rig.device.display.image());
    return count <= STRAY_PIXELS ? true : undefined;
  };
  await eventually("screen without the picture", look, FOLLOW_MS, () => `${count} pixels`);
}

async function playsHere({ rig }: Place, page: Page): Promise<void> {
  const remote = await videoRect(page);
  assert.ok(remote);
  const numberOn = async (where: "device" | "session") => {
    const display = where === "device" ? rig.device.display : rig.session;
    const image = await display.image();
    const rect = where === "device" ? findPicture(image) : remote;
    return rect && readNumber(image, rect);
  };
  const [device, session] = [await numberOn("device"), await numberOn("session")];
  await eventually("new picture on the device", async () => {
    const next = await numberOn("device");
    return next !== undefined && next !== device ? true : undefined;
  });
  assert.equal(await numberOn("session"), session, "the session's own picture moves");
}

async function scrolls(there: Place, page: Page): Promise<void> {
  await page.evaluate("scrollTo(0, 30)");
  await lies(there, page, 0);
  await page.evaluate("scrollTo(0, 0)");
  await lies(there, page, 0);
}

async function isClipped({ rig }: Place, page: Page): Promise<void> {
  await page.evaluate("scrollTo(0, 140)");
  let last = "";
  await eventually(
    "picture that ends at the page's edge",
    async () => {
      const remote = await videoRect(page);
      if (!remote) return undefined;
      const expected = await rig.device.local(remote);
      const image = await rig.device.display.image();
      // The two lower corners are there, the upper ones have gone beneath the browser's bars.
      const [blue, red] = [findColour(image, [0, 0, 255]), findColour(image, [255, 0, 0])];
      last = JSON.stringify({ expected, blue, red });
      if (!blue || red) return undefined;
      const bottom = Math.abs(blue.y + blue.height - expected.y - expected.height);
      return bottom <= 0 && Math.abs(blue.x - expected.x) <= 0 ? true : undefined;
    },
    FOLLOW_MS,
    () => last,
  );
  await page.evaluate("scrollTo(0, 0)");
}

async function isCovered(there: Place, page: Page): Promise<void> {
  const { rig } = there;
  const rgb = [255, 0, 255];
  await page.evaluate(`(() => {
    const cover = document.createElement("div");
    cover.id = "cover";
    cover.style.cssText = "position:absolute;left:200px;top:100px;width:160px;height:90px;" +
      "z-index:5;background:rgb(${rgb})";
    document.body.append(cover);
  })()`);
  const expected = await rig.device.local(await rectOf(page, "#cover"));
  let last = "";
  await eventually(
    "part of the page before the picture",
    async () => {
      const found = findColour(await rig.device.display.image(), rgb);
      last = JSON.stringify({ expected, found });
      return found && edgeError(found, expected) === 0 ? true : undefined;
    },
    FOLLOW_MS,
    () => last,
  );
  await lies(there, page, 0);
  await page.evaluate('document.querySelector("#cover").remove()');
}

/** Where an element of the page lies on the remote desktop, at a scale of one. */
export async function rectOf(page: Page, selector: string): Promise<Rect> {
  return page.evaluateIsolated(`(() => {
    const { x, y, width, height } = document.querySelector("${selector}").getBoundingClientRect();
    const border = (outerWidth - innerWidth) / 2;
    return { x: screenX + border + x, y: screenY + outerHeight - innerHeight - border + y,
      width, height };
  })()`);
}

async function browserMoves(there: Place, page: Page): Promise<void> {
  const before = await setBounds(page, { left: 20, top: 25 });
  await lies(there, page, 0);
  await setBounds(page, { left: before.left, top: before.top });
  await lies(there, page, 0);
}

async function browserIsMinimised(there: Place, page: Page): Promise<void> {
  await setBounds(page, { windowState: "minimized" });
  try {
    await isNowhere(there);
  } finally {
    await setBounds(page, { windowState: "normal" });
  }
  await lies(there, page, 0);
}

export async function setBounds(
  page: Page,
  bounds: object,
): Promise<{ left: number; top: number }> {
  const known = await page.send("Browser.getWindowForTarget", { targetId: page.target });
  await page.send("Browser.setWindowBounds", { windowId: known.windowId, bounds });
  return known.bounds;
}

async function tabSwitches(there: Place, page: Page): Promise<void> {
  const other = await there.browser.page();
  try {
    await isNowhere(there);
  } finally {
    await other.close();
    await page.send("Target.activateTarget", { targetId: page.target });
  }
  await lies(there, page, 0);
}

async function fillsDesktop(there: Place, page: Page): Promise<void> {
  await page.evaluate('document.querySelector("video").requestFullscreen()');
  await lies(there, page, 0);
  await page.evaluate("document.exitFullscreen()");
  await lies(there, page, 0);
}

async function clientMoves(there: Place, page: Page): Promise<void> {
  const { x, y } = (await there.rig.device.clientWindow()).rect;
  await tellClient(there, "windowmove", "30", "40");
  await eventually("RDP client at its new place", async () => {
    const { rect } = await there.rig.device.clientWindow();
    return rect.x !== x && rect.y !== y ? true : undefined;
  });
  await lies(there, page, 0);
}

async function clientIsMinimised(there: Place, page: Page): Promise<void> {
  const { id } = await there.rig.device.clientWindow();
  await tellClient(there, "windowminimize");
  await isNowhere(there);
  await tellClient(there, "windowactivate", { id });
  await lies(there, page, 0);
}

async function tellClient({ rig }: Place, what: string, ...more: (string | { id: number })[]) {
  const given = more.find((one) => typeof one === "object");
  const id = given?.id ?? (await rig.device.clientWindow()).id;
  const words = more.filter((one) => typeof one === "string");
  execFileSync("xdotool", [what, String(id), ...words], { env: rig.device.env });
}

async function scaled(there: Place): Promise<void> {
  const { rig } = there;
  const browser = await rig.browser(false, { scale: 1.5 });
  try {
    const query = `${LOOPED.query}&width=480`;
    const page = await startPlaying(rig, browser, await playerUrl(rig, "hls", ["long"], { query }));
    await lies({ rig, browser }, page, 1);
    await page.close();
  } finally {
    await browser.close();
  }
}

async function smartSizing(there: Place): Promise<void> {
  const { rig, browser } = there;
  await rig.device.disconnect();
  try {
    await rig.connect(["/smart-sizing:800x600"]);
    await rig.untilConnected();
    const page = await startPlaying(rig, browser, await playerUrl(rig, "hls", ["long"], LOOPED));
    await lies(there, page, 1);
    await page.close();
  } finally {
    await rig.device.disconnect();
    await rig.connect();
    await rig.untilConnected();
  }
}
