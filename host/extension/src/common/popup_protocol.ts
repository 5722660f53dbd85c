/**
 * What the popup and the service worker say to each other, over one `chrome.runtime` port.
 *
 * The popup names its tab once and gets the whole view at each change; it keeps no state of
 * its own. Only extension pages can open this port.
 */
import type { DeviceSettings, DeviceSwitch, Rect } from "../generated/messages.js";

export const POPUP_PORT = "nearside-popup";

/** The icon's states. */
export type Indicator = "not-loaded" | "failed" | "loaded" | "video";

/** The user's switches in this browser, in `chrome.storage.local` under these names. */
export interface OwnSettings {
  /** "Enable video playback for all sites (beta)". */
  videoAllSites: boolean;
}

export const DEFAULT_SETTINGS: OwnSettings = { videoAllSites: false };

/** What may be said to people beside a headline. */
export interface Explanation {
  message: string;
  next_step: string;
}

/** One media element that says where it plays. */
export interface ItemView {
  /** Host name of its frame, or what stands for it. */
  site: string;
  kind: "video" | "audio";
  plays: "device" | "native";
  /** It plays on the device and does so right now: not paused, stalled or at its end. */
  flowing: boolean;
  /** Of the picture on the device; `null` before there is one. */
  size: { width: number; height: number } | null;
  /** Pictures shown and left out on the device. */
  quality: { presented: number; dropped: number } | null;
  reason: Explanation | null;
}

export interface FeatureView {
  enabled: boolean;
  /** `null` exactly if it is enabled. */
  reason: Explanation | null;
}

export interface PopupView {
  indicator: Indicator;
  headline: string;
  /** What to know beside the headline, `null` if nothing. */
  explanation: Explanation | null;
  video: FeatureView;
  call: FeatureView;
  items: ItemView[];
  versions: { extension: string; host: string; client: string };
  /** The parts are of different versions. */
  versionWarning: string | null;
  activityId: string;
  connectionId: string;
  advanced: {
    hidden: boolean;
    own: OwnSettings;
    /** `null` while no device is connected. */
    device: DeviceSettings | null;
    /** The device takes what is switched here. */
    takesSwitches: boolean;
    /** What is wrong with the administrator's lists. */
    policyMessages: string[];
  };
  collecting: boolean;
}

export type PopupRequest =
  /** First message. */
  | { type: "watch"; tab: number }
  /** Where it is, in pixels of the desktop. */
  | { type: "place"; rect: Rect }
  | { type: "set"; setting: keyof OwnSettings; value: boolean }
  /** Moves a switch of the device. */
  | { type: "switch"; switch: DeviceSwitch; on: boolean }
  | { type: "collect_logs"; start: boolean };

export type PopupUpdate =
  | { type: "view"; view: PopupView }
  /** The collected log, ready to be saved. */
  | { type: "logs"; text: string };
