import assert from "node:assert/strict";
import { test } from "node:test";
import { type Action, LINGER_MS, Reconnect } from "../../src/worker/reconnect.js";

/** The port's owner on a virtual clock: does what it is told and lets timers fire. */
class Owner {
  now_ms = 0;
  opens = 0;
  closes = 0;
  wake_ms: number | null = null;
  readonly reconnect = new Reconnect();

  act(action: Action): void {
    if (action.do === "wake") this.wake_ms = this.now_ms + action.after_ms;
    if (action.do === "close") this.closes += 1;
    if (action.do === "open") {
      this.opens += 1;
      this.reconnect.opened(this.now_ms);
    }
  }

  want(): void {
    this.act(this.reconnect.want(this.now_ms));
  }

  release(): void {
    this.act(this.reconnect.release());
  }

  lose(curable = true): void {
    this.act(this.reconnect.lost(curable, this.now_ms));
  }

  /** The next timer; `false` if there is none. */
  fire(): boolean {
    if (this.wake_ms === null) return false;
    this.now_ms = Math.max(this.now_ms, this.wake_ms);
    this.wake_ms = null;
    this.act(this.reconnect.woke());
    return true;
  }
}

test("is opened once, however many want it", () => {
  const owner = new Owner();
  owner.want();
  owner.want();
  assert.equal(owner.opens, 1);
});

test("stays for the next page and is closed after a while", () => {
  const owner = new Owner();
  owner.want();
  owner.release();
  owner.now_ms += LINGER_MS / 2;
  owner.want();
  assert.ok(owner.fire());
  assert.deepEqual([owner.opens, owner.closes], [1, 0]);
  owner.release();
  assert.ok(owner.fire());
  assert.deepEqual([owner.opens, owner.closes], [1, 1]);
  owner.want();
  assert.equal(owner.opens, 2);
});

test("a host that ends at once is tried ever later, then left alone", () => {
  const owner = new Owner();
  owner.want();
  const times: number[] = [];
  do {
    times.push(owner.now_ms);
    owner.lose();
  } while (owner.fire());
  assert.deepEqual(times, [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
  owner.now_ms += 60_000;
  owner.want();
  assert.equal(owner.opens, times.length + 1, "somebody new is worth another try");
});

test("a host that is not installed is not tried on a timer", () => {
  const owner = new Owner();
  owner.want();
  owner.lose(false);
  assert.equal(owner.fire(), false);
  owner.want();
  owner.want();
  assert.equal(owner.opens, 1, "a page that makes many frames is not many");
  assert.ok(owner.fire());
  assert.equal(owner.opens, 2);
});

test("a host that was up for long starts anew with short delays", () => {
  const owner = new Owner();
  owner.want();
  for (let round = 0; round < 20; round += 1) {
    owner.reconnect.greeted();
    owner.now_ms += 60_000;
    owner.lose();
    assert.equal(owner.wake_ms, owner.now_ms + 500);
    owner.fire();
  }
  assert.equal(owner.opens, 21);
});

test("a loss that nobody minds costs nothing", () => {
  const owner = new Owner();
  owner.want();
  owner.release();
  owner.wake_ms = null;
  owner.lose();
  assert.equal(owner.fire(), false);
  assert.equal(owner.opens, 1);
});

test("who leaves while it waits ends the waiting", () => {
  const owner = new Owner();
  owner.want();
  owner.lose();
  owner.release();
  owner.fire();
  assert.equal(owner.opens, 1);
});
