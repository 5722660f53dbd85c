// The usual players, each with a real clip, from the click to `ended`.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Browser } from "../browser.ts";
import { type ClipName, FRAMES } from "../clips.ts";
import type { MediaEvent } from "../page.ts";
import { play } from "../play.ts";
import type { Report } from "../report.ts";
import type { Rig } from "../rig.ts";
import { elapse, STEP_MS } from "../wait.ts";

interface Case {
  name: string;
  player: "hls" | "dash" | "shaka" | "videojs" | "file";
  clips: ClipName[];
  live?: boolean;
  query?: string;
  /** Pictures to be accounted for; the clip's, unless the player may leave some out. */
  frames?: number;
  /** Pictures that the player may leave out, or show twice, at the start. */
  skipped?: number;
}

const CASES: Case[] = [
  { name: "hls.js, fMP4", player: "hls", clips: ["fmp4"] },
  // Its pictures begin a little after zero: hls.js may seek over the gap, or play through it.
  { name: "hls.js, MPEG-TS", player: "hls", clips: ["ts"], skipped: 8 },
  { name: "hls.js, a playlist that grows", player: "hls", clips: ["fmp4"], live: true, frames: 0 },
  // Renditions overlap where they change: how many pictures that makes is the player's affair.
  {
    name: "hls.js, renditions change",
    player: "hls",
    clips: ["abr"],
    query: "switch=1",
    frames: 0,
  },
  { name: "dash.js", player: "dash", clips: ["dash"] },
  { name: "shaka, DASH", player: "shaka", clips: ["dash"] },
  { name: "shaka, HLS", player: "shaka", clips: ["fmp4"] },
  { name: "video.js, HLS", player: "videojs", clips: ["fmp4"] },
  { name: "progressive, MP4", player: "file", clips: ["mp4"] },
  { name: "progressive, WebM", player: "file", clips: ["webm"] },
  { name: "two videos at once", player: "shaka", clips: ["fmp4", "dash"], frames: 2 * FRAMES },
];

/** The browser decodes, from the key frame before, the picture where an element is parked. */
const NATIVE_FRAMES_A_PLAYER = 16;

/** Playing time at most, in seconds. */
const SECONDS = 25;

export async function playerUrl(
  rig: Rig,
  player: string,
  clips: ClipName[],
  { live = false, query = "" } = {},
): Promise<string> {
  const parameters = new URLSearchParams(query);
  parameters.set("with", player);
  for (const name of clips) {
    const path = await rig.clip(name);
    parameters.append("src", live ? `/live${path}?since=${Date.now()}` : path);
  }
  return rig.server.url(`/player.html?${parameters}`);
}

export function playerCases(
  chosen: (name: string) => boolean,
  place: () => Promise<{ rig: Rig; browser: Browser }>,
): void {
  describe("players", () => {
    for (const one of CASES.filter(({ name }) => chosen(`players ${name}`))) {
      test(one.name, async () => {
        const { rig, browser } = await place();
        const { player, clips, live = false, query = "" } = one;
        const url = await playerUrl(rig, player, clips, { live, query });
        const report = await play(rig, browser, url, {
          seconds: SECONDS,
          clickAll: true,
          frames: FRAMES,
        });
        check(report, one, rig.options.native ?? false);
      });
    }
    if (chosen(`players ${UNSEEN}`)) test(UNSEEN, async () => unseen(await place()));
    if (chosen(`players ${TIMERS}`)) test(TIMERS, async () => timers(await place()));
    if (chosen(`players ${FROZEN}`)) test(FROZEN, async () => frozen(await place()));
  });
}

const UNSEEN = "files one after the other, in a tab behind another";

/** Browsers load nothing in such a tab but for who has played before. */
async function unseen({ rig, browser }: { rig: Rig; browser: Browser }): Promise<void> {
  const [first, second] = [await rig.clip("mp4"), await rig.clip("webm")];
  const page = await browser.page();
  await page.open(await playerUrl(rig, "file", []));
  await page.evaluate(`
    globalThis.player = document.body.appendChild(document.createElement("video"));
    player.addEventListener("ended", () => { player.src = "${second}"; player.play(); },
      { once: true });
    player.src = "${first}"; player.play();`);
  await page.event("playing");
  const other = await browser.page();
  await other.send("Page.bringToFront");
  const isOver = (events: MediaEvent[]) =>
    events.filter(({ type }) => type === "ended").length === 2;
  await page.events.until("end of both", isOver, STEP_MS, () => page.describe());
  assert.equal(await page.evaluate("document.visibilityState"), "hidden");
  await other.close();
  await page.close();
}

const FROZEN = "a file, in a tab that the browser freezes";

/** Page Lifecycle: media of frozen pages pause. */
async function frozen({ rig, browser }: { rig: Rig; browser: Browser }): Promise<void> {
  const page = await browser.page();
  await page.open(await playerUrl(rig, "file", ["mp4"]));
  const [video] = await page.elements();
  assert.ok(video);
  await page.play(video);
  await page.event("frame");
  await page.send("Page.setWebLifecycleState", { state: "frozen" });
  await page.send("Page.setWebLifecycleState", { state: "active" });
  const { currentTime } = await page.event("pause");
  assert.ok(currentTime < 3, `paused at ${currentTime}`);
  await page.close();
}

const TIMERS = "timers of a page that plays, long in a tab behind another";
/** Browsers that are told not to wait slow the timers of a silent page by then. */
const SLOWED_MS = 75_000;

/** Natively the page is heard, and its timers go on. */
async function timers({ rig }: { rig: Rig }): Promise<void> {
  const grace = "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1";
  const { native = false } = rig.options;
  const browser = await rig.browser(native, { autoplay: true, switches: [grace] });
  const page = await browser.page();
  await page.open(await playerUrl(rig, "hls", ["long"], { query: "loop=1" }));
  await page.evaluate('document.querySelector("video").play(); 0');
  await page.event("playing");
  await page.evaluate("globalThis.ticks = 0; setInterval(() => { ticks += 1; }, 1000);");
  const other = await browser.page();
  await other.send("Page.bringToFront");
  await elapse(SLOWED_MS);
  const before = Number(await page.evaluate("ticks"));
  await elapse(10_000);
  const ticks = Number(await page.evaluate("ticks")) - before;
  assert.ok(ticks >= 5, `${ticks} ticks in 10 s`);
  await browser.close();
}

function check(report: Report, one: Case, native: boolean): void {
  const said = JSON.stringify(report);
  assert.deepEqual(report.player_errors, [], said);
  assert.ok(report.ended, `did not end: ${said}`);
  const frames = one.frames ?? FRAMES;
  if (native) {
    if (frames > 0) assert.equal(report.native_frames_decoded, frames, said);
    return;
  }
  assert.deepEqual(report.fallback_reasons, [], said);
  assert.ok(report.redirected, `not redirected: ${said}`);
  assert.ok(report.native_frames_decoded <= NATIVE_FRAMES_A_PLAYER * one.clips.length, said);
  const accounted = report.device_frames_presented + report.device_frames_dropped;
  const { skipped = 0 } = one;
  if (frames > 0) assert.ok(Math.abs(accounted - frames) <= skipped, said);
  else assert.ok(accounted > FRAMES / 2, said);
}
