import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_PIECE } from "../../src/generated/messages.js";
import { frameMessage } from "../../src/worker/check.js";

const rect = { x: -5, y: 0, width: 640, height: 360 };
const layout = {
  type: "layout",
  rect,
  clip: rect,
  covered: [rect],
  visible: true,
  fullscreen: false,
  desktop: { width: 1920, height: 1080 },
  control_bar: null,
} as const;
const append = {
  type: "append",
  seq: 1,
  bytes: 3,
  timestamp_offset_micros: -1,
  window_start_micros: 0,
  window_end_micros: null,
  mode: "segments",
} as const;
const caption = {
  text: "words\nいない",
  line: { type: "auto" },
  position: null,
  size: 100,
  align: "center",
  styles: [{ from: 0, to: 5, bold: true, italic: false, underline: false }],
} as const;
const why = { code: "network", message: "m", next_step: "n" } as const;
const player = (command: unknown) => ({ type: "player", player: 1, command });
const stream = (command: unknown) => ({ type: "stream", stream: 2, command });
const media = (data: unknown) => ({ type: "media", stream: 2, data });
const captionWith = (part: object) =>
  player({ type: "captions", captions: [{ ...caption, ...part }] });
const report = { type: "report", player: 1, plays: "native", reason: why };

const GOOD: unknown[] = [
  player({ type: "open", kind: "video", source: { type: "mse" } }),
  player({ type: "open", kind: "audio", source: { type: "url", url: "https://a.org/b.mp3?c#d" } }),
  player({ type: "add_stream", stream: 2, mime: 'video/mp4; codecs="avc1.42E01E"' }),
  player({ type: "remove_stream", stream: 2 }),
  player({ type: "close" }),
  player({ type: "play" }),
  player({ type: "pause" }),
  player({ type: "seek", to_micros: 1_500_000, token: 7 }),
  player({ type: "rate", rate: 0.25, preserves_pitch: true }),
  player({ type: "volume", volume: 1, muted: false }),
  player({ type: "loop", enabled: true }),
  player({ type: "duration", duration_micros: null }),
  player(layout),
  player({ ...layout, covered: [], desktop: null }),
  player({ ...layout, control_bar: rect }),
  player({ type: "captions", captions: [] }),
  player({ type: "captions", captions: [caption, { ...caption, position: 10, align: "end" }] }),
  player({ type: "captions", captions: [{ ...caption, line: { type: "number", line: -2 } }] }),
  player({ type: "captions", captions: [{ ...caption, line: { type: "percent", percent: 5 } }] }),
  { type: "moved", url: "https://a.org/b" },
  stream(append),
  stream({ type: "abort" }),
  stream({ type: "remove", start_micros: 0, end_micros: null }),
  stream({ type: "change_type", mime: "video/webm" }),
  stream({ type: "end_of_stream", failed: false }),
  media(new ArrayBuffer(MAX_PIECE)),
  media("AAAA"),
  { type: "buffered", stream: 2, seq: 1, buffered: [{ start_micros: 0, end_micros: 1 }] },
  report,
  { ...report, plays: "gone", reason: null },
];

test("good messages pass as they are", () => {
  for (const message of GOOD) assert.deepEqual(frameMessage(message), message);
});

test("fields that are not ours do not pass", () => {
  const message = frameMessage({ ...player({ type: "play", more: 1 }), page: 9 });
  assert.deepEqual(message, player({ type: "play" }));
});

test("half a character is replaced: the host's JSON knows none", () => {
  const message = frameMessage(captionWith({ text: "a\ud83d" }));
  assert.deepEqual(message, captionWith({ text: "a\ufffd" }));
});

