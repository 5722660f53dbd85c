// What the extension tells people of the tab in front: its popup's view, asked for as the popup
// does, from an extension page in a tab that stays in the background.

import { EXTENSION_ID } from "../../host/extension/src/common/identity.ts";
import { POPUP_PORT, type PopupView } from "../../host/extension/src/common/popup_protocol.ts";
import { CONNECTING } from "../../host/extension/src/worker/view.ts";
import type { Browser } from "./browser.ts";
import type { Rect } from "./x11.ts";

export type { PopupView };

/** A popup that starts the host has its word within this time. */
const SETTLED_MS = 5_000;

// The first view may only say that the host is being asked.
const ASK = `(async () => {
  const [tab] = await chrome.tabs.query({ active: true, windowType: "normal" });
  const port = chrome.runtime.connect({ name: ${JSON.stringify(POPUP_PORT)} });
  const view = await new Promise((resolve) => {
    let last;
    setTimeout(() => resolve(last), ${SETTLED_MS});
    port.onMessage.addListener((update) => {
      if (update.type !== "view") return;
      last = update.view;
      if (last.video.reason?.message !== ${JSON.stringify(CONNECTING.message)}) resolve(last);
    });
    port.postMessage({ type: "watch", tab: tab.id });
  });
  port.disconnect();
  return JSON.stringify(view);
})()`;

/** The view of the tab in front. */
export async function popupView(browser: Browser): Promise<PopupView> {
  const answer = await evaluateInExtension(browser, ASK);
  return JSON.parse(answer) as PopupView;
}

/** Opens the real popup over the tab in front. */
export async function openPopup(browser: Browser): Promise<void> {
  await evaluateInExtension(browser, "chrome.action.openPopup().then(() => '')");
}

/** Where the open popup lies on the remote desktop. */
export async function popupRect(browser: Browser): Promise<Rect> {
  const ask = `(() => {
    const [popup] = chrome.extension.getViews({ type: "popup" });
    const { screenX: x, screenY: y, innerWidth: width, innerHeight: height } = popup;
    return JSON.stringify({ x, y, width, height });
  })()`;
  return JSON.parse(await evaluateInExtension(browser, ask)) as Rect;
}

async function evaluateInExtension(browser: Browser, expression: string): Promise<string> {
  const { devtools } = browser;
  const empty = { url: "about:blank", background: true };
  const { targetId } = await devtools.send("Target.createTarget", empty);
  try {
    const attach = { targetId, flatten: true };
    const { sessionId } = await devtools.send("Target.attachToTarget", attach);
    await devtools.send("Page.enable", {}, sessionId);
    const loaded = devtools.event("Page.loadEventFired", sessionId);
    const url = `chrome-extension://${EXTENSION_ID}/popup.html`;
    await devtools.send("Page.navigate", { url }, sessionId);
    await loaded;
    const params = { expression, awaitPromise: true, returnByValue: true };
    const answer = await devtools.send("Runtime.evaluate", params, sessionId);
    if (answer.exceptionDetails) throw new Error(JSON.stringify(answer.exceptionDetails));
    return String(answer.result.value);
  } finally {
    await devtools.send("Target.closeTarget", { targetId });
  }
}

/** Everything that the popup gives as a reason why something plays in the session. */
export function reasonsIn(view: PopupView): string[] {
  const all = [
    ...view.items.filter((item) => item.plays === "native").map((item) => item.reason),
    view.video.reason,
  ];
  // Of a page that none of these is about it says what it has of it, such as that nothing plays.
  if (view.items.length === 0 && !view.video.reason) all.push(view.explanation);
  return all.flatMap((one) => (one ? [one.message] : []));
}
