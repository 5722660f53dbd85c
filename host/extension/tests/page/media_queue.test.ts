/** Media that waits for the host, and what goes past it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FrameMessage } from "../../src/frame_protocol.js";
import { MediaQueue, MOST_WAITING, WINDOW } from "../../src/isolated/media_queue.js";

/** Bytes whose base64 is half of what may be under way. */
const HALF = (WINDOW / 2 / 4) * 3;

class Bench {
  sent: FrameMessage[] = [];
  readonly queue = new MediaQueue((message) => this.sent.push(message));

  /** What has come, in words, and no more. */
  came(): string[] {
    const words = this.sent.map((message) => {
      if (message.type === "media") return `media ${message.stream}`;
      return "command" in message ? message.command.type : message.type;
    });
    this.sent = [];
    return words;
  }

  add(stream: number, player: number): void {
    const command = { type: "add_stream", stream, mime: "video/mp4" } as const;
    this.queue.post({ type: "player", player, command });
  }

  append(stream: number, bytes: number): void {
    this.queue.post({
      type: "stream",
      stream,
      command: {
        type: "append",
        seq: 1,
        bytes,
        timestamp_offset_micros: 0,
        window_start_micros: 0,
        window_end_micros: null,
        mode: "segments",
      },
    });
    this.queue.post({ type: "media", stream, data: new ArrayBuffer(bytes) });
    this.queue.post({ type: "buffered", stream, seq: 1, buffered: [] });
  }

  does(type: "pause" | "close", player = 1): void {
    this.queue.post({ type: "player", player, command: { type } });
  }
}

test("a pause overtakes media, and media keeps its order", () => {
  const bench = new Bench();
  bench.add(1, 1);
  for (let round = 0; round < 3; round++) bench.append(1, HALF);
  const whole = ["append", "media 1", "buffered"];
  // What follows the last piece that may go waits with what comes then.
  assert.deepEqual(bench.came(), ["add_stream", ...whole, "append", "media 1"]);
  bench.does("pause");
  assert.deepEqual(bench.came(), ["pause"]);
  bench.queue.taken(WINDOW / 2 - 1);
  assert.deepEqual(bench.came(), ["buffered", "append", "media 1"]);
  bench.queue.taken(WINDOW / 2);
  assert.deepEqual(bench.came(), ["buffered"]);
  bench.queue.taken(WINDOW / 2);
  bench.append(1, HALF);
  assert.deepEqual(bench.came(), whole);
});

test("media is sent as base64, byte for byte", () => {
  const bench = new Bench();
  const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 7) % 251);
  bench.queue.post({ type: "media", stream: 1, data: bytes.slice().buffer });
  const [message] = bench.sent;
  assert.ok(message?.type === "media" && typeof message.data === "string");
  assert.deepEqual(new Uint8Array(Buffer.from(message.data, "base64")), bytes);
});

test("what waits for a player or a stream that goes is dropped, and nothing else", () => {
  const bench = new Bench();
  for (const stream of [1, 2, 3]) bench.add(stream, stream < 3 ? 1 : 2);
  bench.append(1, 2 * HALF);
  for (const stream of [1, 2, 3, 2, 3]) bench.append(stream, 3);
  bench.came();
  bench.queue.post({ type: "player", player: 1, command: { type: "remove_stream", stream: 2 } });
  bench.does("close", 1);
  assert.deepEqual(bench.came(), ["remove_stream", "close"]);
  bench.queue.taken(WINDOW);
  const whole = ["append", "media 3", "buffered"];
  assert.deepEqual(bench.came(), [...whole, ...whole]);
});

test("another worker is owed nothing of what waited for the one before", () => {
  const bench = new Bench();
  bench.append(1, 2 * HALF);
  bench.append(1, 3);
  bench.came();
  bench.queue.clear();
  bench.append(2, 3);
  assert.deepEqual(bench.came(), ["append", "media 2", "buffered"]);
  bench.queue.taken(WINDOW);
  assert.deepEqual(bench.came(), []);
});

test("more than may wait goes on to who decides", () => {
  const bench = new Bench();
  const pieces = MOST_WAITING / HALF + 10;
  for (let piece = 0; piece < pieces; piece++) {
    bench.queue.post({ type: "media", stream: 1, data: new ArrayBuffer(HALF) });
  }
  const sent = bench.came().length;
  assert.ok(sent > 2 && (pieces - sent) * HALF <= MOST_WAITING, `${sent} of ${pieces}`);
});
