/** The state machine of a redirected element: what the page is told, and the device. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PlaybackState, PlayerCommand } from "../../src/generated/messages.js";
import { type Facts, Playback } from "../../src/main/playback.js";

/** One step, written short. */
type Step =
  | { play: true }
  | { pause: true }
  /** The page seeks; the browser says `seeking`. */
  | { seek: number }
  /** The page is about to seek. */
  | { started: true }
  | { browserSeeked: true }
  | { deviceSeeked: number }
  | { device: PlaybackState; at: number; rate?: number }
  | { facts: Partial<Facts> }
  /** Milliseconds pass. */
  | { wait: number }
  /** The page's own timer; in ms until the next one. */
  | { beat: number }
  | { ready: "fresh" | "anew" }
  | { load: true };

class Bench {
  readonly seen: string[] = [];
  now = 0;
  facts: Facts = {
    readyState: 4,
    position: 0,
    duration: 30,
    buffered: [{ start: 0, end: 30 }],
    endOfStream: true,
    loop: false,
  };
  readonly playback = new Playback({
    facts: () => this.facts,
    fire: (type) => this.seen.push(type),
    hasData: () => {},
    send: (command) => this.seen.push(`> ${shown(command)}`),
    refuse: () => {},
    settle: (pending, failure) => {
      for (const promise of pending) {
        if (failure === null) promise.resolve();
        else promise.reject(failure);
      }
    },
  });

  run(step: Step): void {
    const { playback, now } = this;
    if ("play" in step) {
      const resolve = () => this.seen.push("resolved");
      playback.play({ resolve, reject: () => this.seen.push("rejected") }, now);
    } else if ("pause" in step) playback.pause(now);
    else if ("started" in step) playback.started(now);
    else if ("seek" in step) {
      this.facts = { ...this.facts, position: step.seek };
      playback.seek(step.seek, now, true);
      this.seen.push("seeking");
      playback.browserSeeking();
    } else if ("browserSeeked" in step) playback.browserSeeked(now);
    else if ("deviceSeeked" in step) playback.deviceSeeked(step.deviceSeeked, now);
    else if ("device" in step) playback.deviceState(step.device, step.at, step.rate ?? 0, now);
    else if ("facts" in step) {
      this.facts = { ...this.facts, ...step.facts };
      playback.advance(now);
    } else if ("wait" in step) this.now += step.wait;
    else if ("beat" in step) assert.equal(playback.beat(now), step.beat);
    else if ("ready" in step) playback.deviceReady(step.ready === "fresh", now);
    else playback.reset();
  }
}

function shown(command: PlayerCommand): string {
  return command.type === "seek" ? `seek ${command.to_micros} ${command.token}` : command.type;
}

/** Runs each step and compares what it brings. */
function check(steps: readonly (readonly [Step, string])[]): Bench {
  const bench = new Bench();
  for (const [at, [step, expected]] of steps.entries()) {
    bench.seen.length = 0;
    bench.run(step);
    assert.equal(bench.seen.join(), expected, `step ${at}: ${JSON.stringify(step)}`);
  }
  return bench;
}

const PLAYING: readonly (readonly [Step, string])[] = [
  [{ play: true }, "play,> play"],
  [{ device: "stalled", at: 0 }, ""],
  [{ device: "playing", at: 0, rate: 1 }, "playing,resolved"],
];

test("play with data is play, playing, resolved", () => {
  check([...PLAYING, [{ play: true }, "resolved"]]);
});

test("play without data waits and goes on as the browser does", () => {
  const empty = { readyState: 1, buffered: [] };
  const full = { readyState: 4, buffered: [{ start: 0, end: 30 }] };
  check([
    [{ facts: empty }, ""],
    [{ play: true }, "play,waiting,> play"],
    [{ device: "stalled", at: 0 }, ""],
    [{ facts: full }, ""],
    [{ device: "playing", at: 0, rate: 1 }, "canplay,playing,resolved,canplaythrough"],
  ]);
});

