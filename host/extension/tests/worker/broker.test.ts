import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkerMessage } from "../../src/frame_protocol.js";
import type {
  ChannelState,
  ExtensionMessage,
  PlayerCommand,
  Reason,
  StreamCommand,
  StreamEvent,
} from "../../src/generated/messages.js";
import { Broker } from "../../src/worker/broker.js";
import { APPEND_BYTES, MAX_UNANSWERED_BYTES } from "../../src/worker/flow.js";
import { Log } from "../../src/worker/log.js";
import type { Frame, FrameSender } from "../../src/worker/page.js";

const CHANNEL: ChannelState = {
  connected: true,
  reason: null,
  host_version: "1",
  client_version: "1",
  activity_id: "a",
  connection_id: "c",
  capabilities: { video: ["h264"], audio: ["aac"], containers: ["mp4"], services: [] },
  settings: {
    video_all_sites: true,
    video_outlines: false,
    video_status_overlay: false,
    call_all_sites: false,
    paused: false,
  },
  policy: { fDisableCam: null, fDisableAudioCapture: null, fDisableCameraRedir: null },
};
const WHY: Reason = { code: "stage_unavailable", message: "gone", next_step: "wait" };
const OPEN: PlayerCommand = { type: "open", kind: "video", source: { type: "mse" } };

/** A broker with what it said to the host and to each frame. */
class Bench {
  readonly host: ExtensionMessage[] = [];
  readonly told = new Map<Frame, WorkerMessage[]>();
  readonly cut = new Set<Frame>();
  readonly broker = new Broker({
    toHost: (message) => this.host.push(message),
    tabChanged: () => {},
    log: new Log(),
  });

  constructor(refusal: Reason | null = null, channel: ChannelState | null = CHANNEL) {
    this.broker.refresh({ channel, refusal: () => refusal });
  }

  frame(sender: Partial<FrameSender> = {}): Frame {
    const told: WorkerMessage[] = [];
    const frame = this.broker.addFrame(
      {
        tab: 1,
        frame: 0,
        document: "d",
        url: "https://a.org/x",
        topUrl: "https://a.org/x",
        title: "Title",
        ...sender,
      },
      {
        post: (message) => told.push(message),
        close: () => this.cut.add(added),
      },
    );
    assert.ok(frame);
    const added = frame;
    this.told.set(frame, told);
    return frame;
  }

  player(frame: Frame, player: number, command: PlayerCommand): void {
    this.broker.fromFrame(frame, { type: "player", player, command });
  }

  stream(frame: Frame, stream: number, command: StreamCommand): void {
    this.broker.fromFrame(frame, { type: "stream", stream, command });
  }

  append(frame: Frame, stream: number, seq: number, bytes: number): void {
    this.stream(frame, stream, {
      type: "append",
      seq,
      bytes,
      timestamp_offset_micros: 0,
      window_start_micros: 0,
      window_end_micros: null,
      mode: "segments",
    });
  }

  /** What came since the last call. */
  taken(): ExtensionMessage[] {
    return this.host.splice(0);
  }

  heard(frame: Frame): WorkerMessage[] {
    return this.told.get(frame)?.splice(0) ?? [];
  }
}

/** A frame with player 5 and stream 6 that the host knows under its own numbers. */
function playing(bench: Bench, sender: Partial<FrameSender> = {}) {
  const frame = bench.frame(sender);
  bench.taken();
  bench.player(frame, 5, OPEN);
  bench.player(frame, 5, { type: "add_stream", stream: 6, mime: "video/mp4" });
  const [opened, added] = bench.taken();
  assert.ok(opened?.type === "player" && added?.type === "player");
  assert.ok(added.command.type === "add_stream");
  bench.heard(frame);
  return { frame, page: opened.page, player: opened.player, stream: added.command.stream };
}

test("a frame is told the configuration first, and its page is opened", () => {
  const bench = new Bench();
  const frame = bench.frame();
  assert.deepEqual(bench.heard(frame), [{ type: "config", channel: CHANNEL, refused: null }]);
  assert.deepEqual(bench.taken(), [
    { type: "page_open", page: frame.page.id, site: "a.org", title: "Title" },
  ]);
});

