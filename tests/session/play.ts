// Plays a page in the session's browser from its opening to its end, and reports.
//
// Knows nothing of the page but that it has media elements: pages of strangers play as well as
// the rig's own. What does not begin by itself is clicked, then told to play.

import * as path from "node:path";
import { type Browser, processesNamed } from "./browser.ts";
import { CpuCounter } from "./cpu.ts";
import { popupView, reasonsIn } from "./extension_view.ts";
import { clip } from "./fit.ts";
import { descendants } from "./ledger.ts";
import type { Element, MediaEvent, Page } from "./page.ts";
import { edgeError, findPicture, overlap, writePng } from "./picture.ts";
import type { Overlay, Percentiles, Report } from "./report.ts";
import type { Rig } from "./rig.ts";
import { elapse, STEP_MS, TooLate } from "./wait.ts";
import type { Rect, Window } from "./x11.ts";

export interface PlayOptions {
  /** Playing time at most. */
  seconds: number;
  /** Clicks every video at once, without waiting whether the page plays by itself. */
  clickAll?: boolean;
  screenshots?: string;
  /** Called while it plays, after the overlay was measured. */
  meanwhile?: (page: Page) => Promise<void>;
  /** The device is expected to account for so many pictures at the end. */
  frames?: number;
}

/** A page that plays by itself does so within this time of its load event. */
const BY_ITSELF_MS = 2_500;
/** The overlay is looked for so long. */
const OVERLAY_MS = 4_000;
/** The last counters of the device come within this time of the end. */
const LAST_WORD_MS = 2_000;

export async function play(
  rig: Rig,
  browser: Browser,
  url: string,
  options: PlayOptions,
): Promise<Report> {
  const { native } = rig.options;
  const page = await browser.page();
  try {
    if (!native) rig.device.status.record();
    const cpu = countCpu(rig, browser);
    const began = await start(page, url, options);
    const native_frames = new Map<string, number>();
    const overlay = await measureOverlay(rig, page);
    await sampleFrames(page, native_frames);
    if (options.screenshots) await takePictures(rig, options.screenshots);
    await options.meanwhile?.(page);
    const ended = await untilEnded(page, began + options.seconds * 1000);
    const [browser_cpu_seconds, session_cpu_seconds] = [
      cpu.browser.seconds(),
      cpu.session.seconds(),
    ];
    await sampleFrames(page, native_frames);
    const device = native ? undefined : await lastWord(rig, options.frames);
    const reasons = new Set(device?.reasons.map((one) => one.message));
    if (!native) for (const one of reasonsIn(await popupView(browser))) reasons.add(one);
    const videos = device?.items.map((item) => item.video) ?? [];
    const sum = (count: "presented" | "dropped") =>
      videos.reduce((total, video) => total + (video?.[count] ?? 0), 0);
    const first = page.events.value.find((event) => event.type === "frame" && began <= event.at);
    return {
      redirected: device?.items.some((item) => item.flowing || hasPlayed(item)) ?? false,
      fallback_reasons: [...reasons],
      ended,
      player_errors: await playerErrors(page),
      native_frames_decoded: [...native_frames.values()].reduce((total, one) => total + one, 0),
      device_frames_presented: sum("presented"),
      device_frames_dropped: sum("dropped"),
      browser_cpu_seconds,
      session_cpu_seconds,
      first_frame_ms: first ? first.at - began : null,
      overlay,
      control_rtt_ms: native ? null : await hostRoundTrips(rig),
    };
  } finally {
    rig.log("page", page.events.value);
    await page.close();
  }
}

/** As the host has measured them since it started, with each heartbeat. */
async function hostRoundTrips(rig: Rig): Promise<Percentiles | null> {
  const { p50 = 0, p99 = 0, n = 0 } = (await rig.hostStatus())?.control_rtt_ms ?? {};
  return n > 0 ? { p50, p99 } : null;
}

type DeviceItem = Rig["device"]["status"]["recording"]["items"][number];

function hasPlayed(item: DeviceItem): boolean {
  return (item.video?.presented ?? 0) > 0 || item.position_micros > 0;
}

/** Counters of the browser with the host, and of the whole session. */
export function countCpu(rig: Rig, browser: Browser): { browser: CpuCounter; session: CpuCounter } {
  const root = browser.running.pid ?? 0;
  const own = () => {
    const hosts = processesNamed(rig.seat, "nearside-host");
    return [root, ...descendants(root), ...hosts];
  };
  const { user } = rig.seat;
  const counter = CpuCounter.of(own);
  return {
    browser: counter,
    session: user ? CpuCounter.ofUser(user.uid, rig.login.roots) : counter,
  };
}

