/**
 * The service worker: joins the browser's events with the parts that decide.
 *
 * Listeners are added while the script runs for the first time, as the browser demands; what
 * they need from storage is awaited inside.
 */

import { DEFAULT_SETTINGS, type OwnSettings, POPUP_PORT } from "../common/popup_protocol.js";
import { FRAME_PORT, type FrameNotice, type FrameQuestion } from "../frame_protocol.js";
import type { ChannelState, HostEvent } from "../generated/messages.js";
import { Broker } from "./broker.js";
import { browserName } from "./browser.js";
import { frameQuestion } from "./check.js";
import { Collection } from "./collect.js";
import { afterChannel, frameRefusal, type HostState, managedPolicy, serves } from "./decide.js";
import { Embeddings } from "./embedding.js";
import { Icons } from "./icon.js";
import { KeptTabs } from "./kept_tabs.js";
import { Log } from "./log.js";
import { NativeHost } from "./native.js";
import { forOldTabs } from "./old_tabs.js";
import type { FrameSender } from "./page.js";
import { Popups } from "./popups.js";
import { tabMedia, tabStatus, versionsOf, versionWarning } from "./view.js";

/** Where `chrome.storage.local` has what the managed storage said last. */
const LAST_POLICY = "lastPolicy";

/** So long a host that has been started may look for a device before frames are told. */
const LOOKING_MS = 2000;

const log = new Log();
const icons = new Icons();
const keptTabs = new KeptTabs();
const embeddings = new Embeddings();
let host: HostState = { at: "starting" };
let looking: ReturnType<typeof setTimeout> | undefined;
let own: OwnSettings = { ...DEFAULT_SETTINGS };
let managed = managedPolicy({});
let policyRead = false;

const native = new NativeHost(
  {
    starting: () => {
      host = { at: "starting" };
      broker.hostStarts();
      collection.hostStarted();
    },
    released: () => {
      clearTimeout(looking);
      host = { at: "starting" };
      refresh();
    },
    event: onHostEvent,
    lost: (reason) => {
      clearTimeout(looking);
      broker.hostLost(reason);
      host = { at: "failed", reason };
      refresh();
    },
  },
  () => ({
    extension_version: chrome.runtime.getManifest().version,
    browser: browserName(),
  }),
  log,
);
const collection = new Collection(
  log,
  (message) => native.send(message),
  () => serves(host, "logs"),
);
const broker = new Broker({ toHost: (message) => native.send(message), tabChanged: showTab, log });
/** Ready once the settings are read: before, nothing can be decided. */
const settingsRead = readSettings();
void readPolicy();
const popups = new Popups({
  facts: () => ({ host, own, managed, collecting: collection.running }),
  framesOf: (tab) => broker.framesOf(tab),
  cover: (tab, covered) => broker.cover(tab, covered),
  collection,
  toHost: (message) => native.send(message),
  ready: settingsRead,
  needChanged: needHost,
});

/**
 * The managed storage takes seconds when a browser has just been started; until then what it
 * said last time holds, so that the first page is decided at once and by the policy.
 */
async function readSettings(): Promise<void> {
  const values = await chrome.storage.local.get({ ...DEFAULT_SETTINGS, [LAST_POLICY]: {} });
  own = { videoAllSites: values["videoAllSites"] === true };
  if (!policyRead) managed = managedPolicy(values[LAST_POLICY] as Record<string, unknown>);
}

async function readPolicy(): Promise<void> {
  // Some platforms have no such storage.
  const values = await chrome.storage.managed.get(null).catch(() => ({}));
  policyRead = true;
  managed = managedPolicy(values);
  await chrome.storage.local.set({ [LAST_POLICY]: values });
  refresh();
}

function needHost(): void {
  if (broker.hasFrames || popups.any || collection.running) native.want();
  else native.release();
}

function onHostEvent(event: HostEvent): void {
  switch (event.type) {
    case "channel": {
      const { type: _, ...channel } = event;
      host = afterChannel(host, channel);
      clearTimeout(looking);
      if (host.at === "starting") {
        looking = setTimeout(() => {
          host = { at: "running", channel };
          refresh();
        }, LOOKING_MS);
      }
      return refresh();
    }
    case "device":
      if (event.message.type === "settings" && host.at === "running") {
        const { type: _, ...settings } = event.message;
        host = { at: "running", channel: { ...host.channel, settings } };
        return refresh();
      }
      if (event.message.type === "logs") {
        return collection.deviceLines(event.message.lines, event.message.last);
      }
      return broker.fromDevice(event.message);
    case "taken":
      return broker.taken(event.length);
    case "logs":
      return collection.hostLines(event.lines);
    case "refused":
      return;
  }
}

/** What stands for a channel while there is no host. */
function noChannel(state: HostState): ChannelState | null {
  if (state.at !== "failed") return null;
  return {
    connected: false,
    reason: state.reason,
    host_version: "",
    client_version: "",
    activity_id: "",
    connection_id: "",
    capabilities: { video: [], audio: [], containers: [], services: [] },
    settings: {
      video_all_sites: false,
      video_outlines: false,
      video_status_overlay: false,
      call_all_sites: false,
      paused: false,
    },
    policy: { fDisableCam: null, fDisableAudioCapture: null, fDisableCameraRedir: null },
  };
}

