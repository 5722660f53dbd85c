// Redirected and native playback of the same page in the same session, one after the other: what
// it costs, how soon pictures come, and how exactly they follow the page. Numbers, no verdicts.

import type { Browser } from "./browser.ts";
import { playerUrl } from "./cases/players.ts";
import { STEADY_SECONDS } from "./clips.ts";
import { CpuCounter } from "./cpu.ts";
import { descendants } from "./ledger.ts";
import type { Page } from "./page.ts";
import { BARS, CORNER_SHARE, edgeError, findColour, readNumber } from "./picture.ts";
import { clickAll, countCpu, overlayAt, startPlaying, videoRect } from "./play.ts";
import type { Percentiles } from "./report.ts";
import type { Rig } from "./rig.ts";
import { elapse, STEP_MS, TooLate } from "./wait.ts";
import type { Display, Paints, Rect } from "./x11.ts";

interface Cost {
  /** Per cent of one processor core while it plays steadily. */
  browser_cpu_percent: number;
  session_cpu_percent: number;
  device_cpu_percent: number;
}

interface Side extends Cost {
  /** From the click that plays a video whose media are loaded, to the next picture. */
  first_frame_ms: Percentiles;
  /** From the click that begins to load the video's media, to the first picture. */
  first_frame_unloaded_ms: Percentiles;
}

export interface Measurements {
  clip: string;
  seconds: number;
  native: Side;
  redirected: Side;
  /** Redirected divided by native. */
  ratio: {
    browser_cpu: number;
    session_cpu: number;
    first_frame: number;
    first_frame_unloaded: number;
  };
  /** From the end of a stage to the first picture that the session's browser decodes. */
  fallback_ms: Percentiles;
  /** While the page scrolls: after the scroll, and after the page itself has moved on screen. */
  overlay: { error_px: number; lag_ms: Percentiles; lag_behind_page_ms: Percentiles };
  /** Heartbeats over everything above. */
  control_rtt_ms: { p50: number; p99: number; n: number } | null;
}

const ROUNDS = 5;
/** First pictures come early or a tick of the page's player later: few rounds tell by chance. */
const FIRST_ROUNDS = 15;
/** The start is not steady. */
const SETTLE_MS = 4_000;

export async function measure(rig: Rig, seconds: number): Promise<Measurements> {
  const length = Math.min(seconds, STEADY_SECONDS - 2 * (SETTLE_MS / 1000));
  const native = await side(rig, length, true);
  const browser = await rig.browser();
  const redirected = await sideOf(rig, browser, length, false);
  const overlay = await measureOverlay(rig, browser);
  const fallback_ms = await measureFallback(rig, browser);
  const control_rtt_ms = (await rig.hostStatus())?.control_rtt_ms ?? null;
  await browser.close();
  return {
    clip: "1920x1080, 30 pictures a second, 5 Mbit/s, H.264 and AAC in fMP4 by hls.js",
    seconds: length,
    native,
    redirected,
    ratio: {
      browser_cpu: redirected.browser_cpu_percent / native.browser_cpu_percent,
      session_cpu: redirected.session_cpu_percent / native.session_cpu_percent,
      first_frame: redirected.first_frame_ms.p50 / native.first_frame_ms.p50,
      first_frame_unloaded:
        redirected.first_frame_unloaded_ms.p50 / native.first_frame_unloaded_ms.p50,
    },
    fallback_ms,
    overlay,
    control_rtt_ms,
  };
}

async function side(rig: Rig, seconds: number, native: boolean): Promise<Side> {
  const browser = await rig.browser(native);
  try {
    return await sideOf(rig, browser, seconds, native);
  } finally {
    await browser.close();
  }
}

async function sideOf(rig: Rig, browser: Browser, seconds: number, native: boolean): Promise<Side> {
  const [loaded, unloaded]: [number[], number[]] = [[], []];
  for (let round = 0; round < FIRST_ROUNDS; round += 1) {
    loaded.push(await firstFrame(rig, browser, native, true));
    unloaded.push(await firstFrame(rig, browser, native, false));
  }
  const cost = await steadyCost(rig, browser, seconds, native);
  return {
    ...cost,
    first_frame_ms: percentiles(loaded),
    first_frame_unloaded_ms: percentiles(unloaded),
  };
}

async function steadyCost(
  rig: Rig,
  browser: Browser,
  seconds: number,
  native: boolean,
): Promise<Cost> {
  const url = await playerUrl(rig, "hls", ["steady"]);
  const page = native ? await playNatively(browser, url) : await startPlaying(rig, browser, url);
  try {
    await elapse(SETTLE_MS);
    const { browser: own, session } = countCpu(rig, browser);
    const device = CpuCounter.of(() => {
      const roots = [rig.device.agent.pid, rig.options.rdp ? rig.device.client.pid : undefined];
      return roots.flatMap((pid) => (pid === undefined ? [] : [pid, ...descendants(pid)]));
    });
    const began = Date.now();
    await elapse(seconds * 1000);
    const percent = (counter: CpuCounter) => (counter.seconds() * 1e5) / (Date.now() - began);
    return {
      browser_cpu_percent: percent(own),
      session_cpu_percent: percent(session),
      device_cpu_percent: percent(device),
    };
  } finally {
    await page.close();
  }
}

async function playNatively(browser: Browser, url: string): Promise<Page> {
  const page = await browser.page();
  await page.open(url);
  await clickAll(page);
  return page;
}

/**
 * Milliseconds from the click on a video to its first picture on a screen: the session's where
 * its browser plays, else the device's. Of media that are loaded the first picture is there
 * before the click; then it is the next one that counts.
 */