test("a device that is faster than the browser waits for the metadata", () => {
  check([
    [{ facts: { readyState: 0, buffered: [] } }, ""],
    [{ play: true }, "play,waiting,> play"],
    [{ device: "playing", at: 0, rate: 1 }, ""],
    [
      { facts: { readyState: 1, buffered: [{ start: 0, end: 30 }] } },
      "canplay,playing,resolved,canplaythrough",
    ],
  ]);
});

test("pause before it plays rejects, if there was too little to play", () => {
  check([
    [{ facts: { readyState: 1, buffered: [] } }, ""],
    [{ play: true }, "play,waiting,> play"],
    [{ pause: true }, "timeupdate,pause,rejected,> pause"],
    [{ device: "playing", at: 0, rate: 1 }, ""],
    [{ device: "paused", at: 0 }, ""],
  ]);
  check([
    [{ play: true }, "play,> play"],
    [{ pause: true }, "playing,resolved,timeupdate,pause,> pause"],
    [{ device: "playing", at: 0, rate: 1 }, ""],
    [{ device: "paused", at: 0 }, ""],
  ]);
});

test("a new source rejects what waits and is paused", () => {
  const { playback } = check([
    [{ facts: { readyState: 1, buffered: [] } }, ""],
    [{ play: true }, "play,waiting,> play"],
    [{ load: true }, "rejected"],
  ]);
  assert.equal(playback.paused, true);
});

test("what has enough has played before the page seeks, or sets another source", () => {
  check([
    [{ play: true }, "play,> play"],
    [{ started: true }, "playing,resolved"],
    [{ seek: 5 }, "> seek 5000000 1,seeking,waiting"],
    [{ started: true }, ""],
  ]);
  check([
    [{ play: true }, "play,> play"],
    [{ load: true }, "resolved"],
  ]);
});

test("a seek is over when browser and device are there, whoever is first", () => {
  const end = "timeupdate,seeked";
  const orders: readonly (readonly (readonly [Step, string])[])[] = [
    [
      [{ browserSeeked: true }, ""],
      [{ deviceSeeked: 1 }, end],
    ],
    [
      [{ deviceSeeked: 1 }, ""],
      [{ browserSeeked: true }, end],
    ],
  ];
  for (const order of orders) {
    const { playback } = check([
      ...PLAYING,
      [{ seek: 20 }, "> seek 20000000 1,seeking,waiting"],
      [{ device: "playing", at: 0.1, rate: 1 }, ""],
      [{ device: "seeking", at: 20 }, ""],
      ...order,
      [{ device: "playing", at: 20, rate: 1 }, "canplay,playing,canplaythrough"],
    ]);
    assert.equal(playback.seeking, false);
  }
});

test("a device that plays before its picture is shown is heard when the seek is over", () => {
  const bench = check([
    ...PLAYING,
    [{ seek: 20 }, "> seek 20000000 1,seeking,waiting"],
    [{ device: "seeking", at: 20 }, ""],
    [{ device: "playing", at: 20, rate: 1 }, ""],
    [{ browserSeeked: true }, ""],
    [{ wait: 100 }, ""],
    [{ deviceSeeked: 1 }, "timeupdate,seeked,canplay,playing,canplaythrough"],
  ]);
  assert.equal(bench.playback.position(bench.now), 20.1);
});

test("an overtaken seek ends nothing", () => {
  check([
    [{ seek: 20 }, "> seek 20000000 1,seeking"],
    [{ seek: 10 }, "> seek 10000000 2,seeking"],
    [{ browserSeeked: true }, ""],
    [{ deviceSeeked: 1 }, ""],
    [{ deviceSeeked: 2 }, "timeupdate,seeked,canplay,canplaythrough"],
  ]);
});

