/** What the page has heard decides when the device may take over from the browser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Told } from "../../src/main/told.js";

/** An element whose `play` and `pause` are told in order, and later. */
class Bench {
  readonly told = new Told();
  paused = true;
  readonly #queue: ("play" | "pause")[] = [];

  does(type: "play" | "pause"): void {
    const isPaused = () => this.paused;
    this.told.calls(isPaused, () => {
      if (this.paused !== (type === "pause")) this.#queue.push(type);
      this.paused = type === "pause";
    });
  }

  /** The browser dispatches the next event. Whether the device waited for it. */
  dispatches(): boolean {
    const type = this.#queue.shift();
    assert.ok(type);
    this.told.hears(type);
    return this.told.takeDeferred();
  }

  get defers(): boolean {
    return this.told.defers(this.paused, false);
  }
}

test("play and pause at once are heard before the device takes over", () => {
  const bench = new Bench();
  assert.equal(bench.defers, false);
  bench.does("play");
  assert.equal(bench.defers, false, "what plays is taken over at once");
  bench.does("pause");
  bench.does("pause");
  assert.equal(bench.defers, true);
  assert.equal(bench.dispatches(), true);
  assert.equal(bench.defers, true);
  assert.equal(bench.dispatches(), true);
  assert.equal(bench.defers, false);
});

test("a pause of the browser's own is heard, too", () => {
  const bench = new Bench();
  bench.does("play");
  assert.equal(bench.dispatches(), false, "nothing waited for it");
  bench.paused = true;
  assert.equal(bench.defers, true);
  bench.told.hears("pause");
  assert.equal(bench.told.takeDeferred(), true);
  assert.equal(bench.defers, false);
});

test("an end is heard before the device takes over", () => {
  const { told } = new Bench();
  assert.equal(told.defers(true, true), true);
  told.ended = true;
  assert.equal(told.takeDeferred(), true);
  assert.equal(told.defers(true, true), false);
});

test("a new source has nothing to be heard", () => {
  const bench = new Bench();
  bench.does("play");
  bench.does("pause");
  assert.equal(bench.defers, true);
  bench.told.restart();
  assert.equal(bench.told.takeDeferred(), false);
  assert.equal(bench.defers, false);
});