test("before the host has spoken nothing is said", () => {
  const bench = new Bench(null, null);
  const frame = bench.frame();
  assert.deepEqual([bench.heard(frame), bench.taken()], [[], []]);
});

test("of a refused frame the host hears nothing", () => {
  const bench = new Bench(WHY);
  const frame = bench.frame();
  bench.player(frame, 1, OPEN);
  bench.append(frame, 1, 1, 4);
  bench.broker.fromFrame(frame, { type: "media", stream: 1, data: "AAAA" });
  bench.broker.removeFrame(frame);
  assert.deepEqual(bench.taken(), []);
});

test("numbers of two frames and two tabs do not meet", () => {
  const bench = new Bench();
  const one = playing(bench);
  const two = playing(bench, { frame: 7, document: "e", url: "https://b.org/" });
  const three = playing(bench, { tab: 2 });
  assert.equal(one.page, two.page);
  assert.notEqual(one.page, three.page);
  assert.equal(new Set([one.player, two.player, three.player]).size, 3);
  assert.equal(new Set([one.stream, two.stream, three.stream]).size, 3);

  bench.append(two.frame, 6, 1, 3);
  bench.broker.fromFrame(two.frame, {
    type: "media",
    stream: 6,
    data: new Uint8Array([1, 2, 3]).buffer,
  });
  bench.broker.fromFrame(two.frame, { type: "buffered", stream: 6, seq: 1, buffered: [] });
  assert.deepEqual(
    bench.taken().map((message) => ("stream" in message ? message.stream : null)),
    [two.stream, two.stream, two.stream],
  );

  const event = { type: "first_frame", position_micros: 1 } as const;
  bench.broker.fromDevice({ type: "player", page: two.page, player: two.player, event });
  bench.broker.fromDevice({
    type: "stream",
    page: two.page,
    stream: two.stream,
    event: { type: "appended", seq: 1, buffered: [] },
  });
  bench.broker.fromDevice({
    type: "steer",
    page: two.page,
    player: two.player,
    command: { type: "pause" },
  });
  assert.deepEqual(bench.heard(two.frame), [
    { type: "player", player: 5, event },
    { type: "stream", stream: 6, event: { type: "appended", seq: 1, buffered: [] } },
    { type: "steer", player: 5, command: { type: "pause" } },
  ]);
  assert.deepEqual(bench.heard(one.frame), []);
});

test("what the device says of a page that is another's goes nowhere", () => {
  const bench = new Bench();
  const one = playing(bench);
  const two = playing(bench, { tab: 2 });
  const event = { type: "first_frame", position_micros: 1 } as const;
  bench.broker.fromDevice({ type: "player", page: two.page, player: one.player, event });
  bench.broker.fromDevice({
    type: "stream",
    page: two.page,
    stream: one.stream,
    event: { type: "removed", buffered: [] },
  });
  bench.broker.fromDevice({ type: "page_ready", page: 99 });
  assert.deepEqual([bench.heard(one.frame), bench.heard(two.frame)], [[], []]);
});

test("a frame hears at once how its page's stage is", () => {
  const bench = new Bench();
  const { page } = playing(bench);
  bench.broker.fromDevice({ type: "page_ready", page });
  const later = bench.frame({ frame: 3, document: "e" });
  assert.deepEqual(bench.heard(later)[1], { type: "page_ready" });
  bench.broker.fromDevice({ type: "page_failed", page, reason: WHY });
  assert.deepEqual(bench.heard(later), [{ type: "page_failed", reason: WHY }]);
  const last = bench.frame({ frame: 4, document: "f" });
  assert.deepEqual(bench.heard(last)[1], { type: "page_failed", reason: WHY });
});

