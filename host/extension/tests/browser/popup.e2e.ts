/** What people read: popup and tooltip, in each state that can be had without a video. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { onDevice, PLAY_MS, playAll, reached } from "./media.ts";
import { BrowserRig, type RigOptions } from "./rig.ts";

async function withRig(options: RigOptions, body: (rig: BrowserRig) => Promise<void>) {
  const rig = await BrowserRig.start(options);
  try {
    await body(rig);
  } finally {
    await rig.stop();
  }
}

const headline = (popup: Page, text: string) =>
  popup.getByRole("heading", { level: 1, name: text, exact: true }).waitFor();
const says = (popup: Page, text: string) => popup.getByText(text).first().waitFor();

test("without nearside-host the popup says what to install", async () => {
  await withRig({ host: false, agent: false }, async (rig) => {
    const popup = await rig.popup(await rig.open("/plain.html"));
    await headline(popup, "Failed to load correctly");
    await says(popup, "nearside-host is not installed in this session.");
    await says(popup, "Ask the administrator to install Nearside on the session host.");
  });
});

test("a device that comes and goes is seen at once", async () => {
  await withRig({ agent: false }, async (rig) => {
    const popup = await rig.popup(await rig.open("/plain.html"));
    await says(popup, "No Nearside client is connected");
    await headline(popup, "Not loaded");
    await rig.startAgent();
    await says(popup, "No video or sound has been seen on this page yet.");
    await popup.getByRole("img", { name: "Enabled", exact: true }).waitFor();
    await rig.agent.end();
    await says(popup, "No Nearside client is connected");
  });
});

test("a site that is not listed, and the switch that admits all", async () => {
  await withRig({ settings: { video_all_sites: false } }, async (rig) => {
    const page = await rig.open("/plain.html");
    const popup = await rig.popup(page);
    await says(popup, "This site is not on the list of video sites.");

    // With the keyboard alone.
    await popup.getByRole("button", { name: "Show Advanced Settings" }).focus();
    await popup.keyboard.press("Enter");
    await popup.keyboard.press("Tab");
    const all = popup.getByRole("switch", { name: "Enable video playback for all sites (beta)" });
    assert.equal(await all.isChecked(), false);
    await popup.keyboard.press("Space");
    await says(popup, "No video or sound has been seen on this page yet.");
    assert.equal(await all.isChecked(), true);
    assert.equal(await all.evaluate((input) => input === document.activeElement), true);

    await popup.reload();
    await says(popup, "No video or sound has been seen on this page yet.");
  });
});

test("switches of the device are moved here, too, and are as the device has them", async () => {
  await withRig({}, async (rig) => {
    const popup = await rig.popup(await rig.open("/plain.html"));
    await popup.getByRole("button", { name: "Show Advanced Settings" }).click();
    const names = ["Redirected video outlines", "Video Status Overlay"];
    const [outlines, overlay] = names.map((name) => popup.getByRole("switch", { name }));
    assert.ok(outlines && overlay);
    await popup.locator("#video-outlines:enabled:not(:checked)").click();
    const { status } = rig;
    const has = (what: string, of: (settings: Record<string, boolean>) => boolean) =>
      status.now.until(what, ({ settings }) => settings !== undefined && of(settings), PLAY_MS);
    await has("outlines", (it) => it["video_outlines"] === true);
    await popup.locator("#video-outlines:enabled:checked").waitFor();
    await popup.locator("#video-status-overlay:enabled:not(:checked)").click();
    await has("both", (it) => it["video_outlines"] === true && it["video_status_overlay"] === true);

    // Moved on the device, it moves here.
    status.set({ video_all_sites: true, video_status_overlay: true });
    await popup.locator("#video-outlines:enabled:not(:checked)").waitFor();
    await popup.locator("#video-status-overlay:enabled:checked").waitFor();

    await rig.agent.end();
    await popup.locator("#video-outlines:disabled").waitFor();
  });
});

test("logs are saved as one file, of extension, host and device", async () => {
  await withRig({}, async (rig) => {
    const page = await rig.open("/plain.html?secret=1");
    const popup = await rig.popup(page);
    await says(popup, "connectionId");
    await popup.getByRole("button", { name: "Start" }).click();
    await popup.getByRole("button", { name: "Stop" }).waitFor();
    const video = await rig.open(`/player.html?with=file&src=${await rig.clip("mp4")}`);
    await playAll(video);
    await reached(video, 0.1);
    await onDevice(rig, "a video", (items) => items.some(({ flowing }) => flowing));
    const worker = await rig.worker();
    const tab = await rig.tabOf(video);
    const isKept = async (id: number) => !(await chrome.tabs.get(id)).autoDiscardable;
    assert.equal(await worker.evaluate(isKept, tab), true, "it is not discarded in mid-play");
    const [download] = await Promise.all([
      popup.waitForEvent("download"),
      popup.getByRole("button", { name: "Stop" }).click(),
    ]);
    assert.match(download.suggestedFilename(), /^nearside-logs-\d{4}-\d\d-\d\d\.txt$/);
    const text = fs.readFileSync(await download.path(), "utf8");
    assert.match(text, /^# Extension\n.* log: begun/);
    assert.match(text, /\n# Host\n/);
    assert.match(text, /\n# Device\n[^#]*stage ready/);
    assert.match(text, /\nstage \d+: .* the stage has a page/);
    assert.doesNotMatch(text, /did not answer|no device/);
    assert.doesNotMatch(text, /secret|127\.0\.0\.1|localhost|\.html|\.mp4|Players/);
    await popup.getByRole("button", { name: "Start" }).waitFor();
  });
});

test("pages of the browser itself are said to be closed to extensions", async () => {
  await withRig({}, async (rig) => {
    const worker = await rig.worker();
    const page = await rig.context.newPage();
    await page.goto("chrome://version");
    const tab = await worker.evaluate(async () => {
      const tabs = await chrome.tabs.query({ active: true });
      return tabs.at(-1)?.id ?? -1;
    });
    const popup = await rig.popupOf(tab);
    await says(popup, "The browser does not let Nearside into this page.");
  });
});

test("the icon of a page without media", async () => {
  await withRig({}, async (rig) => {
    assert.equal(await rig.tooltip(await rig.open("/plain.html")), "Nearside: Not loaded");
  });
});

test("a page that was there before the extension says so until it is loaded again", async () => {
  await withRig({}, async (rig) => {
    const page = await rig.open("/plain.html");
    const worker = await rig.worker();
    await Promise.all([
      rig.context.waitForEvent("serviceworker"),
      worker.evaluate(() => chrome.runtime.reload()),
    ]);
    await says(await rig.popup(page), "This page was opened before Nearside was started.");
    await page.reload();
    assert.equal(await rig.tooltip(page), "Nearside: Not loaded");
  });
});
