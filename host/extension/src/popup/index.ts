/**
 * The popup: asks for the view of the current tab, draws it, sends what its user does.
 *
 * `popup.html?tab=N` shows tab N instead, for a popup that is opened as a page of its own.
 */
import { POPUP_PORT, type PopupRequest, type PopupUpdate } from "../common/popup_protocol.js";
import { byId, element } from "./dom.js";
import { render } from "./render.js";

/** A browser that ended the worker starts it anew for the next port. */
const AGAIN_MS = 500;

let port: chrome.runtime.Port | null = null;
let collecting = false;

async function watchedTab(): Promise<number | null> {
  const named = Number(new URLSearchParams(location.search).get("tab") ?? Number.NaN);
  if (Number.isSafeInteger(named)) return named;
  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
  return tab?.id ?? null;
}

function request(message: PopupRequest): void {
  port?.postMessage(message);
}

function connect(tab: number): void {
  port = chrome.runtime.connect({ name: POPUP_PORT });
  port.onMessage.addListener((update: PopupUpdate) => {
    if (update.type === "logs") return save(update.text);
    collecting = update.view.collecting;
    render(update.view, {
      own: (setting, value) => request({ type: "set", setting, value }),
      device: (name, on) => request({ type: "switch", switch: name, on }),
    });
  });
  port.onDisconnect.addListener(() => {
    port = null;
    setTimeout(connect, AGAIN_MS, tab);
  });
  request({ type: "watch", tab });
  tellPlace();
}

/** A frame and a shadow that the browser draws round a popup, in CSS pixels. */
const FRAME = 8;

/** The browser draws a popup into its own window, where pictures would lie over it. */
function tellPlace(): void {
  // A page of its own lies over nothing.
  if (location.search !== "") return;
  const pixels = devicePixelRatio;
  const [x, y] = [screenX - FRAME, screenY - FRAME].map((at) => Math.floor(at * pixels));
  const [width, height] = [innerWidth, innerHeight].map((size) =>
    Math.ceil((size + 2 * FRAME) * pixels),
  );
  if (x === undefined || y === undefined || width === undefined || height === undefined) return;
  request({ type: "place", rect: { x, y, width, height } });
}

function save(text: string): void {
  const link = element("a", "");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = `nearside-logs-${new Date().toISOString().slice(0, 10)}.txt`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

byId("advanced-toggle", HTMLButtonElement).addEventListener("click", ({ currentTarget }) => {
  const section = byId("advanced", HTMLElement);
  section.hidden = !section.hidden;
  const button = currentTarget as HTMLButtonElement;
  button.setAttribute("aria-expanded", String(!section.hidden));
  button.textContent = section.hidden ? "Show Advanced Settings" : "Hide Advanced Settings";
});
byId("logs", HTMLButtonElement).addEventListener("click", () =>
  request({ type: "collect_logs", start: !collecting }),
);

addEventListener("resize", tellPlace);
void watchedTab().then((tab) => {
  if (tab !== null) connect(tab);
});