test("a new top document is a new page, and the old one is closed with its last frame", () => {
  const bench = new Bench();
  const old = bench.frame();
  const inner = bench.frame({ frame: 2, document: "i" });
  const next = bench.frame({ document: "d2" });
  assert.equal(old.page, inner.page);
  assert.notEqual(old.page.id, next.page.id);
  bench.taken();
  bench.broker.removeFrame(old);
  assert.deepEqual(bench.taken(), []);
  bench.broker.removeFrame(inner);
  assert.deepEqual(bench.taken(), [{ type: "page_close", page: old.page.id }]);
});

test("a frame that leaves closes its players only", () => {
  const bench = new Bench();
  const one = playing(bench);
  const two = playing(bench, { frame: 2, document: "i" });
  bench.broker.removeFrame(two.frame);
  assert.deepEqual(bench.taken(), [
    { type: "player", page: two.page, player: two.player, command: { type: "close" } },
  ]);
  bench.stream(one.frame, 6, { type: "abort" });
  assert.equal(bench.taken().length, 1);
});

test("a lost host has forgotten every player; late messages about it go nowhere", () => {
  const bench = new Bench();
  const { frame, page, player } = playing(bench);
  bench.broker.fromDevice({ type: "page_ready", page });
  const event = { type: "state", state: "playing", position_micros: 42, rate: 1 } as const;
  bench.broker.fromDevice({ type: "player", page, player, event });
  bench.heard(frame);

  bench.broker.hostLost(WHY);
  bench.broker.refresh({
    channel: { ...CHANNEL, connected: false, reason: WHY },
    refusal: () => WHY,
  });
  assert.deepEqual(
    bench.heard(frame).map((message) => (message.type === "forgotten" ? message : message.type)),
    ["page_failed", { type: "forgotten", player: 5, reason: WHY }, "config"],
  );
  bench.append(frame, 6, 1, 4);
  bench.player(frame, 5, { type: "play" });
  assert.deepEqual(bench.taken(), []);
  // Was on its way when the host went: the next one would not know it either.
  bench.player(frame, 8, OPEN);
  assert.deepEqual(bench.taken(), []);
  assert.deepEqual(bench.heard(frame), [{ type: "forgotten", player: 8, reason: WHY }]);

  bench.broker.refresh({ channel: CHANNEL, refusal: () => null });
  bench.player(frame, 9, OPEN);
  assert.deepEqual(
    bench.taken().map(({ type }) => type),
    ["page_open", "player"],
  );
});

test("a lost device fails pages once, whoever says it first, and they come back", () => {
  const bench = new Bench();
  const { frame, page } = playing(bench);
  bench.broker.fromDevice({ type: "page_ready", page });
  bench.broker.refresh({
    channel: { ...CHANNEL, connected: false, reason: WHY },
    refusal: () => WHY,
  });
  bench.broker.fromDevice({ type: "page_failed", page, reason: WHY });
  bench.broker.refresh({ channel: CHANNEL, refusal: () => null });
  bench.broker.fromDevice({ type: "page_ready", page });
  assert.deepEqual(
    bench.heard(frame).map(({ type }) => type),
    ["page_ready", "page_failed", "config", "config", "page_ready"],
  );
  assert.deepEqual(bench.taken(), []);
});

test("the configuration is sent when it changes", () => {
  const bench = new Bench();
  const frame = bench.frame();
  bench.heard(frame);
  bench.broker.refresh({ channel: { ...CHANNEL }, refusal: () => null });
  assert.deepEqual(bench.heard(frame), []);
  bench.broker.refresh({ channel: CHANNEL, refusal: () => WHY });
  assert.equal(bench.heard(frame).length, 1);
});