/** Opens the page and makes it play. Returns when that was asked for, Unix milliseconds. */
async function start(page: Page, url: string, options: PlayOptions): Promise<number> {
  const opened = await page.open(url, Math.min(STEP_MS, options.seconds * 500));
  const until = opened + options.seconds * 1000;
  if (options.clickAll) return clickAll(page);
  // In shadow trees and outside of the document elements are heard of once they were looked for.
  await page.elements();
  if (await beginsToPlay(page, BY_ITSELF_MS)) return opened;
  while (Date.now() < until) {
    const elements = await page.elements();
    if (page.events.value.some(isPlaying)) return opened;
    const target = (await largestShown(page, elements)) ?? (await page.playButton());
    if (target) {
      await page.painted();
      const clicked = Date.now();
      await page.click(target.x + target.width / 2, target.y + target.height / 2);
      // An element of the click's own, as above.
      if (elements.length === 0) await page.elements();
      if (await beginsToPlay(page, 1_500)) return clicked;
    }
    const told = Date.now();
    for (const element of elements) await page.play(element).catch(() => {});
    if (elements.length > 0 && (await beginsToPlay(page, 2_000))) return told;
    // Without media yet: they may come with the page's next step.
    if (elements.length === 0) await elapse(500);
  }
  return opened;
}

/** For the rig's own pages, which list their videos' sources in their address. */
export async function clickAll(page: Page): Promise<number> {
  const count = await page.evaluate('new URLSearchParams(location.search).getAll("src").length');
  const isLoaded = (events: MediaEvent[]) =>
    new Set(events.filter((one) => one.type === "loadedmetadata").map((one) => one.element)).size >=
    count;
  await page.events.until("metadata of all videos", isLoaded, STEP_MS, () => page.describe());
  const boxes = await Promise.all((await page.elements()).map((element) => page.box(element)));
  const clicked = Date.now();
  for (const box of boxes) {
    if (box) await page.click(box.x + box.width / 2, box.y + box.height / 2);
  }
  await page.event("playing");
  return clicked;
}

const isPlaying = (event: MediaEvent) => event.type === "play" || event.type === "playing";

async function beginsToPlay(page: Page, limitMs: number): Promise<boolean> {
  try {
    await page.events.until("playing", (events) => events.some(isPlaying), limitMs);
    return true;
  } catch (error) {
    if (error instanceof TooLate) return false;
    throw error;
  }
}

async function largestShown(page: Page, elements: Element[]): Promise<Rect | undefined> {
  const boxes = await Promise.all(elements.map((element) => page.box(element)));
  const area = (box: Rect) => box.width * box.height;
  const shown = boxes.filter((box) => box !== undefined && area(box) > 0) as Rect[];
  return shown.sort((one, other) => area(other) - area(one))[0];
}

/** True when every element that began to play has ended by `until`. */
async function untilEnded(page: Page, until: number): Promise<boolean> {
  const allEnded = (events: MediaEvent[]) => {
    const last = new Map<string, string>();
    for (const { element, type } of events) {
      if (type === "playing" || type === "ended") last.set(element, type);
    }
    return last.size > 0 && [...last.values()].every((type) => type === "ended");
  };
  try {
    await page.events.until("end", allEnded, Math.max(1, until - Date.now()));
    return true;
  } catch (error) {
    if (error instanceof TooLate) return false;
    throw error;
  }
}

async function sampleFrames(page: Page, frames: Map<string, number>): Promise<void> {
  for (const { seen, native } of await page.elements()) {
    frames.set(seen.id, Math.max(frames.get(seen.id) ?? 0, native.frames));
  }
}

async function lastWord(rig: Rig, frames: number | undefined) {
  const { status } = rig.device;
  const isAll = () => {
    const items = status.recording.items.filter((item) => !item.failed && item.video);
    const counted = items.map(({ video }) => (video?.presented ?? 0) + (video?.dropped ?? 0));
    return items.length > 0 && counted.every((count) => count >= (frames ?? Infinity));
  };
  // Counters that do not come are seen in the report.
  const patience = frames === undefined ? 700 : LAST_WORD_MS;
  await status.now.until("last counters", isAll, patience).catch(() => {});
  return status.recording;
}