async function firstFrame(
  rig: Rig,
  browser: Browser,
  native: boolean,
  isLoaded: boolean,
): Promise<number> {
  const page = await browser.page();
  try {
    const query = isLoaded ? "" : "lazy=1";
    await page.open(await playerUrl(rig, "hls", ["fmp4"], { query }));
    if (isLoaded) await page.event("canplay");
    // What a person needs to find the button.
    await elapse(1_000);
    await page.painted();
    const remote = await videoRect(page);
    if (!remote) throw new Error("the page shows no video");
    const [screen, rect] = native
      ? [rig.session, remote]
      : [rig.device.display, await rig.device.local(remote)];
    const paints = await screen.paints();
    try {
      const clicked = Date.now();
      await page.click(380, 220);
      await onceShown(screen, paints, rect, isLoaded ? 1 : 0);
      return Date.now() - clicked;
    } finally {
      await paints.end();
    }
  } finally {
    await page.close();
  }
}

/** Resolves when the clip is seen at `rect`, with the picture of that number or a later one. */
async function onceShown(
  screen: Display,
  paints: Paints,
  rect: Rect,
  number: number,
): Promise<void> {
  // Two lines of pixels, so that looking costs next to nothing: a corner, and the bars.
  const at = { x: Math.round(rect.x), width: Math.round(rect.width), height: 1 };
  const line = (share: number) =>
    screen.image({ ...at, y: Math.round(rect.y + rect.height * share) });
  const isShown = async () => {
    const [corner, bars] = [await line(CORNER_SHARE.y / 2), await line(BARS_LINE)];
    const [blue, green, red] = corner.pixels.subarray(4 * 4);
    const isClip = red !== undefined && red > 200 && (green ?? 255) < 60 && (blue ?? 255) < 60;
    const y = -rect.height * BARS_LINE;
    return isClip && readNumber(bars, { ...rect, x: 0, y }) >= number;
  };
  while (!(await isShown())) await paints.next("picture on the screen");
}

/** Where the middle of the bars is in a picture's height. */
const BARS_LINE = BARS.y + BARS.height / 2;

async function measureOverlay(rig: Rig, browser: Browser): Promise<Measurements["overlay"]> {
  const url = await playerUrl(rig, "hls", ["long"], { query: "loop=1&marker=1" });
  const page = await startPlaying(rig, browser, url);
  try {
    await elapse(SETTLE_MS);
    const remote = await videoRect(page);
    if (!remote || !rig.options.rdp) throw new Error("the page shows no video over RDP");
    const { expected_px, actual_px } = await overlayAt(rig, remote);
    const [late, behind]: [number[], number[]] = [[], []];
    for (let round = 0; round < 2 * ROUNDS; round += 1) {
      const times = await scrollOnce(rig, page, expected_px, round % 2 === 0 ? 30 : 0);
      late.push(times.picture);
      behind.push(times.picture - times.page);
    }
    return {
      error_px: actual_px ? edgeError(actual_px, expected_px) : Number.NaN,
      lag_ms: percentiles(late),
      lag_behind_page_ms: percentiles(behind),
    };
  } finally {
    await page.close();
  }
}

/** Scrolls, and says when picture and page were at their new places on the device's screen. */
async function scrollOnce(
  rig: Rig,
  page: Page,
  unscrolled: Rect,
  to: number,
): Promise<{ picture: number; page: number }> {
  // A strip of the screen that crosses the picture's left edge and the page's marker below.
  const strip = { x: Math.round(unscrolled.x), y: 0, width: 24, height: rig.device.display.height };
  const began: number = await page.evaluate(`(scrollTo(0, ${to}), Date.now())`);
  const at: { picture?: number; page?: number } = {};
  await promptly("scrolled page and picture", async () => {
    const image = await rig.device.display.image(strip);
    const picture = findColour(image, [255, 0, 0]);
    const marker = findColour(image, [255, 0, 255]);
    const now = Date.now() - began;
    if (picture && Math.abs(picture.y - (unscrolled.y - to)) <= 1) at.picture ??= now;
    if (marker && Math.abs(marker.y - (unscrolled.y + 400 - to)) <= 1) at.page ??= now;
    return at.picture !== undefined && at.page !== undefined;
  });
  // The next one begins at rest.
  await elapse(500);
  return { picture: at.picture ?? Number.NaN, page: at.page ?? Number.NaN };
}

/** Ends stages in mid-play, and waits for the session's own pictures. */
async function measureFallback(rig: Rig, browser: Browser): Promise<Percentiles> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const page = await startPlaying(rig, browser, await playerUrl(rig, "hls", ["long"]));
    await elapse(1_000);
    const [video] = await page.elements();
    if (!video) throw new Error("the page has no video");
    const native = page.callIsolated(video, NATIVE_PICTURE);
    await page.callIsolated(video, "function () {}");
    const killed = Date.now();
    for (const pid of await rig.device.pids("stage")) process.kill(pid, "SIGKILL");
    times.push((await native) - killed);
    await page.close();
  }
  return percentiles(times);
}

/** Resolves with the time when the element's browser has decoded three more pictures. */
const NATIVE_PICTURE = `function () {
  const frames = () => this.getVideoPlaybackQuality().totalVideoFrames;
  const before = frames();
  return new Promise((resolve) => {
    const look = () => (frames() >= before + 3 && !this.paused ? resolve(Date.now())
      : setTimeout(look, 4));
    look();
  });
}`;

/** Between two looks: looking without a pause would take the time from what is looked at. */
const LOOK_MS = 2;

/** For times that are to be exact to a few milliseconds. */
async function promptly(what: string, look: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + STEP_MS;
  while (!(await look())) {
    if (until <= Date.now()) throw new TooLate(`no ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function percentiles(values: number[]): Percentiles {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