/** Each ends with the frame cut off, its player closed and its page with it. */
const HOSTILE: Record<string, (bench: Bench, frame: Frame) => void> = {
  malformed: (bench, frame) => bench.broker.fromFrame(frame, { type: "player" }),
  "opens twice": (bench, frame) => bench.player(frame, 5, OPEN),
  "adds twice": (bench, frame) =>
    bench.player(frame, 5, { type: "add_stream", stream: 6, mime: "video/mp4" }),
  "media without an append": (bench, frame) =>
    bench.broker.fromFrame(frame, { type: "media", stream: 6, data: "AAAA" }),
  "more media than announced": (bench, frame) => {
    bench.append(frame, 6, 1, 2);
    bench.broker.fromFrame(frame, { type: "media", stream: 6, data: "AAAA" });
  },
  "empty media": (bench, frame) => {
    bench.append(frame, 6, 1, 2);
    bench.broker.fromFrame(frame, { type: "media", stream: 6, data: "" });
  },
  "a command inside an append": (bench, frame) => {
    bench.append(frame, 6, 1, 2);
    bench.stream(frame, 6, { type: "abort" });
  },
};

test("a frame that breaks the rules is cut off and nobody else", () => {
  for (const [name, attack] of Object.entries(HOSTILE)) {
    const bench = new Bench();
    const other = playing(bench, { tab: 2 });
    const { frame, page } = playing(bench);
    attack(bench, frame);
    assert.ok(bench.cut.has(frame), name);
    assert.deepEqual(bench.taken().at(-1), { type: "page_close", page }, name);
    bench.player(frame, 5, OPEN);
    assert.deepEqual(bench.taken(), [], name);
    bench.stream(other.frame, 6, { type: "abort" });
    assert.equal(bench.taken().length, 1, name);
  }
});

test("media nobody answers is bounded over all tabs, and the bound is given back", () => {
  const bench = new Bench();
  const one = playing(bench);
  const two = playing(bench, { tab: 2 });
  const large = 200 * 1024 * 1024;
  const piece = new ArrayBuffer(1024 * 1024);
  bench.append(one.frame, 6, 1, large);
  for (let sent = 0; sent < large; sent += piece.byteLength) {
    bench.broker.fromFrame(one.frame, { type: "media", stream: 6, data: piece });
    bench.taken();
  }
  bench.append(two.frame, 6, 1, large);
  assert.deepEqual(bench.taken(), [
    { type: "player", page: two.page, player: two.player, command: { type: "close" } },
  ]);
  const [failed] = bench.heard(two.frame);
  assert.ok(failed?.type === "player" && failed.event.type === "failed");
  assert.equal(failed.event.reason.code, "limit_reached");
  assert.ok(!bench.cut.has(two.frame));

  const event: StreamEvent = { type: "appended", seq: 1, buffered: [] };
  bench.broker.fromDevice({ type: "stream", page: one.page, stream: one.stream, event });
  bench.append(one.frame, 6, 2, large);
  assert.equal(bench.taken().length, 1);
});

test("many small appends may be under way, and each counts more than its media", () => {
  const bench = new Bench();
  const [one, two] = [playing(bench), playing(bench, { tab: 2 })];
  const many = 2000;
  const data = new ArrayBuffer(1);
  for (let seq = 1; seq <= many; seq += 1) {
    bench.append(one.frame, 6, seq, 1);
    bench.broker.fromFrame(one.frame, { type: "media", stream: 6, data });
  }
  assert.equal(bench.taken().length, 2 * many);
  bench.append(two.frame, 6, 1, MAX_UNANSWERED_BYTES - many * (APPEND_BYTES + 1));
  const [failed] = bench.heard(two.frame);
  assert.equal(failed?.type === "player" && failed.event.type, "failed");
});

test("frames hear how much of their media the host has read", () => {
  const bench = new Bench();
  const [one, two] = [playing(bench), playing(bench, { tab: 2, document: "e" })];
  const media = (frame: Frame, data: string) =>
    bench.broker.fromFrame(frame, { type: "media", stream: 6, data });
  for (const { frame } of [one, two]) bench.append(frame, 6, 1, 9);
  media(one.frame, "AAAAAAAA");
  media(two.frame, "AAAA");
  media(one.frame, "AAAA");
  bench.broker.taken(10);
  assert.deepEqual(bench.heard(one.frame), [{ type: "taken", length: 8 }]);
  assert.deepEqual(bench.heard(two.frame), [{ type: "taken", length: 2 }]);
  // What nobody has a use for is not waited for.
  bench.broker.fromFrame(one.frame, { type: "media", stream: 7, data: "AAAAAAAAAAAA" });
  assert.deepEqual(bench.heard(one.frame), [{ type: "taken", length: 12 }]);
  // Another host reads nothing of it.
  bench.broker.hostStarts();
  assert.deepEqual(bench.heard(one.frame), [{ type: "taken", length: 4 }]);
  assert.deepEqual(bench.heard(two.frame), [{ type: "taken", length: 2 }]);
  bench.broker.taken(100);
  assert.deepEqual([bench.heard(one.frame), bench.heard(two.frame)], [[], []]);
});

