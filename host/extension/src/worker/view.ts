/**
 * What icon and popup say of a tab: one state, shown twice. Pure: no browser API.
 *
 * INVARIANT: green only while pictures or sound really come out of the device.
 */

import type {
  Explanation,
  FeatureView,
  Indicator,
  ItemView,
  OwnSettings,
  PopupView,
} from "../common/popup_protocol.js";
import type { DeviceSettings, Reason } from "../generated/messages.js";
import { channelRefusal, type HostState, type ManagedPolicy, serves } from "./decide.js";
import { type Frame, siteOf } from "./page.js";

/** What is known of the frames with media in a tab. */
export interface TabMedia {
  readonly items: readonly ItemView[];
  /** Why each frame is refused; `null` for one that is not. */
  readonly refusals: readonly (Reason | null)[];
  /** Why the tab's stage is gone. */
  readonly failure: Reason | null;
}

export interface TabStatus {
  readonly indicator: Indicator;
  readonly headline: string;
  readonly explanation: Explanation | null;
}

export function tabMedia(frames: readonly Frame[]): TabMedia {
  const items = frames.flatMap((frame) =>
    [...frame.reports].map(([local, { plays, reason }]): ItemView => {
      const player = frame.players.get(local);
      return {
        site: siteOf(frame.sender.url),
        kind: player?.kind ?? "video",
        plays,
        flowing: plays === "device" && player?.flowing === true,
        size: player?.size ?? null,
        quality: player?.quality ?? null,
        reason,
      };
    }),
  );
  return {
    items,
    refusals: frames.map((frame) => frame.refused),
    failure: frames.find((frame) => frame.page.failure !== null)?.page.failure ?? null,
  };
}

const NO_MEDIA: Explanation = {
  message: "No video or sound has been seen on this page yet.",
  next_step: "Play something; this changes by itself.",
};

export const CONNECTING: Explanation = {
  message: "The connection to the device is being made.",
  next_step: "This takes about a second.",
};

const notLoaded = (explanation: Explanation | null): TabStatus => ({
  indicator: "not-loaded",
  headline: "Not loaded",
  explanation,
});

const failed = (explanation: Explanation): TabStatus => ({
  indicator: "failed",
  headline: "Failed to load correctly",
  explanation,
});

function nativeReason(items: readonly ItemView[]): Explanation | null {
  return items.find(({ plays, reason }) => plays === "native" && reason !== null)?.reason ?? null;
}

/** `known` stands for a tab of which nothing else is known; `null`: nothing was said before. */
export function tabStatus(
  host: HostState,
  media: TabMedia,
  known: Explanation | null = null,
): TabStatus {
  const flowing = media.items.filter((item) => item.flowing);
  if (flowing.length > 0) {
    const isVideo = flowing.some(({ kind }) => kind === "video");
    const headline = isVideo ? "A video is being redirected." : "Sound is being redirected.";
    return { indicator: "video", headline, explanation: nativeReason(media.items) };
  }
  if (host.at === "failed") return failed(host.reason);
  const refusal = host.at === "running" ? channelRefusal(host) : null;
  if (refusal?.code === "version_mismatch") return failed(refusal);
  if (refusal !== null) return notLoaded(refusal);
  if (media.refusals.length === 0) return notLoaded(known ?? NO_MEDIA);
  if (host.at === "starting") return notLoaded(CONNECTING);
  if (media.failure !== null) return failed(media.failure);
  const refused = media.refusals.find((it) => it !== null) ?? null;
  if (media.refusals.every((it) => it !== null)) return notLoaded(refused);
  const explanation = nativeReason(media.items);
  return { indicator: "loaded", headline: "Loaded", explanation };
}

/** The icon's tooltip; also how the worker remembers a tab when it was ended in between. */
export function tooltip(
  { headline, explanation }: TabStatus,
  warning: string | null = null,
): string {
  const lines = [`Nearside: ${headline}`];
  if (explanation) lines.push(explanation.message, explanation.next_step);
  if (warning) lines.push(warning);
  return lines.join("\n");
}

/** What {@link tooltip} explained, or `null` if it is not one of ours. */
export function explanationOf(title: string): Explanation | null {
  const [headline = "", message, next_step] = title.split("\n");
  if (!headline.startsWith("Nearside: ") || !message || !next_step) return null;
  return { message, next_step };
}

export interface PopupFacts {
  readonly host: HostState;
  readonly media: TabMedia;
  /** Of the tab's address; `null`: listed. */
  readonly siteRefusal: Explanation | null;
  readonly known: Explanation | null;
  readonly own: OwnSettings;
  readonly managed: ManagedPolicy;
  readonly extensionVersion: string;
  readonly collecting: boolean;
}

function videoFeature({ host, media, siteRefusal }: PopupFacts): FeatureView {
  if (media.items.some(({ plays }) => plays === "device")) return { enabled: true, reason: null };
  const allowed =
    media.refusals.length === 0 ? siteRefusal === null : media.refusals.includes(null);
  const reason =
    (host.at === "starting" ? CONNECTING : channelRefusal(host)) ??
    (allowed ? null : (media.refusals.find((it) => it !== null) ?? siteRefusal)) ??
    media.failure ??
    nativeReason(media.items);
  return { enabled: reason === null, reason };
}

const NO_CALLS: FeatureView = {
  enabled: false,
  reason: {
    message: "This version of Nearside does not redirect calls.",
    next_step: "Calls work as usual, in the session.",
  },
};

/** A sentence if the parts that are known are of different versions. */
export function versionWarning(versions: PopupView["versions"]): string | null {
  const named = Object.entries(versions).filter(([, version]) => version !== "");
  if (new Set(named.map(([, version]) => version)).size < 2) return null;
  const list = named.map(([part, version]) => `${part} ${version}`).join(", ");
  return `The parts of Nearside are of different versions (${list}). Update the older ones.`;
}

const MANAGED_SITES =
  "Your administrator has set the list of video sites. The switch for all sites adds none to it.";

export function versionsOf(host: HostState, extension: string): PopupView["versions"] {
  const channel = host.at === "running" ? host.channel : null;
  return {
    extension,
    host: channel?.host_version ?? "",
    client: channel?.client_version ?? "",
  };
}

export function popupView(facts: PopupFacts): PopupView {
  const { host, media, own, managed } = facts;
  const channel = host.at === "running" ? host.channel : null;
  const versions = versionsOf(host, facts.extensionVersion);
  const device: DeviceSettings | null = channel?.connected ? channel.settings : null;
  return {
    ...tabStatus(host, media, facts.known),
    video: videoFeature(facts),
    call: NO_CALLS,
    items: [...media.items],
    versions,
    versionWarning: versionWarning(versions),
    activityId: channel?.activity_id ?? "",
    connectionId: channel?.connection_id ?? "",
    advanced: {
      hidden: managed.hideAdvancedSettings,
      own,
      device,
      takesSwitches: serves(host, "switches"),
      policyMessages: [
        ...(managed.videoSites === null ? [] : [MANAGED_SITES]),
        ...(managed.videoSites?.refused ?? []),
        ...(managed.callSites?.refused ?? []),
      ],
    },
    collecting: facts.collecting,
  };
}