test("canplay after a seek comes when there is enough", () => {
  check([
    [{ seek: 20 }, "> seek 20000000 1,seeking"],
    [{ deviceSeeked: 1 }, ""],
    [{ facts: { readyState: 2 } }, ""],
    [{ browserSeeked: true }, "timeupdate,seeked"],
    [{ facts: { readyState: 4 } }, "canplay,canplaythrough"],
    [{ facts: {} }, ""],
  ]);
});

test("a stall waits and goes on", () => {
  const { playback, now } = check([
    ...PLAYING,
    [{ wait: 500 }, ""],
    [{ device: "stalled", at: 0.5 }, "timeupdate,waiting"],
    [{ device: "stalled", at: 0.5 }, ""],
    [{ device: "playing", at: 0.5, rate: 1 }, "canplay,playing,canplaythrough"],
  ]);
  assert.equal(playback.readyState(now), 4);
});

test("the end pauses, and stays until a seek", () => {
  const { playback, now } = check([
    ...PLAYING,
    [{ device: "ended", at: 29.98 }, "timeupdate,pause,ended,> pause"],
    [{ device: "ended", at: 29.98 }, ""],
  ]);
  assert.deepEqual([playback.ended, playback.paused, playback.position(now)], [true, true, 30]);
});

test("a seek to the end ends", () => {
  check([
    ...PLAYING,
    [{ seek: 30 }, "> seek 30000000 1,seeking,waiting"],
    [{ device: "seeking", at: 30 }, ""],
    [{ device: "ended", at: 30 }, ""],
    [{ browserSeeked: true }, ""],
    [
      { deviceSeeked: 1 },
      "timeupdate,seeked,canplay,playing,canplaythrough,timeupdate,pause,ended,> pause",
    ],
  ]);
});

test("a seek to the end while paused ends without a word", () => {
  const { playback } = check([
    [{ seek: 29.9999 }, "> seek 29999900 1,seeking"],
    [{ device: "seeking", at: 29.9999 }, ""],
    [{ device: "paused", at: 29.9999 }, ""],
    [{ browserSeeked: true }, ""],
    [{ deviceSeeked: 1 }, "timeupdate,seeked,canplay,canplaythrough"],
  ]);
  assert.equal(playback.ended, true);
  check([
    [{ facts: { endOfStream: false } }, ""],
    [{ seek: 30 }, "> seek 30000000 1,seeking"],
    [{ device: "seeking", at: 30 }, ""],
    [{ device: "paused", at: 30 }, ""],
    [{ browserSeeked: true }, ""],
    [{ deviceSeeked: 1 }, "timeupdate,seeked,canplay,canplaythrough"],
  ]);
});

test("as long as the device plays the page never sees the end", () => {
  for (const loop of [false, true]) {
    const { playback, now } = check([
      [{ facts: { loop } }, ""],
      ...PLAYING,
      [{ device: "playing", at: 29.5, rate: 1 }, ""],
      [{ wait: 1000 }, ""],
    ]);
    assert.equal(playback.position(now), 29.98);
  }
});

test("the next round of a loop is a seek of the browser's own", () => {
  check([
    [{ facts: { loop: true } }, ""],
    ...PLAYING,
    [{ device: "playing", at: 29.9, rate: 1 }, ""],
    [{ device: "stalled", at: 0 }, "seeking,waiting"],
    [{ device: "playing", at: 0, rate: 1 }, "timeupdate,seeked,canplay,playing,canplaythrough"],
  ]);
});

test("rounds that are shorter than the device's reports are told, too", () => {
  const round = "timeupdate,seeked,canplay,playing,canplaythrough";
  const { playback, now } = check([
    [{ facts: { loop: true, duration: 0.08, buffered: [{ start: 0, end: 0.08 }] } }, ""],
    ...PLAYING,
    [{ wait: 60 }, ""],
    [{ device: "stalled", at: 0 }, "seeking,waiting"],
    [{ device: "playing", at: 0, rate: 1 }, round],
    [{ wait: 60 }, ""],
    [{ device: "stalled", at: 0 }, "seeking,waiting"],
    // Whoever pauses at its begin is there nevertheless.
    [{ pause: true }, "timeupdate,pause,> pause"],
    [{ device: "paused", at: 0 }, "timeupdate,seeked,canplay,canplaythrough"],
  ]);
  assert.equal(playback.seeking, false);
  assert.equal(playback.position(now), 0);
});

