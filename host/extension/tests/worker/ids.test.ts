import assert from "node:assert/strict";
import { test } from "node:test";
import { Numbers } from "../../src/worker/ids.js";

test("a freed number is used again only after all others", () => {
  const numbers = new Numbers(1, 5, 3);
  assert.deepEqual([numbers.take(), numbers.take(), numbers.take()], [1, 2, 3]);
  assert.equal(numbers.take(), null);
  numbers.free(1);
  assert.equal(numbers.take(), 4);
  numbers.free(2);
  assert.equal(numbers.take(), 5);
  numbers.free(4);
  assert.equal(numbers.take(), 1);
  assert.equal(numbers.inUse, 3);
});

test("numbers in use are passed over", () => {
  const numbers = new Numbers(1, 0xffff, 255);
  const held = numbers.take();
  for (let round = 0; round < 200_000; round += 1) {
    const taken = numbers.take();
    assert.notEqual(taken, null);
    assert.notEqual(taken, held);
    numbers.free(taken ?? 0);
  }
  assert.equal(numbers.inUse, 1);
});
