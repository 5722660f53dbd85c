/** What lies over a page's pictures that is no window of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Layout, Rect } from "../../src/generated/messages.js";
import { MAX_COVERED } from "../../src/generated/messages.js";
import { Shade } from "../../src/worker/shade.js";

const rect = (x: number): Rect => ({ x, y: 0, width: 10, height: 10 });
const LAYOUT: Layout = {
  rect: rect(0),
  clip: rect(0),
  covered: [rect(1)],
  visible: true,
  fullscreen: false,
  desktop: null,
  control_bar: null,
};

test("popups cover, and dialogs hide until the last is closed", () => {
  const shade = new Shade();
  assert.deepEqual(shade.over(LAYOUT), LAYOUT);
  assert.ok(shade.cover([rect(5)]));
  assert.ok(!shade.cover([rect(5)]), "nothing new");
  assert.deepEqual(shade.over(LAYOUT).covered, [rect(5), rect(1)]);
  assert.ok(shade.cover([]));

  const [one, other] = [{}, {}];
  assert.ok(shade.dialog(one, true));
  assert.ok(!shade.dialog(one, true));
  shade.dialog(other, true);
  assert.ok(!shade.over(LAYOUT).visible);
  shade.dialog(one, false);
  assert.ok(!shade.over(LAYOUT).visible);
  shade.dialog(other, false);
  assert.deepEqual(shade.over(LAYOUT), LAYOUT);
  assert.ok(!shade.over({ ...LAYOUT, visible: false }).visible);
});

test("more parts than the channel carries are fewer", () => {
  const shade = new Shade();
  shade.cover([rect(5)]);
  const covered = Array.from({ length: MAX_COVERED }, (_, x) => rect(x));
  const told = shade.over({ ...LAYOUT, covered });
  assert.equal(told.covered.length, MAX_COVERED);
  assert.deepEqual(told.covered[0], rect(5));
});
