/** Which player leaves the device to a new one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Slots } from "../../src/main/slots.js";

const MANY = 24;

/** Players 1 to 24, of which those in `resting` have come to rest in this order. */
function full(...resting: number[]): Slots {
  const slots = new Slots();
  for (let id = 1; id <= MANY; id++) assert.equal(slots.opened(id), 0);
  for (const id of resting) slots.rests(id, true);
  return slots;
}

test("none leaves before there are many", () => {
  const slots = full(7);
  slots.closed(1);
  assert.equal(slots.opened(25), 0);
  assert.equal(slots.opened(26), 7);
});

test("the one that has been at rest for the longest time leaves, once", () => {
  const slots = full(9, 3, 12);
  slots.rests(9, true);
  const left = [25, 26, 27, 28].map((id) => slots.opened(id));
  assert.deepEqual(left, [9, 3, 12, 0]);
});

test("who plays stays, and is at rest anew when it stops", () => {
  const slots = full(1, 2);
  slots.rests(1, false);
  assert.equal(slots.opened(25), 2);
  assert.equal(slots.opened(26), 0);
  slots.rests(25, true);
  slots.rests(1, true);
  assert.deepEqual([slots.opened(27), slots.opened(28)], [25, 1]);
});

test("who has left is not asked again, and can come back", () => {
  const slots = full(5, 6);
  assert.equal(slots.opened(25), 5);
  slots.rests(5, true);
  slots.closed(6);
  assert.equal(slots.opened(26), 0);
  assert.equal(slots.opened(5), 0);
  slots.rests(5, true);
  assert.equal(slots.opened(27), 5);
});
