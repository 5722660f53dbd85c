import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_PIECE } from "../../src/generated/messages.js";
import { decodedLength, forEachPiece, PIECE_BYTES } from "../../src/worker/base64.js";

function bytes(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => (at * 31) % 256));
}

test("pieces put together are the media, in buffers and in base64", () => {
  for (const length of [0, 1, 2, 3, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, MAX_PIECE]) {
    const whole = bytes(length);
    const buffer = new Uint8Array(whole).buffer;
    for (const data of [buffer, whole.toString("base64")]) {
      const pieces: Buffer[] = [];
      forEachPiece(data, (base64) => {
        assert.equal(decodedLength(base64), Buffer.from(base64, "base64").length);
        pieces.push(Buffer.from(base64, "base64"));
      });
      assert.ok(pieces.every((piece) => piece.length > 0 && piece.length <= PIECE_BYTES));
      assert.ok(Buffer.concat(pieces).equals(whole), `${length} bytes`);
    }
  }
});

test("the length of base64", () => {
  for (let length = 0; length < 9; length += 1) {
    assert.equal(decodedLength(bytes(length).toString("base64")), length);
  }
});