test("a loop that is sent to its end begins anew", () => {
  check([
    [{ facts: { loop: true } }, ""],
    ...PLAYING,
    [{ seek: 30 }, "> seek 30000000 1,seeking,waiting"],
    [{ browserSeeked: true }, ""],
    [{ device: "seeking", at: 30 }, ""],
    [{ device: "ended", at: 30 }, ""],
    [
      { deviceSeeked: 1 },
      "timeupdate,seeked,canplay,playing,canplaythrough,seeking,waiting,> seek 0 2",
    ],
    [{ device: "seeking", at: 0 }, ""],
    [{ deviceSeeked: 2 }, "timeupdate,seeked"],
    [{ device: "playing", at: 0, rate: 1 }, "canplay,playing,canplaythrough"],
  ]);
});

test("a loop that is sent to its end while it is paused stands there", () => {
  const { playback } = check([
    [{ facts: { loop: true } }, ""],
    [{ seek: 30 }, "> seek 30000000 1,seeking"],
    [{ device: "seeking", at: 30 }, ""],
    [{ device: "ended", at: 30 }, ""],
    [{ browserSeeked: true }, ""],
    [{ deviceSeeked: 1 }, "timeupdate,seeked,canplay,canplaythrough"],
    [{ device: "ended", at: 30 }, ""],
  ]);
  assert.equal(playback.ended, false);
  assert.equal(playback.isAtEnd, true);
});

test("what becomes a loop after its end has not ended", () => {
  const { playback } = check([
    ...PLAYING,
    [{ device: "ended", at: 30 }, "timeupdate,pause,ended,> pause"],
    [{ facts: { loop: true } }, ""],
  ]);
  assert.equal(playback.ended, false);
  assert.equal(playback.paused, true);
  assert.equal(playback.isAtEnd, true);
});

test("a stage that is new is told where to go, and the page hears nothing of it", () => {
  check([
    [{ ready: "fresh" }, "> pause"],
    ...PLAYING,
    [{ device: "playing", at: 7, rate: 1 }, ""],
    [{ ready: "anew" }, "> seek 7000000 1,> play"],
    [{ deviceSeeked: 1 }, ""],
  ]);
});

test("what a stage that is new says before it goes where it was told is no position", () => {
  const { playback } = check([
    ...PLAYING,
    [{ device: "playing", at: 7 }, ""],
    [{ ready: "anew" }, "> seek 7000000 1,> play"],
    [{ device: "paused", at: 0 }, ""],
    [{ device: "seeking", at: 0 }, ""],
    [{ device: "stalled", at: 0 }, ""],
  ]);
  assert.equal(playback.position(0), 7);
  playback.deviceState("seeking", 7, 0, 0);
  playback.deviceState("playing", 7.5, 1, 500);
  assert.equal(playback.position(600), 7.6);
});

test("a page that seeks while a stage that is new is on its way hears of the seek's end", () => {
  const { playback } = check([
    ...PLAYING,
    [{ device: "playing", at: 7 }, ""],
    [{ ready: "anew" }, "> seek 7000000 1,> play"],
    [{ seek: 20 }, "> seek 20000000 2,seeking,waiting"],
    [{ browserSeeked: true }, ""],
    [{ deviceSeeked: 2 }, "timeupdate,seeked"],
    [{ device: "playing", at: 20, rate: 1 }, "canplay,playing,canplaythrough"],
  ]);
  assert.equal(playback.position(100), 20.1);
});

