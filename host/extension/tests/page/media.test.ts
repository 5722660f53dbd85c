/** Codecs, ranges and frame rates: what is decided about media without any of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Capabilities } from "../../src/generated/messages.js";
import { whyUnsupported } from "../../src/main/codecs.js";
import { FramePacer } from "../../src/main/frames.js";
import {
  endOfSpanAt,
  micros,
  microsOrNull,
  type Span,
  toRanges,
  withSpan,
} from "../../src/main/ranges.js";

const ABLE: Capabilities = {
  video: ["h264", "vp9"],
  audio: ["aac", "opus", "mp3"],
  containers: ["mp4", "webm"],
  services: [],
};

test("a device is asked only for what it can play", () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ['video/mp4; codecs="avc1.640028"', null],
    ['video/mp4;codecs="avc1.640028, mp4a.40.2"', null],
    ["video/webm; codecs=vp9", null],
    ["Video/WebM; Codecs=VP09.00.10.08; x=y", null],
    ['audio/mp4; codecs="mp4a.40.5"', null],
    ['audio/mp4; codecs="mp4a.6B"', null],
    ["video/mp4", null],
    ['video/mp4; codecs=""', null],
    ['video/mp4; codecs="hvc1.1.6.L93.B0"', "unsupported_codec"],
    ['video/mp4; codecs="dvh1.05.06"', "unsupported_codec"],
    ['audio/mp4; codecs="ac-3"', "unsupported_codec"],
    ['audio/mp4; codecs="mp4a.a5"', "unsupported_codec"],
    ['video/mp4; codecs="constructor"', "unsupported_codec"],
    ['video/mp2t; codecs="avc1.640028"', "unsupported_container"],
    ["", "unsupported_container"],
    ["////;;;===,,,", "unsupported_container"],
  ];
  for (const [mime, expected] of cases) {
    assert.equal(whyUnsupported(mime, ABLE)?.code ?? null, expected, mime);
  }
});

test("spans join where they touch", () => {
  const spans: readonly Span[] = [
    { start: 2, end: 4 },
    { start: 6, end: 8 },
  ];
  const cases: readonly (readonly [number, number, string])[] = [
    [0, 1, "0-1 2-4 6-8"],
    [0, 2, "0-4 6-8"],
    [3, 7, "2-8"],
    [4.5, 5, "2-4 4.5-5 6-8"],
    [9, 10, "2-4 6-8 9-10"],
    [5, 5, "2-4 6-8"],
    [0, 20, "0-20"],
  ];
  for (const [start, end, expected] of cases) {
    const joined = withSpan(spans, { start, end });
    assert.equal(joined.map((span) => `${span.start}-${span.end}`).join(" "), expected);
  }
});

test("a position just before a span is played over", () => {
  const spans = [{ start: 0.08, end: 4 }];
  assert.equal(endOfSpanAt(spans, 0), 4);
  assert.equal(endOfSpanAt(spans, 4), 4);
  assert.equal(endOfSpanAt(spans, 4.01), null);
  assert.equal(endOfSpanAt([{ start: 1, end: 2 }], 0), null);
});

test("times stay exact and within what the channel carries", () => {
  assert.equal(micros(1.0000005), 1_000_001);
  assert.equal(micros(Number.NEGATIVE_INFINITY), -Number.MAX_SAFE_INTEGER);
  assert.equal(microsOrNull(Number.POSITIVE_INFINITY), null);
  assert.equal(microsOrNull(Number.NaN), null);
  const many = Array.from({ length: 5000 }, (_, at) => ({ start: at, end: at + 0.5 }));
  assert.equal(toRanges(many).length, 1024);
});

test("the frame rate is measured from the device's counts", () => {
  for (const rate of [24000 / 1001, 25, 30, 50, 60000 / 1001, 17.3]) {
    const pacer = new FramePacer();
    for (let second = 0; second <= 10; second++) {
      pacer.count(Math.round(second * rate * 0.99), Math.round(second * rate * 0.01), 0, second);
    }
    const off = Math.abs(pacer.rate - rate) / rate;
    assert.ok(off < 0.013, `${rate} was taken for ${pacer.rate}`);
  }
});

test("until a rate is measured, counts say how fast it can be", () => {
  const cases: readonly (readonly [number, number])[] = [
    [7, 30],
    [13, 55],
    [2, 10],
    [1, 5],
  ];
  for (const [pictures, expected] of cases) {
    const pacer = new FramePacer();
    pacer.count(1, 0, 0, 0);
    pacer.count(pictures, 0, 0, 0.2);
    assert.ok(Math.abs(pacer.rate - expected) < 1e-9, `${pictures}: ${pacer.rate}`);
  }
});

test("counts never go back, also not by a seek", () => {
  const pacer = new FramePacer();
  pacer.count(270, 2, 0, 9);
  pacer.count(300, 2, 0, 10);
  assert.equal(pacer.totalAt(11), 331);
  pacer.stop(12);
  pacer.interrupt(0);
  assert.equal(pacer.totalAt(0), 360);
  pacer.count(370, 2, 1, 1);
  assert.equal(pacer.totalAt(1), 372);
  assert.deepEqual([pacer.dropped, pacer.corrupted], [2, 1]);
});

/** Reports of a device as it gives them: soon after the begin, each second, and at the end. */
function play(pacer: FramePacer, rate: number, from: number, to: number): number[] {
  const seen: number[] = [];
  const counted = (at: number) => Math.min(Math.floor((at - from) * rate + 1e-6) + 1, all);
  const all = Math.round((to - from) * rate);
  let due = from;
  for (let at = from; at < to; at += 0.05) {
    if (at >= due) {
      pacer.count(counted(at) - 1, 1, 0, at);
      due += due === from ? 0.25 : 1;
    }
    seen.push(pacer.totalAt(at));
  }
  pacer.stop(to);
  pacer.count(all - 1, 1, 0, to);
  seen.push(pacer.totalAt(to));
  return seen;
}