test("streams and players over the limit stay in the session", () => {
  const bench = new Bench();
  const frame = bench.frame();
  for (let local = 0; local < 300; local += 1) {
    bench.player(frame, local, OPEN);
    bench.player(frame, local, { type: "add_stream", stream: local, mime: "video/mp4" });
  }
  const failed = bench.heard(frame).filter((message) => message.type === "player");
  assert.equal(failed.length, 45);
  assert.equal(frame.streams.size, 255);
  for (let local = 0; local < 300; local += 1) bench.player(frame, local, { type: "close" });
  assert.deepEqual([frame.streams.size, frame.players.size, frame.page.players.size], [0, 0, 0]);
});

test("reports of one frame are bounded", () => {
  const bench = new Bench();
  const frame = bench.frame();
  for (let player = 0; player < 1000; player += 1) {
    bench.broker.fromFrame(frame, { type: "report", player, plays: "native", reason: null });
  }
  assert.equal(frame.reports.size, 256);
  bench.broker.fromFrame(frame, { type: "report", player: 0, plays: "gone", reason: null });
  assert.equal(frame.reports.size, 255);
});

test("an address that scripts change stays the same page", () => {
  const bench = new Bench();
  const top = bench.frame();
  const inner = bench.frame({ frame: 2, document: "i", topUrl: "https://a.org/other" });
  const elsewhere = bench.frame({ frame: 3, document: "j", topUrl: "https://b.org/" });
  assert.equal(top.page, inner.page);
  assert.notEqual(top.page, elsewhere.page);
});

test("a page of one document goes to a folder that is listed, and away from it", () => {
  const bench = new Bench();
  const isListed = (url: string) => url.startsWith("https://a.org/videos");
  const refusal = ({ url, topUrl }: { url: string; topUrl: string }) =>
    isListed(url) || isListed(topUrl) ? null : WHY;
  bench.broker.refresh({ channel: CHANNEL, refusal });
  const top = bench.frame();
  const inner = bench.frame({ frame: 2, document: "i", url: "https://b.org/embed" });
  const refused = () =>
    [top, inner].map((frame) =>
      bench.heard(frame).map((message) => message.type === "config" && message.refused),
    );
  const both = (now: Reason | null) => [[now], [now]];
  assert.deepEqual(refused(), both(WHY));
  bench.broker.fromFrame(top, { type: "moved", url: "https://a.org/videos" });
  assert.deepEqual(refused(), both(null));
  bench.broker.fromFrame(top, { type: "moved", url: "https://a.org/mail" });
  assert.deepEqual(refused(), both(WHY));
  // Back again it hears of the stage that it may use.
  bench.broker.fromDevice({ type: "page_ready", page: top.page.id });
  for (const frame of [top, inner]) bench.heard(frame);
  bench.broker.fromFrame(top, { type: "moved", url: "https://a.org/videos/2" });
  for (const frame of [top, inner]) {
    const types = bench.heard(frame).map(({ type }) => type);
    assert.deepEqual(types, ["config", "page_ready"]);
  }
  bench.broker.fromFrame(top, { type: "moved", url: "https://a.org/mail" });
  for (const frame of [top, inner]) bench.heard(frame);
  // No script gets to another origin like this.
  bench.broker.fromFrame(inner, { type: "moved", url: "https://a.org/videos" });
  assert.deepEqual([refused(), inner.sender.url], [[[], []], "https://b.org/embed"]);
});