test("a seek under way goes on with a stage that is new", () => {
  check([
    [{ seek: 20 }, "> seek 20000000 1,seeking"],
    [{ browserSeeked: true }, ""],
    [{ ready: "anew" }, "> seek 20000000 2,> pause"],
    [{ deviceSeeked: 1 }, ""],
    [{ deviceSeeked: 2 }, "timeupdate,seeked,canplay,canplaythrough"],
  ]);
});

test("the position follows the device, within what is buffered, and does not go back", () => {
  const bench = check([
    [{ facts: { buffered: [{ start: 0, end: 1 }], endOfStream: false } }, ""],
    ...PLAYING,
  ]);
  const { playback } = bench;
  assert.equal(playback.position(400), 0.4);
  playback.deviceState("playing", 0.3, 1, 400);
  assert.equal(playback.position(400), 0.4, "a report that lags is smoothed away");
  assert.equal(playback.position(600), 0.5);
  assert.equal(playback.position(1300), 1, "not beyond the buffer");
  assert.equal(playback.readyState(1300), 2);
});

test("a device that says nothing is not believed for ever", () => {
  const { playback } = check(PLAYING);
  assert.equal(playback.position(60_000), 2);
});

test("played is what was played", () => {
  const bench = check([
    ...PLAYING,
    [{ wait: 1000 }, ""],
    [{ device: "playing", at: 1, rate: 1 }, "timeupdate"],
    [{ seek: 20 }, "> seek 20000000 1,seeking,waiting"],
    [{ browserSeeked: true }, ""],
    [{ deviceSeeked: 1 }, "timeupdate,seeked"],
    [{ device: "playing", at: 20, rate: 2 }, "canplay,playing,canplaythrough"],
    [{ wait: 500 }, ""],
    [{ pause: true }, "timeupdate,pause,> pause"],
  ]);
  assert.deepEqual(bench.playback.played(bench.now), [
    { start: 0, end: 1 },
    { start: 20, end: 21 },
  ]);
});

test("between two reports the position is told four times a second, while it moves", () => {
  check([
    ...PLAYING,
    [{ beat: 250 }, ""],
    [{ wait: 240 }, ""],
    [{ beat: 10 }, ""],
    [{ wait: 10 }, ""],
    [{ beat: 250 }, "timeupdate"],
    [{ wait: 210 }, ""],
    [{ device: "playing", at: 0.46, rate: 1 }, "timeupdate"],
    [{ wait: 40 }, ""],
    [{ beat: 210 }, ""],
    [{ wait: 210 }, ""],
    [{ device: "playing", at: 0.7, rate: 0 }, "timeupdate"],
    [{ wait: 400 }, ""],
    [{ beat: 250 }, ""],
  ]);
});

test("the position is told when it has moved for a while, not as soon as it plays", () => {
  check([
    [{ wait: 5000 }, ""],
    ...PLAYING,
    [{ wait: 199 }, ""],
    [{ device: "playing", at: 0.199, rate: 1 }, ""],
    [{ wait: 51 }, ""],
    [{ device: "playing", at: 0.25, rate: 1 }, "timeupdate"],
    [{ wait: 100 }, ""],
    [{ device: "playing", at: 0.35, rate: 1 }, ""],
    [{ wait: 100 }, ""],
    [{ device: "stalled", at: 0.45 }, "timeupdate,waiting"],
    [{ wait: 900 }, ""],
    [{ device: "stalled", at: 0.45 }, ""],
    [{ device: "playing", at: 0.45, rate: 1 }, "canplay,playing,canplaythrough"],
    [{ wait: 250 }, ""],
    [{ device: "playing", at: 0.7, rate: 1 }, "timeupdate"],
  ]);
});