test("counts grow while it plays and end at the device's, wherever it begins", () => {
  for (const rate of [1, 5, 24000 / 1001, 25, 30, 60]) {
    for (const from of [0, 5, 93_600]) {
      const pacer = new FramePacer();
      const seen = play(pacer, rate, from, from + 4);
      const where = `${rate} from ${from}: ${seen.join()}`;
      assert.equal(seen.at(-1), Math.round(rate * 4), where);
      assert.ok(
        seen.every((count, at) => at === 0 || count >= (seen[at - 1] ?? 0)),
        where,
      );
      const stood = seen.map((count, at) => count === seen[at - 8]).indexOf(true, 12);
      assert.ok(rate < 20 || stood < 0 || stood > seen.length - 3, where);
    }
  }
});

test("without pictures nothing is counted", () => {
  const pacer = new FramePacer();
  pacer.interrupt(0);
  pacer.follow(3);
  assert.equal(pacer.totalAt(3), 0);
  pacer.stop(3);
  assert.equal(pacer.totalAt(3), 0);
});

test("a stage that starts anew counts on, another source from 0", () => {
  const pacer = new FramePacer();
  pacer.count(55, 5, 1, 2);
  pacer.count(1, 0, 0, 2);
  assert.deepEqual([pacer.totalAt(2), pacer.dropped, pacer.corrupted], [61, 5, 1]);
  pacer.forget();
  pacer.count(1, 0, 0, 0);
  assert.deepEqual([pacer.totalAt(0), pacer.dropped, pacer.corrupted], [1, 0, 0]);
});

test("another round of a loop is no step of many pictures", () => {
  const pacer = new FramePacer();
  pacer.count(1, 0, 0, 0);
  pacer.count(7, 0, 0, 0.2);
  pacer.follow(0.01);
  pacer.count(37, 0, 0, 0.5);
  assert.equal(pacer.totalAt(0.6), 39);
});

test("before two counts say how fast it goes, it grows by a few pictures", () => {
  const pacer = new FramePacer();
  pacer.count(1, 0, 0, 5);
  assert.deepEqual(
    [5, 5.4, 5.7, 6.1, 60].map((at) => pacer.totalAt(at)),
    [1, 2, 3, 4, 4],
  );
});

test("each callback tells of one more", () => {
  const pacer = new FramePacer();
  pacer.count(1, 0, 0, 0);
  assert.deepEqual([pacer.tellAt(0), pacer.tellAt(0.03), pacer.tellAt(0.06)], [1, 2, 3]);
  pacer.count(28, 2, 0, 1);
  assert.deepEqual([pacer.tellAt(1), pacer.tellAt(1)], [28, 29]);
});
