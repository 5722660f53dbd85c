/** What keeps an element in the session, and for how long. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Bar, READ_ONCE } from "../../src/main/bar.js";
import { reasons } from "../../src/main/reasons.js";

const CANVAS = reasons.capture("canvas");
const STREAM = reasons.capture("captureStream");
const WINDOW = reasons.pictureInPicture();

test("what was read once is over with the next source", () => {
  const bar = new Bar();
  assert.equal(bar.set(CANVAS, READ_ONCE), true);
  assert.equal(bar.set(CANVAS, READ_ONCE), false);
  assert.deepEqual([bar.reason, bar.passes], [CANVAS, false]);
  bar.shownInPage();
  assert.equal(bar.reason, CANVAS);
  bar.renew();
  assert.equal(bar.reason, null);
});

test("what is read on keeps other sources in the session, too", () => {
  const bar = new Bar();
  let isOver = false;
  bar.set(CANVAS, READ_ONCE);
  bar.set(STREAM, () => isOver);
  bar.renew();
  assert.notEqual(bar.reason, null);
  isOver = true;
  assert.notEqual(bar.reason, null);
  bar.renew();
  assert.equal(bar.reason, null);
});

test("a window of the browser's own passes while the source plays, and outlasts it", () => {
  const bar = new Bar();
  assert.equal(bar.set(WINDOW, "shown"), true);
  assert.equal(bar.set(WINDOW, "shown"), false);
  bar.renew();
  assert.deepEqual([bar.reason, bar.passes], [WINDOW, true]);
  // Whoever reads it meanwhile makes the device forget it.
  assert.equal(bar.set(CANVAS, READ_ONCE), true);
  assert.deepEqual([bar.reason, bar.passes], [CANVAS, false]);
  bar.renew();
  assert.deepEqual([bar.reason, bar.passes], [WINDOW, true]);
  bar.shownInPage();
  assert.deepEqual([bar.reason, bar.passes], [null, false]);
});
