/**
 * The open popups: each gets the view of its tab at each change and sends what its user does.
 *
 * Owner: the service worker.
 */

import type { OwnSettings, PopupRequest, PopupUpdate } from "../common/popup_protocol.js";
import type { ExtensionMessage, Rect } from "../generated/messages.js";
import type { Collection } from "./collect.js";
import { type HostState, type ManagedPolicy, reason, siteRefusal } from "./decide.js";
import type { Frame } from "./page.js";
import { explanationOf, popupView, tabMedia } from "./view.js";

export interface PopupSources {
  facts(): { host: HostState; own: OwnSettings; managed: ManagedPolicy; collecting: boolean };
  framesOf(tab: number): Frame[];
  collection: Collection;
  toHost(message: ExtensionMessage): void;
  /** What popups lie over of a tab. */
  cover(tab: number, covered: readonly Rect[]): void;
  /** Kept once the settings are read. */
  ready: Promise<void>;
  /** A popup came or went, or a collection began or ended. */
  needChanged(): void;
}

interface Popup {
  readonly port: chrome.runtime.Port;
  tab: number | null;
  rect: Rect | null;
  /** Counts the updates that were begun, so that a late one cannot overtake. */
  update: number;
}

export class Popups {
  readonly #sources: PopupSources;
  readonly #popups = new Set<Popup>();

  constructor(sources: PopupSources) {
    this.#sources = sources;
  }

  get any(): boolean {
    return this.#popups.size > 0;
  }

  add(port: chrome.runtime.Port): void {
    // Content scripts share the extension's id; its own pages have its origin, too.
    if (port.sender?.origin !== location.origin) return port.disconnect();
    const popup: Popup = { port, tab: null, rect: null, update: 0 };
    this.#popups.add(popup);
    port.onDisconnect.addListener(() => {
      this.#popups.delete(popup);
      this.#cover(popup);
      this.#sources.needChanged();
    });
    port.onMessage.addListener((request: PopupRequest) => void this.#request(popup, request));
    this.#sources.needChanged();
  }

  /** Sends the view again to the popups of `tab`, or to all. */
  update(tab?: number): void {
    for (const popup of this.#popups) {
      if (tab === undefined || popup.tab === tab) void this.#send(popup);
    }
  }

  async #request(popup: Popup, request: PopupRequest): Promise<void> {
    await this.#sources.ready;
    switch (request.type) {
      case "watch":
        popup.tab = request.tab;
        return this.#send(popup);
      case "place":
        popup.rect = request.rect;
        return this.#cover(popup);
      case "set":
        if (this.#sources.facts().managed.hideAdvancedSettings) return;
        await chrome.storage.local.set({ [request.setting]: request.value });
        return;
      case "switch":
        // The view shows the switch as the device has it, once that has answered.
        if (this.#sources.facts().managed.hideAdvancedSettings) return;
        return this.#sources.toHost({ type: "switch", switch: request.switch, on: request.on });
      case "collect_logs":
        return this.#collect(popup, request.start);
    }
  }

  /** Tells what the popups of its tab lie over. */
  #cover({ tab }: Popup): void {
    if (tab === null) return;
    const ofTab = [...this.#popups].filter((popup) => popup.tab === tab);
    this.#sources.cover(
      tab,
      ofTab.flatMap(({ rect }) => rect ?? []),
    );
  }

  async #collect(popup: Popup, start: boolean): Promise<void> {
    const { collection, needChanged } = this.#sources;
    if (start) {
      needChanged();
      collection.start();
      return this.update();
    }
    const text = await collection.stop();
    if (this.#popups.has(popup)) post(popup, { type: "logs", text });
    needChanged();
    this.update();
  }

  async #send(popup: Popup): Promise<void> {
    const { tab } = popup;
    if (tab === null) return;
    popup.update += 1;
    const { update } = popup;
    // The tooltip knows what was said of the tab before the browser ended the worker.
    const [shown, title] = await Promise.all([
      chrome.tabs.get(tab).catch(() => null),
      chrome.action.getTitle({ tabId: tab }).catch(() => ""),
    ]);
    if (!this.#popups.has(popup) || popup.update !== update) return;
    const facts = this.#sources.facts();
    const frames = this.#sources.framesOf(tab);
    const url = shown?.url;
    const refusal =
      url === undefined
        ? CLOSED
        : siteRefusal({ url, topUrl: url }, facts.host, facts.own, facts.managed);
    const view = popupView({
      ...facts,
      media: tabMedia(frames),
      siteRefusal: refusal,
      known: refusal ?? explanationOf(title),
      extensionVersion: chrome.runtime.getManifest().version,
    });
    post(popup, { type: "view", view });
  }
}

/** The browser shows the addresses of pages that extensions may run in, and no others. */
const CLOSED = reason(
  "policy",
  "The browser does not let Nearside into this page.",
  "Open a web page; if this is one, ask your administrator.",
);

function post(popup: Popup, update: PopupUpdate): void {
  popup.port.postMessage(update);
}
