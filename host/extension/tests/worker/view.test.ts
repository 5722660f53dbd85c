import assert from "node:assert/strict";
import { test } from "node:test";
import type { Indicator, ItemView } from "../../src/common/popup_protocol.js";
import type { ChannelState, Reason } from "../../src/generated/messages.js";
import {
  channelRefusal,
  frameRefusal,
  type HostState,
  hostLoss,
  managedPolicy,
} from "../../src/worker/decide.js";
import {
  explanationOf,
  popupView,
  type TabMedia,
  tabStatus,
  tooltip,
  versionWarning,
} from "../../src/worker/view.js";

const CHANNEL: ChannelState = {
  connected: true,
  reason: null,
  host_version: "1.0",
  client_version: "1.0",
  activity_id: "activity",
  connection_id: "connection",
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
const why = (code: Reason["code"]): Reason => ({ code, message: `${code}.`, next_step: "Do." });
const running = (changes: Partial<ChannelState> = {}): HostState => ({
  at: "running",
  channel: { ...CHANNEL, ...changes },
});
const item = (changes: Partial<ItemView>): ItemView => ({
  site: "a.org",
  kind: "video",
  plays: "device",
  flowing: true,
  size: null,
  quality: null,
  reason: null,
  ...changes,
});
const media = (changes: Partial<TabMedia> = {}): TabMedia => ({
  items: [],
  refusals: [null],
  failure: null,
  ...changes,
});
const native = item({ plays: "native", flowing: false, reason: why("protected_content") });

const paused = item({ flowing: false });

const STATES: [string, HostState, TabMedia, Indicator, string, string | null][] = [
  [
    "a video",
    running(),
    media({ items: [item({})] }),
    "video",
    "A video is being redirected.",
    null,
  ],
  [
    "sound alone",
    running(),
    media({ items: [item({ kind: "audio" })] }),
    "video",
    "Sound is being redirected.",
    null,
  ],
  [
    "one of two",
    running(),
    media({ items: [native, item({})] }),
    "video",
    "A video is being redirected.",
    "protected_content.",
  ],
  ["a pause", running(), media({ items: [paused] }), "loaded", "Loaded", null],
  ["a page that could", running(), media(), "loaded", "Loaded", null],
  [
    "protected content",
    running(),
    media({ items: [native] }),
    "loaded",
    "Loaded",
    "protected_content.",
  ],
  [
    "one frame refused",
    running(),
    media({ refusals: [why("site_not_listed"), null] }),
    "loaded",
    "Loaded",
    null,
  ],
  [
    "all frames refused",
    running(),
    media({ refusals: [why("site_not_listed")] }),
    "not-loaded",
    "Not loaded",
    "site_not_listed.",
  ],
  [
    "no media",
    running(),
    media({ refusals: [] }),
    "not-loaded",
    "Not loaded",
    "No video or sound has been seen on this page yet.",
  ],
  [
    "no device",
    running({ connected: false, reason: why("stage_unavailable") }),
    media(),
    "not-loaded",
    "Not loaded",
    "stage_unavailable.",
  ],
  [
    "no device, no reason",
    running({ connected: false }),
    media(),
    "not-loaded",
    "Not loaded",
    "No device with Nearside is connected to this session.",
  ],
  ["policy", running({ reason: why("policy") }), media(), "not-loaded", "Not loaded", "policy."],
  [
    "other versions",
    running({ connected: false, reason: why("version_mismatch") }),
    media(),
    "failed",
    "Failed to load correctly",
    "version_mismatch.",
  ],
  [
    "a dead stage",
    running(),
    media({ failure: why("stage_crashed") }),
    "failed",
    "Failed to load correctly",
    "stage_crashed.",
  ],
  [
    "no host",
    { at: "failed", reason: hostLoss("Specified native messaging host not found.") },
    media(),
    "failed",
    "Failed to load correctly",
    "nearside-host is not installed in this session.",
  ],
  [
    "a start",
    { at: "starting" },
    media(),
    "not-loaded",
    "Not loaded",
    "The connection to the device is being made.",
  ],
];

test("icon and headline", () => {
  for (const [name, host, tab, indicator, headline, message] of STATES) {
    const status = tabStatus(host, tab);
    assert.deepEqual(
      [status.indicator, status.headline, status.explanation?.message ?? null],
      [indicator, headline, message],
      name,
    );
  }
});

test("a tooltip gives back what it explained", () => {
  for (const [name, host, tab] of STATES) {
    const status = tabStatus(host, tab);
    const again = explanationOf(tooltip(status, "Of different versions."));
    assert.equal(again?.message, status.explanation?.message, name);
    assert.equal(again?.next_step, status.explanation?.next_step, name);
  }
  assert.equal(explanationOf("Something else\na\nb"), null);
  const loaded = { indicator: "loaded", headline: "Loaded", explanation: null } as const;
  assert.equal(
    tooltip(loaded, "Of different versions."),
    "Nearside: Loaded\nOf different versions.",
  );
});

const YOUTUBE = { url: "https://www.youtube.com/", topUrl: "https://www.youtube.com/" };
const EMBEDDED = { url: "https://www.youtube.com/embed/1", topUrl: "https://example.org/" };
const INSIDE = { url: "https://cdn.example.org/", topUrl: "https://www.bbc.co.uk/" };
const OTHER = { url: "https://example.org/", topUrl: "https://example.org/" };
const allSites = { ...CHANNEL.settings, video_all_sites: true };

test("which frame is refused, and by what", () => {
  const none = managedPolicy({});
  const list = managedPolicy({ AllowedVideoRedirectionSites: "example.org" });
  const hidden = managedPolicy({ HideAdvancedSettings: true });
  const cases = [
    [YOUTUBE, running(), false, none, null],
    [EMBEDDED, running(), false, none, null],
    [INSIDE, running(), false, none, null],
    [OTHER, running(), false, none, "site_not_listed"],
    [OTHER, running(), true, none, null],
    [OTHER, running({ settings: allSites }), false, none, null],
    [OTHER, running(), false, list, null],
    [YOUTUBE, running(), false, list, "site_not_listed"],
    [
      YOUTUBE,
      running(),
      false,
      managedPolicy({ AllowedVideoRedirectionSites: "" }),
      "site_not_listed",
    ],
    // Neither the user nor the device add to the administrator's list.
    [YOUTUBE, running(), true, list, "site_not_listed"],
    [YOUTUBE, running({ settings: allSites }), true, list, "site_not_listed"],
    // A switch that nobody sees any more does not count; the device's is its own.
    [OTHER, running(), true, hidden, "site_not_listed"],
    [YOUTUBE, running(), true, hidden, null],
    [OTHER, running({ settings: allSites }), false, hidden, null],
    [YOUTUBE, running({ connected: false }), true, none, "stage_unavailable"],
    [YOUTUBE, running({ reason: why("policy") }), true, none, "policy"],
    [YOUTUBE, running({ policy: { ...CHANNEL.policy, fDisableCam: true } }), true, none, "policy"],
    [YOUTUBE, running({ policy: { ...CHANNEL.policy, fDisableCam: false } }), true, none, null],
    [YOUTUBE, running({ settings: { ...allSites, paused: true } }), true, none, "paused_by_user"],
    [OTHER, running({ reason: why("policy") }), false, none, "policy"],
  ] as const;
  for (const [frame, host, videoAllSites, managed, code] of cases) {
    const refusal = frameRefusal(frame, host, { videoAllSites }, managed);
    assert.equal(refusal?.code ?? null, code, JSON.stringify([frame, host, videoAllSites]));
  }
});

test("who can add the site is named", () => {
  const next = (managed: Record<string, unknown>) =>
    frameRefusal(OTHER, running(), { videoAllSites: false }, managedPolicy(managed))?.next_step;
  assert.match(next({}) ?? "", /advanced settings/);
  assert.match(next({ HideAdvancedSettings: true }) ?? "", /administrator/);
  assert.match(next({ AllowedVideoRedirectionSites: "a.org" }) ?? "", /administrator/);
});

test("managed values of any type", () => {
  for (const value of [1, "true", {}, null]) {
    assert.equal(managedPolicy({ HideAdvancedSettings: value }).hideAdvancedSettings, false);
  }
  assert.equal(managedPolicy({ HideAdvancedSettings: true }).hideAdvancedSettings, true);
  const policy = managedPolicy({ AllowedCallRedirectionSites: "www.a.org;b.org" });
  assert.equal(policy.callSites?.sites.length, 1);
  assert.equal(policy.callSites?.refused.length, 1);
});

const facts = (host: HostState, tab: TabMedia) => ({
  host,
  media: tab,
  siteRefusal: null,
  known: null,
  own: { videoAllSites: false },
  managed: managedPolicy({}),
  extensionVersion: "1.0",
  collecting: false,
});

test("video playback redirection is enabled exactly without a reason", () => {
  const enabled: Record<string, boolean> = {
    "a video": true,
    "sound alone": true,
    "one of two": true,
    "a pause": true,
    "a page that could": true,
    "one frame refused": true,
    "no media": true,
  };
  for (const [name, host, tab] of STATES) {
    const { video } = popupView(facts(host, tab));
    assert.equal(video.enabled, enabled[name] ?? false, name);
    assert.equal(video.reason === null, video.enabled, name);
  }
});

test("a page without media says of its site what holds", () => {
  const view = popupView({
    ...facts(running(), media({ refusals: [] })),
    siteRefusal: why("site_not_listed"),
  });
  assert.equal(view.video.reason?.message, "site_not_listed.");
});

test("versions that differ are a warning", () => {
  const versions = { extension: "1.0", host: "1.0", client: "" };
  assert.equal(versionWarning(versions), null);
  assert.equal(versionWarning({ ...versions, host: "" }), null);
  const warning = versionWarning({ ...versions, client: "0.9" });
  assert.match(warning ?? "", /client 0\.9/);
});

test("how the browser lost the host", () => {
  const cases: [string, RegExp][] = [
    ["Specified native messaging host not found.", /not installed/],
    ["Access to the specified native messaging host is forbidden.", /policy forbids/],
    ["Native host has exited.", /has ended/],
    ["", /has ended/],
  ];
  for (const [message, words] of cases) assert.match(hostLoss(message).message, words);
  assert.equal(channelRefusal(running()), null);
});
