/** Where a device that comes late can join a stream, however the page cuts it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { commonSpans, overlapsSpan } from "../../src/main/ranges.js";
import { type Join, Segments } from "../../src/main/segments.js";

function box(kind: string, body: number): Uint8Array {
  const bytes = new Uint8Array(8 + body).fill(body % 251);
  new DataView(bytes.buffer).setUint32(0, bytes.length);
  bytes.set(new TextEncoder().encode(kind), 4);
  return bytes;
}

/** `body`: `null` for an unknown size, its children follow. */
function element(id: number, body: number | null): Uint8Array {
  const name =
    id
      .toString(16)
      .match(/../g)
      ?.map((pair) => Number.parseInt(pair, 16)) ?? [];
  const size =
    body === null
      ? [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
      : [0x10, (body >> 16) & 0xff, (body >> 8) & 0xff, body & 0xff];
  return new Uint8Array([...name, ...size, ...new Uint8Array(body ?? 0).fill(7)]);
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

function init(join: Join | null): number[] {
  return (join?.init ?? []).flatMap((piece) => [...new Uint8Array(piece)]);
}

const MP4 = {
  mime: 'video/mp4; codecs="avc1.4d401e"',
  init: joined(box("ftyp", 24), box("free", 5), box("moov", 700)),
  segment: joined(box("styp", 12), box("sidx", 40), box("moof", 300), box("mdat", 9000)),
};
const WEBM = {
  mime: "audio/webm; codecs=opus",
  init: joined(element(0x1a45dfa3, 30), element(0x18538067, null), element(0x1654ae6b, 90)),
  segment: element(0x1f43b675, 5000),
};
const LIVE = {
  ...WEBM,
  segment: joined(element(0x1f43b675, null), element(0xe7, 2), element(0xa3, 4000)),
};

for (const [name, { mime, init: head, segment }] of Object.entries({ MP4, WEBM, LIVE })) {
  test(`${name}: whole segments, with the init segment before them`, () => {
    const stream = new Segments(mime);
    assert.deepEqual(stream.follow(head), { at: 0, init: [] });
    for (let round = 0; round < 3; round++) {
      const join = stream.follow(segment);
      assert.equal(join?.at, 0);
      assert.deepEqual(init(join), [...head]);
    }
  });

  test(`${name}: a file in pieces that are cut anywhere`, () => {
    const file = joined(head, segment, segment, segment, segment);
    for (const size of [1, 7, 64, 1000, 4096, file.length]) {
      const stream = new Segments(mime);
      for (let from = 0; from < file.length; from += size) {
        const join = stream.follow(file.slice(from, from + size));
        if (join === null || from === 0) continue;
        const at = from + join.at - head.length;
        assert.equal(at % segment.length, 0, `${size}: joined at ${from + join.at}`);
        assert.deepEqual(init(join), [...head]);
      }
    }
  });
}

test("media before any init segment are of no use", () => {
  const stream = new Segments(MP4.mime);
  assert.equal(stream.follow(MP4.segment), null);
  assert.equal(stream.follow(joined(MP4.segment, MP4.init, MP4.segment))?.at, MP4.segment.length);
});

test("a moof is not parted from its mdat", () => {
  const stream = new Segments(MP4.mime);
  stream.follow(MP4.init);
  stream.follow(MP4.segment.slice(0, 3000));
  assert.equal(stream.follow(MP4.segment.slice(3000)), null);
  stream.follow(MP4.segment.slice(0, 3000));
  stream.reset();
  assert.equal(stream.follow(MP4.segment)?.at, 0, "after abort()");
});

test("lengths that cannot be are followed to the end and no further", () => {
  const huge = box("moov", 8);
  new DataView(huge.buffer).setUint32(0, 0xffff_ffff);
  const stream = new Segments(MP4.mime);
  stream.follow(box("ftyp", 8));
  for (let round = 0; round < 40; round++) stream.follow(huge.slice(0, 16).fill(0xff, 8));
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed;
  };
  for (const mime of [MP4.mime, WEBM.mime, "audio/mpeg"]) {
    for (let round = 0; round < 2000; round++) {
      const noise = Uint8Array.from({ length: random() % 40 }, () => random() % 256);
      const join = new Segments(mime).follow(noise);
      assert.ok(join === null || join.at < noise.length);
    }
  }
});

test("an init segment without an end is not kept", () => {
  const stream = new Segments(MP4.mime);
  const moov = box("moov", 64);
  new DataView(moov.buffer).setUint32(0, 0x7fff_ffff);
  stream.follow(box("ftyp", 8));
  stream.follow(moov);
  for (let round = 0; round < 40; round++) stream.follow(new Uint8Array(1 << 16));
  stream.reset();
  assert.equal(stream.follow(MP4.segment), null);
});

test("what is missing shrinks with what the browser has", () => {
  const missing = [{ start: 0, end: 10 }];
  const buffered = [
    { start: 2, end: 4 },
    { start: 8, end: 20 },
  ];
  const left = commonSpans(missing, buffered);
  assert.deepEqual(left, [
    { start: 2, end: 4 },
    { start: 8, end: 10 },
  ]);
  assert.ok(overlapsSpan(left, 3, 3.5));
  assert.ok(!overlapsSpan(left, 10, 11));
  assert.ok(!overlapsSpan(left, 4, 8));
});