async function playerErrors(page: Page): Promise<string[]> {
  const elements = await page.elements();
  const ofElements = elements.flatMap(({ seen }) =>
    seen.error ? [`media error ${seen.error}`] : [],
  );
  const ofEvents = page.events.value.flatMap(({ type, error }) =>
    type === "error" && error ? [`media error ${error.code} ${error.message}`] : [],
  );
  return [...new Set([...ofElements, ...ofEvents, ...page.errors])];
}

/** The largest video in view: where it should be on the device's screen, and where it is. */
export async function measureOverlay(rig: Rig, page: Page): Promise<Overlay | null> {
  const look = async (): Promise<Overlay | null> => {
    const rect = await videoRect(page);
    const shown = rect && clip(rect, await page.remoteView());
    return shown && shown.width > 0 && shown.height > 0 ? overlayAt(rig, shown) : null;
  };
  const until = Date.now() + OVERLAY_MS;
  for (;;) {
    const overlay = await look();
    // Without an RDP window there is none to wait for.
    const isAll = overlay !== null && (overlay.actual_px !== null || !rig.options.rdp);
    if (isAll || until <= Date.now()) return overlay;
    await elapse(100);
  }
}

/** Where the largest video in view lies on the remote desktop. */
export async function videoRect(page: Page): Promise<Rect | undefined> {
  const videos = (await page.elements()).filter(({ seen }) => seen.kind === "video");
  const boxes = await Promise.all(videos.map((video) => page.remoteRect(video)));
  const area = (box: Rect) => box.width * box.height;
  return boxes.filter((box) => box !== undefined).sort((one, other) => area(other) - area(one))[0];
}

/** Pictures on the device since `record`, over all items. */
export function redirectedPictures(rig: Rig): number {
  const { items } = rig.device.status.recording;
  return items.reduce((sum, { video }) => sum + (video?.presented ?? 0), 0);
}

/** Opens one of the rig's pages, plays it, and waits until its pictures come on the device. */
export async function startPlaying(rig: Rig, browser: Browser, url: string): Promise<Page> {
  const page = await browser.page();
  const { status } = rig.device;
  status.record();
  await page.open(url);
  await clickAll(page);
  const flows = () => redirectedPictures(rig) >= SURE_PICTURES;
  await status.now.until("pictures on the device", flows, STEP_MS, (now) => {
    const { items, blocked, notices, session } = now;
    return `${JSON.stringify({ items, blocked, notices, session })} ${page.describe()}`;
  });
  return page;
}

/** So many pictures are no accident. */
const SURE_PICTURES = 15;

/** Looks for the picture of a video that lies at `remote` on the remote desktop. */
export async function overlayAt(rig: Rig, remote: Rect): Promise<Overlay> {
  const { device, options } = rig;
  if (!options.rdp) {
    // There is no RDP window, so nowhere a picture should be.
    return { expected_px: remote, actual_px: null, found_by: null };
  }
  const expected_px = await device.local(remote);
  const client = await device.clientWindow();
  const byColours = findPicture(await device.display.image(), client.rect);
  if (byColours && edgeError(byColours, expected_px) <= NEAR_PX)
    return { expected_px, actual_px: byColours, found_by: "colours" };
  if (options.native) return { expected_px, actual_px: null, found_by: null };
  const covered = (rect: Rect) => {
    const { width, height } = overlap(rect, expected_px);
    return width * height;
  };
  // A window that goes meanwhile shows nothing.
  const shape = (window: Window) => device.display.shaped(window).catch(() => NOWHERE);
  const shown = await Promise.all((await device.overlays()).map(shape));
  const near = shown.filter((rect) => covered(rect) > 0);
  const best = near.sort((one, other) => covered(other) - covered(one))[0];
  return { expected_px, actual_px: best ?? null, found_by: best ? "window" : null };
}

/** Farther off, the clip's colours may be those of another picture. */
const NEAR_PX = 4;

const NOWHERE: Rect = { x: 0, y: 0, width: 0, height: 0 };

/** Pictures of both sides into a folder. */
export async function takePictures(rig: Rig, folder: string, name = "playing"): Promise<void> {
  writePng(await rig.device.display.image(), path.join(folder, `${name}-device.png`));
  writePng(await rig.session.image(), path.join(folder, `${name}-session.png`));
}
