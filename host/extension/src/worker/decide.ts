/**
 * Whether a frame's media may play on the device, and if not, the reason that people read.
 *
 * Every source may only restrict: the host, the channel, the session's policy, the device,
 * the user, the list of sites, in this order. Pure: no browser API.
 */

import type { OwnSettings } from "../common/popup_protocol.js";
import type { ChannelState, Reason, ReasonCode } from "../generated/messages.js";
import { isListed, type ManagedSites, parseManagedSites, VIDEO_SITES } from "./sites.js";

/** What is known of nearside-host. */
export type HostState =
  /** Not asked for yet, or it has not found out yet whether there is a device. */
  | { at: "starting" }
  /** It cannot be started, ended, or refused: what to do about it. */
  | { at: "failed"; reason: Reason }
  | { at: "running"; channel: ChannelState };

/** Values of the browser's managed storage. */
export interface ManagedPolicy {
  readonly hideAdvancedSettings: boolean;
  /** `null`: not configured. */
  readonly callSites: ManagedSites | null;
  /** `null`: not configured, the shipped list holds. A list limits all that others choose. */
  readonly videoSites: ManagedSites | null;
}

/** Reads the managed storage, whose values may be of any type. */
export function managedPolicy(values: Record<string, unknown>): ManagedPolicy {
  return {
    hideAdvancedSettings: values["HideAdvancedSettings"] === true,
    callSites: parseManagedSites(values["AllowedCallRedirectionSites"]),
    videoSites: parseManagedSites(values["AllowedVideoRedirectionSites"]),
  };
}

/** What a frame is shown to be by the browser. */
export interface FrameAddress {
  /** The frame's document; for about:blank, blob: and data: the origin it runs in. */
  readonly url: string;
  /** The top document of the tab. */
  readonly topUrl: string;
}

export function reason(code: ReasonCode, message: string, next_step: string): Reason {
  return { code, message, next_step };
}

/**
 * The state after a `channel` message: a host that has just been started says first that it
 * is not connected, without a reason, and then how it went.
 */
export function afterChannel(host: HostState, channel: ChannelState): HostState {
  const isLooking = host.at !== "running" && !channel.connected && channel.reason === null;
  return isLooking ? { at: "starting" } : { at: "running", channel };
}

/** Whether a device is there that takes the messages of this service. */
export function serves(host: HostState, service: string): boolean {
  if (host.at !== "running" || !host.channel.connected) return false;
  return host.channel.capabilities.services.includes(service);
}

const NO_DEVICE = reason(
  "stage_unavailable",
  "No device with Nearside is connected to this session.",
  "Connect with a client that has Nearside: what plays then goes on there.",
);

/** Why nothing at all is redirected now, whatever the site; `null` if something may be. */
export function channelRefusal(host: HostState): Reason | null {
  if (host.at === "failed") return host.reason;
  if (host.at === "starting") return NO_DEVICE;
  const { connected, reason: why, policy, settings } = host.channel;
  if (!connected) return why ?? NO_DEVICE;
  if (why !== null) return why;
  if (policy.fDisableCam === true) {
    return reason(
      "policy",
      "Video playback redirection is off: the session's policy sets fDisableCam to 1.",
      "Ask the administrator of the session host.",
    );
  }
  if (settings.paused) {
    return reason(
      "paused_by_user",
      "Redirection is paused on the device.",
      "Choose Resume in Nearside on the device.",
    );
  }
  return null;
}

/** Whether people want all sites, where the administrator lets them choose. */
function allSites(host: HostState, own: OwnSettings, managed: ManagedPolicy): boolean {
  if (managed.videoSites !== null) return false;
  if (own.videoAllSites && !managed.hideAdvancedSettings) return true;
  return host.at === "running" && host.channel.settings.video_all_sites;
}

/** Why the site's videos are not redirected; `null` if they are. */
export function siteRefusal(
  frame: FrameAddress,
  host: HostState,
  own: OwnSettings,
  managed: ManagedPolicy,
): Reason | null {
  if (allSites(host, own, managed)) return null;
  const sites = managed.videoSites?.sites ?? VIDEO_SITES;
  if (isListed(sites, frame.url) || isListed(sites, frame.topUrl)) return null;
  const next =
    managed.hideAdvancedSettings || managed.videoSites !== null
      ? "Ask your administrator to add the site."
      : 'Turn on "Enable video playback for all sites (beta)" in the advanced settings.';
  return reason("site_not_listed", "This site is not on the list of video sites.", next);
}

/** Why nothing in the frame is redirected; `null` if it may be. */
export function frameRefusal(
  frame: FrameAddress,
  host: HostState,
  own: OwnSettings,
  managed: ManagedPolicy,
): Reason | null {
  return channelRefusal(host) ?? siteRefusal(frame, host, own, managed);
}

/** What the browser says when the port to the host closes, in words and with a next step. */
export function hostLoss(browserMessage: string): Reason {
  if (/not found/i.test(browserMessage)) {
    return reason(
      "stage_unavailable",
      "nearside-host is not installed in this session.",
      "Ask the administrator to install Nearside on the session host.",
    );
  }
  if (/forbidden/i.test(browserMessage)) {
    return reason(
      "policy",
      "The browser's policy forbids nearside-host.",
      "Ask the administrator to allow the native messaging host org.nearside.host.",
    );
  }
  return reason(
    "stage_unavailable",
    "nearside-host has ended.",
    "Reload the page. If it stays like this, collect logs and send them to your administrator.",
  );
}