test("what is removed before it plays is waited for", () => {
  const { playback, now } = check([
    [{ play: true }, "play,> play"],
    [{ device: "stalled", at: 0 }, ""],
    [{ facts: { buffered: [], endOfStream: false } }, "playing,resolved,timeupdate,waiting"],
    [{ pause: true }, "timeupdate,pause,> pause"],
    [{ play: true }, "play,> play,playing,resolved,timeupdate,waiting"],
    [{ device: "paused", at: 0 }, ""],
  ]);
  assert.equal(playback.readyState(now), 2);
});

test("a device that waits has no more than the browser", () => {
  for (const [browser, expected] of [
    [1, 1],
    [2, 2],
    [4, 2],
  ] as const) {
    const { playback, now } = check([
      [{ facts: { readyState: 1, buffered: [], endOfStream: false } }, ""],
      [{ play: true }, "play,waiting,> play"],
      [{ facts: { readyState: browser } }, ""],
      [{ device: "stalled", at: 0 }, ""],
    ]);
    assert.equal(playback.readyState(now), expected);
  }
});

test("what the device plays until it hears of a pause has played, too", () => {
  const bench = check([
    ...PLAYING,
    [{ wait: 1000 }, ""],
    [{ pause: true }, "timeupdate,pause,> pause"],
    [{ device: "paused", at: 1.03 }, ""],
    [{ play: true }, "play,> play"],
    [{ device: "playing", at: 1.05, rate: 1 }, "playing,resolved"],
    [{ wait: 1000 }, ""],
    [{ pause: true }, "timeupdate,pause,> pause"],
    // It was a little behind what the page was shown.
    [{ device: "paused", at: 2.04 }, ""],
    [{ play: true }, "play,> play"],
    [{ device: "playing", at: 2.06, rate: 1 }, "playing,resolved"],
  ]);
  assert.deepEqual(bench.playback.played(bench.now), [{ start: 0, end: 2.06 }]);
});

test("what ends before a report of it playing has played", () => {
  check([
    [{ facts: { duration: 0.00001 } }, ""],
    [{ play: true }, "play,> play"],
    [{ device: "ended", at: 0.00001 }, "playing,resolved,timeupdate,pause,ended,> pause"],
  ]);
  const { playback } = check([
    [{ facts: { readyState: 0, duration: Number.NaN, buffered: [] } }, ""],
    [{ play: true }, "play,waiting,> play"],
    [{ device: "ended", at: 0.00001 }, ""],
    [
      { facts: { readyState: 1, duration: 0.00001, buffered: [{ start: 0, end: 0.00001 }] } },
      "canplay,playing,resolved,canplaythrough,timeupdate,pause,ended,> pause",
    ],
  ]);
  assert.equal(playback.ended, true);
});

test("a gap before the media is played over at once", () => {
  const { playback } = check([
    [{ facts: { buffered: [{ start: 0.0667, end: 30 }] } }, ""],
    [{ play: true }, "play,> play"],
  ]);
  assert.equal(playback.position(0), 0.0667);
  playback.deviceState("playing", 0, 1, 0);
  assert.equal(playback.position(50), 0.0667);
  assert.equal(playback.position(100), 0.1);
});

test("a device that takes over during a seek ends it", () => {
  const bench = new Bench();
  bench.facts = { ...bench.facts, readyState: 1, position: 12 };
  const from = { position: 12, paused: false, ended: false, running: false, seeking: true };
  bench.playback.takeOver(from, [], []);
  assert.ok(bench.playback.seeking);
  bench.playback.deviceReady(true, 0);
  bench.playback.deviceState("seeking", 12, 0, 0);
  bench.playback.deviceSeeked(2, 0);
  assert.deepEqual(bench.seen.splice(0), ["> seek 12000000 2", "> play"]);
  bench.facts = { ...bench.facts, readyState: 4 };
  bench.playback.browserSeeked(0);
  bench.playback.deviceState("playing", 12, 1, 0);
  assert.deepEqual(bench.seen, ["timeupdate", "seeked", "canplay", "playing", "canplaythrough"]);
});
