/** Frames find the one around them by tokens. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { frameQuestion } from "../../src/worker/check.js";
import { Embeddings } from "../../src/worker/embedding.js";

test("a token is taken once, and in its own tab", () => {
  const embeddings = new Embeddings();
  const token = embeddings.ask({ tab: 1, frame: 7 });
  assert.notEqual(embeddings.ask({ tab: 1, frame: 7 }), token);
  assert.equal(embeddings.join(token, 2), null);
  assert.deepEqual(embeddings.join(token, 1), { tab: 1, frame: 7 });
  assert.equal(embeddings.join(token, 1), null);
  const dropped = embeddings.ask({ tab: 1, frame: 7 });
  embeddings.drop(dropped);
  assert.equal(embeddings.join(dropped, 1), null);
});

test("frames that ask without end are forgotten", () => {
  const embeddings = new Embeddings();
  const first = embeddings.ask({ tab: 1, frame: 1 });
  const tokens = Array.from({ length: 256 }, () => embeddings.ask({ tab: 1, frame: 2 }));
  assert.equal(embeddings.join(first, 1), null);
  assert.ok(embeddings.join(tokens[0] as string, 1));
});

test("questions of frames are checked", () => {
  assert.deepEqual(frameQuestion({ type: "zoom", more: 1 }), { type: "zoom" });
  const embedded = { type: "embedded", depth: 2, around: "https://a.example" } as const;
  assert.deepEqual(frameQuestion(embedded), embedded);
  for (const other of [
    null,
    "zoom",
    { type: "other" },
    { ...embedded, depth: 0 },
    { ...embedded, depth: 1e9 },
    { ...embedded, around: "a".repeat(2000) },
    { type: "joined", token: "t".repeat(65) },
    { type: "joined" },
  ]) {
    assert.equal(frameQuestion(other), null);
  }
});