const manyRects = Array.from({ length: 65 }, () => rect);
const BAD: Record<string, unknown> = {
  "an address that is no text": { type: "moved", url: 5 },
  "an address that is too long": { type: "moved", url: `https://a.org/${"b".repeat(1024)}` },
  nothing: null,
  "a text": "player",
  "no type": {},
  "an unknown type": { type: "page_close", page: 1 },
  "a polluted type": { type: "__proto__" },
  "no command": player(undefined),
  "an unknown command": player({ type: "eval" }),
  "a negative player": { ...player({ type: "play" }), player: -1 },
  "a player beyond u32": { ...player({ type: "play" }), player: 2 ** 32 },
  "a fractional player": { ...player({ type: "play" }), player: 1.5 },
  "a player as text": { ...player({ type: "play" }), player: "1" },
  "a kind": player({ type: "open", kind: "image", source: { type: "mse" } }),
  "a file": player({ type: "open", kind: "video", source: { type: "url", url: "file:///a" } }),
  "a script": player({ type: "open", kind: "video", source: { type: "url", url: "javascript:1" } }),
  "no URL": player({ type: "open", kind: "video", source: { type: "url", url: "https://" } }),
  "a long URL": player({
    type: "open",
    kind: "video",
    source: { type: "url", url: `https://a.org/${"a".repeat(8192)}` },
  }),
  "a long MIME type": player({ type: "add_stream", stream: 1, mime: "x".repeat(513) }),
  "a long MIME type in bytes": player({ type: "add_stream", stream: 1, mime: "é".repeat(300) }),
  "a position that is not a number": player({ type: "seek", to_micros: Number.NaN, token: 1 }),
  "an endless position": player({ type: "seek", to_micros: Number.POSITIVE_INFINITY, token: 1 }),
  "a fractional position": player({ type: "seek", to_micros: 0.5, token: 1 }),
  "a rate": player({ type: "rate", rate: 16, preserves_pitch: true }),
  "a rate without a number": player({ type: "rate", rate: Number.NaN, preserves_pitch: true }),
  "a volume": player({ type: "volume", volume: 1.01, muted: false }),
  "a flag": player({ type: "loop", enabled: 1 }),
  "a negative duration": player({ type: "duration", duration_micros: -1 }),
  "many covers": player({ ...layout, covered: manyRects }),
  "a cover without a size": player({ ...layout, covered: [{ x: 0, y: 0 }] }),
  "a negative size": player({ ...layout, rect: { ...rect, width: -1 } }),
  "a fractional rectangle": player({ ...layout, clip: { ...rect, x: 0.5 } }),
  "a large desktop": player({ ...layout, desktop: { width: 65_536, height: 1 } }),
  "many captions": player({ type: "captions", captions: Array(17).fill(caption) }),
  "a long caption": captionWith({ text: "x".repeat(2049) }),
  "a long caption in bytes": captionWith({ text: "い".repeat(700) }),
  "a caption that is no text": captionWith({ text: { toString: () => "x" } }),
  "a caption beside the picture": captionWith({ position: 101 }),
  "a caption of no width": captionWith({ size: Number.NaN }),
  "a caption's line": captionWith({ line: { type: "number", line: 0.5 } }),
  "a caption below the picture": captionWith({ line: { type: "percent", percent: 100.5 } }),
  "a caption's alignment": captionWith({ align: "justify" }),
  "a large append": stream({ ...append, bytes: 2 ** 28 + 1 }),
  "a backward window": stream({ ...append, window_start_micros: 5, window_end_micros: 4 }),
  "a mode": stream({ ...append, mode: "random" }),
  "a backward removal": stream({ type: "remove", start_micros: 5, end_micros: 4 }),
  "much media": media(new ArrayBuffer(MAX_PIECE + 1)),
  "media as a view": media(new Uint8Array(3)),
  "media as numbers": media([1, 2, 3]),
  "media that is not base64": media("AA A"),
  "media in half a group": media("AAA"),
  "media with padding inside": media("A=AA"),
  "much base64": media("A".repeat((MAX_PIECE / 3) * 4 + 8)),
  "backward ranges": {
    type: "buffered",
    stream: 2,
    seq: 1,
    buffered: [{ start_micros: 2, end_micros: 1 }],
  },
  "many ranges": {
    type: "buffered",
    stream: 2,
    seq: 1,
    buffered: manyRects.concat(...Array(20).fill(manyRects)),
  },
  "a list that is none": { type: "buffered", stream: 2, seq: 1, buffered: { length: 1 } },
  "a place": { ...report, plays: "everywhere" },
  "a reason's code": { ...report, reason: { ...why, code: "toString" } },
  "a long reason": { ...report, reason: { ...why, message: "x".repeat(1025) } },
};

test("bad messages do not pass", () => {
  for (const [name, message] of Object.entries(BAD))
    assert.equal(frameMessage(message), null, name);
});
