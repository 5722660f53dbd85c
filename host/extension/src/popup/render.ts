/**
 * Draws a view into popup.html. A function of the view: keeps nothing, decides nothing.
 */

import type {
  Explanation,
  FeatureView,
  ItemView,
  OwnSettings,
  PopupView,
} from "../common/popup_protocol.js";
import type { DeviceSwitch } from "../generated/messages.js";
import { byId, element, mark } from "./dom.js";

/** What a moved switch asks for. */
export interface Setters {
  own(setting: keyof OwnSettings, value: boolean): void;
  device(name: DeviceSwitch, on: boolean): void;
}

function why({ message, next_step }: Explanation): HTMLElement {
  return element("p", "why", message, " ", next_step);
}

function feature(name: string, { enabled, reason }: FeatureView): HTMLElement {
  const text = element("div", "grow", element("div", "", name));
  if (reason) text.append(why(reason));
  return element("li", enabled ? "enabled" : "", mark(enabled), text);
}

function facts({ size, quality }: ItemView): string {
  const shown: string[] = [];
  if (size && size.width > 0) shown.push(`${size.width}×${size.height}`);
  if (quality) {
    const all = (quality.presented + quality.dropped).toLocaleString("en");
    shown.push(`${quality.dropped.toLocaleString("en")} of ${all} dropped`);
  }
  return shown.join(" · ");
}

function item(view: ItemView): HTMLElement {
  const onDevice = view.plays === "device";
  const kind = view.kind === "video" ? "Video" : "Sound";
  const text = element("div", "grow", element("div", "", `${kind} · ${view.site}`));
  const numbers = onDevice ? facts(view) : "";
  if (numbers) text.append(element("p", "why", numbers));
  if (view.reason) text.append(why(view.reason));
  const place = onDevice ? "On your device" : "In the session";
  return element("li", onDevice ? "enabled" : "", text, element("span", "chip", place));
}

interface Switch {
  id: string;
  name: string;
  hint: string;
  on: boolean;
  set: ((value: boolean) => void) | null;
}

function switchRow({ id, name, hint, on, set }: Switch): HTMLElement {
  const label = element("label", "", name);
  label.htmlFor = id;
  const description = element("p", "why", hint);
  description.id = `${id}-hint`;
  const input = element("input", "");
  input.id = id;
  input.type = "checkbox";
  input.setAttribute("role", "switch");
  input.setAttribute("aria-describedby", description.id);
  input.checked = on;
  input.disabled = set === null;
  if (set) input.addEventListener("change", () => set(input.checked));
  return element("li", "", element("div", "grow", label, description), input);
}

function switches({ own, device, takesSwitches }: PopupView["advanced"], set: Setters): Switch[] {
  const absent = device
    ? "This switch is in Nearside on your device."
    : "This switch is in Nearside on your device, which is not connected.";
  const ofDevice = (id: string, name: string, hint: string, of: DeviceSwitch): Switch => ({
    id,
    name,
    hint: takesSwitches ? hint : absent,
    on: device?.[of] ?? false,
    set: takesSwitches ? (on) => set.device(of, on) : null,
  });
  return [
    {
      id: "video-all-sites",
      name: "Enable video playback for all sites (beta)",
      hint: device?.video_all_sites
        ? "On for all browsers, by the switch on your device."
        : "In this browser. Reload open pages.",
      on: own.videoAllSites || (device?.video_all_sites ?? false),
      set: device?.video_all_sites ? null : (value) => set.own("videoAllSites", value),
    },
    ofDevice(
      "video-outlines",
      "Redirected video outlines",
      "A bright border round each redirected video, at once.",
      "video_outlines",
    ),
    ofDevice(
      "video-status-overlay",
      "Video Status Overlay",
      "A short message at the top of the player for five seconds.",
      "video_status_overlay",
    ),
    {
      id: "call-all-sites",
      name: "Enable call redirection for all sites (experimental)",
      hint: "This version of Nearside does not redirect calls.",
      on: device?.call_all_sites ?? false,
      set: null,
    },
  ];
}

/** Replaces the switches, but leaves the keyboard's focus where it is. */
function advanced(view: PopupView["advanced"], set: Setters): void {
  const focused = document.activeElement?.id ?? "";
  const rows = switches(view, set).map(switchRow);
  byId("switches", HTMLUListElement).replaceChildren(...rows);
  byId("policy-messages", HTMLUListElement).replaceChildren(
    ...view.policyMessages.map((message) =>
      element("li", "", element("p", "why", `Policy: ${message}`)),
    ),
  );
  if (rows.some((row) => row.querySelector("input")?.id === focused)) {
    document.getElementById(focused)?.focus();
  }
  byId("advanced-toggle", HTMLButtonElement).hidden = view.hidden;
  if (view.hidden) byId("advanced", HTMLElement).hidden = true;
}

function details(view: PopupView): void {
  const { versions } = view;
  const rows: [string, string][] = [
    ["Extension", versions.extension],
    ["Host", versions.host || "not running"],
    ["Client", versions.client || "not connected"],
    ["activityId", view.activityId],
    ["connectionId", view.connectionId],
  ];
  byId("details", HTMLDListElement).replaceChildren(
    ...rows
      .filter(([, value]) => value !== "")
      .flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]),
  );
}

export function render(view: PopupView, set: Setters): void {
  byId("icon", HTMLImageElement).src = `icons/${view.indicator}-48.png`;
  byId("headline", HTMLHeadingElement).textContent = view.headline;
  byId("explanation", HTMLElement).textContent = view.explanation?.message ?? "";
  byId("next-step", HTMLElement).textContent = view.explanation?.next_step ?? "";

  const warning = byId("version-warning", HTMLElement);
  warning.textContent = view.versionWarning ?? "";
  warning.hidden = view.versionWarning === null;

  byId("features", HTMLUListElement).replaceChildren(
    feature("Video playback redirection", view.video),
    feature("Call redirection", view.call),
  );
  byId("items-section", HTMLElement).hidden = view.items.length === 0;
  byId("items", HTMLUListElement).replaceChildren(...view.items.map(item));

  advanced(view.advanced, set);
  byId("logs", HTMLButtonElement).textContent = view.collecting ? "Stop" : "Start";
  byId("logs-hint", HTMLElement).textContent = view.collecting
    ? "Do what goes wrong again, then stop. One file is saved."
    : "Start, do what goes wrong again, stop. The file holds no content and no addresses of pages.";
  details(view);
}
