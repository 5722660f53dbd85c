/**
 * What the tests ask pages and device while media plays.
 */
import assert from "node:assert/strict";
import type { Frame, Page } from "playwright-core";
import type { Item } from "../../../../tests/session/status.ts";
import type { BrowserRig } from "./rig.ts";

/** Playing a clip of four seconds to its end takes no longer, on a busy machine. */
export const PLAY_MS = 60_000;

/** Uncaught errors of a page and its frames; players report what is fatal as one. */
export function errorsOf(page: Page): string[] {
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  return errors;
}

/** Plays all elements of player.html by a click, once their players have them. */
export async function playAll(page: Page): Promise<void> {
  await page.locator("#play[data-ready]").click({ timeout: PLAY_MS });
}

/** Waits until every element that the page put into `media` has ended. */
export function ended(page: Page): Promise<void> {
  return endedIn(page.mainFrame());
}

export async function endedIn(frame: Frame | undefined): Promise<void> {
  assert.ok(frame, "no such frame");
  const hasEnded = () => media.length > 0 && media.every((element) => element.ended);
  await frame.waitForFunction(hasEnded, undefined, { timeout: PLAY_MS, polling: 100 });
}

/** Waits until the first element is at least there, in seconds. */
export async function reached(page: Page, position: number): Promise<void> {
  const isThere = (at: number) => media.length > 0 && (media[0]?.currentTime ?? 0) >= at;
  await page.waitForFunction(isThere, position, { timeout: PLAY_MS, polling: 100 });
}

/** Waits until the device says of its items, past ones included, what `holds`. */
export async function onDevice(
  rig: BrowserRig,
  what: string,
  holds: (items: Item[]) => boolean,
): Promise<Item[]> {
  const { status } = rig;
  await status.now.until(
    what,
    () => holds(status.recording.items),
    PLAY_MS,
    () => JSON.stringify(status.recording),
  );
  return status.recording.items;
}

/** Pictures that the browser itself decoded for the page's videos, extension or not. */
export async function nativeFrames(page: Page): Promise<number> {
  const devtools = await page.context().newCDPSession(page);
  try {
    const { frameTree } = await devtools.send("Page.getFrameTree");
    // In a world of its own the prototypes are the browser's.
    const { executionContextId } = await devtools.send("Page.createIsolatedWorld", {
      frameId: frameTree.frame.id,
    });
    const { result } = await devtools.send("Runtime.evaluate", {
      contextId: executionContextId,
      expression: `[...document.querySelectorAll("video")]
        .reduce((sum, video) => sum + video.getVideoPlaybackQuality().totalVideoFrames, 0)`,
      returnByValue: true,
    });
    assert.equal(typeof result.value, "number");
    return result.value;
  } finally {
    await devtools.detach();
  }
}

declare global {
  /** The media elements under test, put here by the pages. */

  var media: HTMLMediaElement[];
}