function refresh(): void {
  broker.refresh({
    channel: host.at === "running" ? host.channel : noChannel(host),
    refusal: (frame) => frameRefusal(frame, host, own, managed),
  });
  for (const tab of broker.tabs()) showTab(tab);
  popups.update();
}

function showTab(tab: number): void {
  const frames = broker.framesOf(tab);
  if (frames.length === 0) icons.forget(tab);
  else {
    const { version } = chrome.runtime.getManifest();
    const warning = versionWarning(versionsOf(host, version));
    const status = tabStatus(host, tabMedia(frames));
    void icons.show(tab, status, warning);
    keptTabs.look(tab, status.indicator === "video");
  }
  popups.update(tab);
}

function frameSender(sender: chrome.runtime.MessageSender | undefined): FrameSender | null {
  const tab = sender?.tab;
  if (sender?.id !== chrome.runtime.id || tab?.id === undefined) return null;
  const url = /^https?:/.test(sender.url ?? "") ? sender.url : (sender.origin ?? sender.url);
  const topUrl = tab.url ?? "";
  // Before a document has a title, browsers put its address there.
  const hasTitle = tab.title !== undefined && !topUrl.includes(tab.title);
  return {
    tab: tab.id,
    frame: sender.frameId ?? 0,
    document: sender.documentId ?? "",
    url: url ?? "",
    topUrl,
    title: hasTitle ? (tab.title ?? "").slice(0, 300).toWellFormed() : "",
  };
}

async function onFrame(port: chrome.runtime.Port): Promise<void> {
  const sender = frameSender(port.sender);
  if (sender === null) return port.disconnect();
  // Messages that come before the settings are read wait in order.
  const early: unknown[] = [];
  const take = (batch: unknown) => {
    if (!frame) return;
    for (const message of Array.isArray(batch) ? batch : [batch]) broker.fromFrame(frame, message);
  };
  let open = true;
  let frame: ReturnType<Broker["addFrame"]> = null;
  const keep = (message: unknown) => early.push(message);
  port.onMessage.addListener(keep);
  port.onDisconnect.addListener(() => {
    open = false;
    if (frame) broker.removeFrame(frame);
    needHost();
  });
  await settingsRead;
  if (!open) return;
  frame = broker.addFrame(sender, {
    post: (message) => {
      if (open) port.postMessage(message);
    },
    close: () => port.disconnect(),
  });
  if (frame === null) return port.disconnect();
  needHost();
  port.onMessage.removeListener(keep);
  port.onMessage.addListener(take);
  for (const batch of early) take(batch);
}

chrome.runtime.onConnect.addListener((port) => {
  if (port.name === FRAME_PORT) void onFrame(port);
  else if (port.name === POPUP_PORT) popups.add(port);
  else port.disconnect();
});

chrome.runtime.onMessage.addListener((asked: unknown, sender, answer) => {
  const [frame, question] = [frameSender(sender), frameQuestion(asked)];
  if (frame === null || question === null) return;
  answerFrame(frame, question).then(answer, () => answer(null));
  return true;
});

async function answerFrame(frame: FrameSender, question: FrameQuestion): Promise<unknown> {
  switch (question.type) {
    case "zoom":
      return chrome.tabs.getZoom(frame.tab);
    case "embedded": {
      const { depth, around } = question;
      const token = embeddings.ask(frame);
      const notice: FrameNotice = { type: "expect", token, depth: depth - 1, around };
      // Which frame is around another one browsers tell those with one more permission.
      const only = depth === 1 ? { frameId: 0 } : {};
      const isExpected = await chrome.tabs.sendMessage(frame.tab, notice, only).catch(() => false);
      if (isExpected === true) return token;
      embeddings.drop(token);
      return null;
    }
    case "joined": {
      const asker = embeddings.join(question.token, frame.tab);
      if (!asker) return null;
      const notice: FrameNotice = { type: "joined", token: question.token };
      await chrome.tabs.sendMessage(asker.tab, notice, { frameId: asker.frame });
      return null;
    }
  }
}

chrome.storage.onChanged.addListener((changes, area) => {
  if (area === "managed") void readPolicy();
  else if ("videoAllSites" in changes) void readSettings().then(refresh);
});

chrome.runtime.onStartup.addListener(warmUp);
chrome.runtime.onInstalled.addListener(() => {
  warmUp();
  void markOldTabs();
});

/** The first page comes soon: host, device and its stage get ready, and wait a short while. */
function warmUp(): void {
  native.want();
  needHost();
}

/** Tabs that were open before the extension have none of its scripts: says so, once. */
function markOldTabs(): Promise<void> {
  return forOldTabs(
    async (tab) => {
      if (broker.framesOf(tab).length > 0) return;
      await icons.show(tab, {
        indicator: "not-loaded",
        headline: "Not loaded",
        explanation: {
          message: "This page was opened before Nearside was started.",
          next_step: "Reload the page.",
        },
      });
      popups.update(tab);
    },
    async (tab) => {
      if (broker.framesOf(tab).length > 0) return;
      await icons.reset(tab);
      popups.update(tab);
    },
  );
}
