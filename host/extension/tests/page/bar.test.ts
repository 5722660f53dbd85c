/** What keeps an element in the session, and for how long. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Bar, READ_ONCE } from "../../src/main/bar.js";
import { reasons } from "../../src/main/reasons.js";

const CANVAS = reasons.capture("canvas");
const STREAM = reasons.capture("captureStream");
const WINDOW = reasons.pictureInPicture();

/** A clock that is moved by hand, a bar, and how often its moments were over. */
function make() {
  let time = 0;
  let next = 1;
  let over = 0;
  const waiting = new Map<number, { at: number; run: () => void }>();
  const timers = {
    now: () => time,
    later: (run: () => void, ms: number) => {
      waiting.set(next, { at: time + ms, run });
      next += 1;
      return next - 1;
    },
    cancelLater: (id: number) => void waiting.delete(id),
  };
  const pass = (ms: number) => {
    time += ms;
    for (const [id, { at, run }] of [...waiting]) {
      if (at <= time && waiting.delete(id)) run();
    }
  };
  const bar = new Bar(timers, () => {
    over += 1;
  });
  return { bar, pass, over: () => over };
}

test("what was read once is over with the next source", () => {
  const { bar } = make();
  assert.equal(bar.set(CANVAS, READ_ONCE), true);
  assert.equal(bar.set(CANVAS, READ_ONCE), false);
  assert.deepEqual([bar.reason, bar.passes], [CANVAS, false]);
  bar.shownInPage();
  assert.equal(bar.reason, CANVAS);
  bar.renew();
  assert.equal(bar.reason, null);
});

test("what is read on keeps other sources in the session, too", () => {
  const { bar } = make();
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
  const { bar } = make();
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

test("one picture is read for a moment, and the device keeps its media", () => {
  const { bar, pass, over } = make();
  assert.equal(bar.set(CANVAS, "moment"), true);
  pass(500);
  assert.equal(bar.set(CANVAS, "moment"), false);
  assert.deepEqual([bar.reason, bar.passes], [CANVAS, true]);
  pass(9499);
  assert.equal(over(), 0);
  pass(1);
  assert.deepEqual([bar.reason, bar.passes, over()], [null, false, 1]);
});

test("who takes a picture now and then has the device back ever later", () => {
  const { bar, pass, over } = make();
  for (const [count, quiet] of [10_000, 20_000, 40_000].entries()) {
    assert.equal(bar.set(CANVAS, "moment"), true);
    pass(quiet - 1);
    assert.equal(over(), count);
    pass(1);
    assert.equal(over(), count + 1);
  }
});

test("who reads on keeps the source in the session", () => {
  const { bar, pass, over } = make();
  bar.set(CANVAS, "moment");
  pass(2000);
  assert.equal(bar.set(CANVAS, "moment"), true);
  assert.deepEqual([bar.reason, bar.passes], [CANVAS, false]);
  pass(100_000);
  assert.deepEqual([bar.reason, over()], [CANVAS, 0]);
  bar.renew();
  assert.equal(bar.reason, null);
});

test("what reads for longer than a moment outlasts it", () => {
  const { bar, pass, over } = make();
  bar.set(CANVAS, "moment");
  assert.equal(
    bar.set(STREAM, () => false),
    true,
  );
  pass(100_000);
  assert.deepEqual([bar.passes, over()], [false, 0]);
  bar.renew();
  assert.notEqual(bar.reason, null);
});

test("another source ends the moment of the one before", () => {
  const { bar, pass, over } = make();
  bar.set(CANVAS, "moment");
  bar.renew();
  assert.equal(bar.reason, null);
  bar.set(CANVAS, "moment");
  pass(10_000);
  assert.deepEqual([bar.reason, over()], [null, 1]);
});
