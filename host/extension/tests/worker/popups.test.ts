/** What the popup may change. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { managedPolicy } from "../../src/worker/decide.js";
import { type PopupSources, Popups } from "../../src/worker/popups.js";

test("switches that the administrator has hidden change nothing", async () => {
  const stored: unknown[] = [];
  const toHost: unknown[] = [];
  Object.assign(globalThis, {
    location: { origin: "chrome-extension://it" },
    chrome: { storage: { local: { set: async (values: unknown) => stored.push(values) } } },
  });
  for (const HideAdvancedSettings of [true, false]) {
    const sources = {
      facts: () => ({ managed: managedPolicy({ HideAdvancedSettings }) }),
      toHost: (message: unknown) => toHost.push(message),
      ready: Promise.resolve(),
      needChanged: () => {},
    };
    let ask: (request: unknown) => void = () => {};
    const port = {
      sender: { origin: "chrome-extension://it" },
      onDisconnect: { addListener: () => {} },
      onMessage: {
        addListener: (listener: typeof ask) => {
          ask = listener;
        },
      },
    };
    const popups = new Popups(sources as unknown as PopupSources);
    popups.add(port as unknown as chrome.runtime.Port);
    ask({ type: "set", setting: "videoAllSites", value: true });
    ask({ type: "switch", switch: "video_all_sites", on: true });
    await new Promise((resolve) => setTimeout(resolve));
    const expected = HideAdvancedSettings ? 0 : 1;
    assert.deepEqual([stored.length, toHost.length], [expected, expected]);
  }
});
