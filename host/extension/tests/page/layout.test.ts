/** Where a picture lies: fits, windows, zoom, frames, and what covers it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { base64Of } from "../../src/isolated/base64.js";
import { audioBar } from "../../src/isolated/layout/audio_bar.js";
import { paddingBox } from "../../src/isolated/layout/clip.js";
import { controlsOf } from "../../src/isolated/layout/control_bar.js";
import {
  cornerBoxes,
  innerRadii,
  insetOf,
  type Radius,
  radiiOf,
} from "../../src/isolated/layout/corners.js";
import { components, offset, pictureBox } from "../../src/isolated/layout/picture.js";
import {
  type Box,
  contains,
  fewBoxes,
  intersection,
  isEmpty,
  toDesktop,
  wholeSized,
} from "../../src/isolated/layout/rects.js";
import {
  innerViewport,
  isPlausible,
  preciseLength,
  topPlacement,
  viewportFrom,
  type WindowFacts,
  zoomOf,
} from "../../src/isolated/layout/viewport.js";

const box = (left: number, top: number, width: number, height: number): Box => ({
  left,
  top,
  right: left + width,
  bottom: top + height,
});

test("the browser's controls: the device draws how it stands, the page its other buttons", () => {
  const element = box(40, 50, 640, 360);
  const bar = box(40, 338, 640, 72);
  const buttons = box(360, 338, 320, 38);
  assert.deepEqual(controlsOf(element, element, element), { bar, covered: buttons });
  // Scrolled: what is not seen covers nothing.
  const seen = box(40, 50, 640, 300);
  assert.deepEqual(controlsOf(element, element, seen), { bar, covered: box(360, 338, 320, 12) });
  // Where the device does not draw, and where there is no room, the browser's are seen.
  const wide = box(40, 100, 640, 260);
  assert.deepEqual(controlsOf(element, wide, element), { bar: null, covered: bar });
  const narrow = box(0, 0, 320, 180);
  assert.deepEqual(controlsOf(narrow, narrow, narrow), {
    bar: box(0, 108, 320, 72),
    covered: box(168, 108, 152, 38),
  });
  for (const [width, buttons] of [
    [240, 152],
    [180, 104],
    [140, 56],
  ] as const) {
    const small = box(0, 0, width, 180);
    const covered = box(width - buttons, 108, buttons, 38);
    assert.deepEqual(controlsOf(small, small, small), { bar: box(0, 108, width, 72), covered });
  }
  // No button to play.
  const tiny = box(0, 0, 120, 180);
  assert.deepEqual(controlsOf(tiny, tiny, tiny), { bar: null, covered: box(0, 108, 120, 72) });
  const flat = box(0, 0, 640, 40);
  assert.deepEqual(controlsOf(flat, flat, flat), { bar: null, covered: flat });
});

test("the browser's controls of an audio: button, times and time line are drawn", () => {
  const at = (width: number, height: number, isPointed = false) =>
    audioBar(box(40, 50, width, height), isPointed);
  assert.deepEqual(at(300, 54), box(50, 63, 206, 28));
  // The slider of the volume is the browser's.
  assert.deepEqual(at(300, 54, true), box(50, 63, 142, 28));
  assert.deepEqual(at(250, 32, true), box(50, 52, 121, 28));
  assert.deepEqual(at(200, 54), box(50, 63, 121, 28));
  assert.deepEqual(at(160, 54), box(50, 63, 86, 28));
  assert.deepEqual(at(120, 54), box(50, 63, 34, 28));
  assert.equal(at(100, 54), null);
  assert.equal(at(300, 31), null);
});

test("object-fit and object-position", () => {
  const wide = { width: 1920, height: 1080 };
  const content = box(10, 20, 640, 480);
  const cases: readonly (readonly [string, string, Box])[] = [
    ["fill", "50% 50%", content],
    ["contain", "50% 50%", box(10, 80, 640, 360)],
    ["contain", "0% 0%", box(10, 20, 640, 360)],
    ["contain", "50% calc(100% - 8px)", box(10, 132, 640, 360)],
    ["cover", "50% 50%", box(10 - (853.333 - 640) / 2, 20, 853.333, 480)],
    ["none", "0px 0px", box(10, 20, 1920, 1080)],
    ["scale-down", "50% 50%", box(10, 80, 640, 360)],
  ];
  for (const [fit, position, expected] of cases) {
    const found = pictureBox(fit, position, wide, content);
    for (const side of ["left", "top", "right", "bottom"] as const) {
      assert.ok(Math.abs(found[side] - expected[side]) < 0.01, `${fit} ${position}: ${side}`);
    }
  }
  assert.deepEqual(pictureBox("contain", "50% 50%", { width: 0, height: 0 }, content), content);
});

test("computed positions are read", () => {
  assert.deepEqual(components("calc(100% - 8px) 12px"), ["calc(100% - 8px)", "12px"]);
  assert.equal(offset("calc(100% - 8px)", 100), 92);
  assert.equal(offset("-5px", 100), -5);
  assert.equal(offset("nonsense", 100), 0);
});

test("windows, as they were measured on a desktop", () => {
  const facts = { screenX: 60, screenY: 40, outerWidth: 1200, outerHeight: 900 };
  const cases = [
    { inner: [1192, 753], ratio: 1, expected: { x: 64, y: 183 } },
    { inner: [1084, 685], ratio: 1.1, expected: { x: 64, y: 183 } },
    { inner: [795, 502], ratio: 1.5, expected: { x: 64, y: 183 } },
  ] as const;
  for (const { inner, ratio, expected } of cases) {
    const [innerWidth, innerHeight] = inner;
    const at = topPlacement({ ...facts, innerWidth, innerHeight, devicePixelRatio: ratio });
    assert.ok(Math.abs(at.x - expected.x) <= 1 && Math.abs(at.y - expected.y) <= 1, `${ratio}`);
    assert.equal(at.scale, ratio);
  }
  assert.equal(zoomOf(1200, 2400), 0.5);
});

/** Widths and heights in units of outer sizes, as windows are arranged. */
interface Arranged {
  readonly border: readonly [left: number, right: number, below: number];
  /** Docked beside the page and below. */
  readonly docked: readonly [left: number, right: number, below: number];
}

const BARS = 87;
/** What the host adds where a window has a shadow (host/src/desktop/picture.rs). */
const mistake = ([left, right, below]: Arranged["border"]) => {
  const side = (left + right) / 2;
  return { x: left - side, y: side - below };
};

function arranged({ border, docked }: Arranged, zoom: number, screen: number) {
  const outer = { width: 1200, height: 900 };
  const origin = { x: border[0] + docked[0], y: border[0] + BARS };
  const facts: WindowFacts = {
    screenX: 60,
    screenY: 40,
    outerWidth: outer.width,
    outerHeight: outer.height,
    innerWidth: (outer.width - origin.x - border[1] - docked[1]) / zoom,
    innerHeight: (outer.height - origin.y - border[2] - docked[2]) / zoom,
    devicePixelRatio: zoom * screen,
  };
  return { facts, origin };
}

test("windows with something docked beside the page, at each zoom and scale", () => {
  const borders = [
    [0, 0, 0],
    [4, 4, 4],
    [16, 16, 32],
  ] as const;
  const docks = [
    [0, 0, 0],
    [0, 48, 0],
    [0, 380, 0],
    [420, 0, 0],
    [0, 0, 300],
    [360, 48, 0],
  ] as const;
  for (const border of borders) {
    for (const docked of docks) {
      for (const zoom of [0.25, 0.9, 1, 1.1, 1.5, 5]) {
        for (const screen of [1, 1.5, 3]) {
          const { facts, origin } = arranged({ border, docked }, zoom, screen);
          const at = topPlacement(facts, zoom, origin);
          const told = mistake(border);
          const what = JSON.stringify({ border, docked, zoom, screen, at });
          assert.ok(isPlausible(facts, zoom, origin), what);
          // How a shadow lies around something docked cannot be known.
          const isShadowHidden = docked[2] > 0 || (docked[0] > 0 && docked[1] > 0);
          if (isShadowHidden && border[2] !== border[0]) continue;
          assert.ok(Math.abs(at.x / screen - 60 - origin.x + told.x) < 0.01, what);
          assert.ok(Math.abs(at.y / screen - 40 - origin.y + told.y) < 0.01, what);
          assert.equal(at.scale, zoom * screen);
        }
      }
    }
  }
});

test("where the pointer has not been yet, what is docked is at the right", () => {
  const right = arranged({ border: [0, 0, 0], docked: [0, 380, 0] }, 1.5, 2);
  assert.deepEqual(topPlacement(right.facts, 1.5), {
    x: 120,
    y: 2 * (40 + BARS),
    scale: 3,
    pixels: 2,
  });
});

test("a pointer that is somewhere else on the screen than it says is not believed", () => {
  const { facts } = arranged({ border: [4, 4, 4], docked: [0, 0, 0] }, 1, 1);
  assert.ok(!isPlausible(facts, 1, { x: -60, y: -40 }));
  assert.ok(!isPlausible(facts, 1, { x: 4, y: 0 }));
  assert.ok(!isPlausible(facts, 1, { x: 300, y: 91 }));
  const full = { ...facts, innerWidth: 1200, innerHeight: 900 };
  assert.ok(isPlausible(full, 1, { x: 0, y: 0 }));
});

test("a viewport is whole pixels of the screen wide", () => {
  for (const pixels of [1588, 1589, 637, 142]) {
    for (const ratio of [0.25, 0.75, 1, 1.1, 1.5, 2.25, 7.5]) {
      const real = pixels / ratio;
      const found = preciseLength(Math.floor(real), ratio, (least) => real >= least);
      assert.ok(Math.abs(found - real) < 1e-9, `${pixels} ${ratio}: ${found}`);
    }
  }
  assert.equal(
    preciseLength(500, 1, () => false),
    500,
  );
});

test("what clips is scaled with what it holds", () => {
  // 300 × 200 with borders of 10 and 4, and a scroll bar of 15 at the right.
  const sizes = (scale: number) => ({
    rect: box(100, 50, 300 * scale, 200 * scale),
    offsetWidth: 300,
    offsetHeight: 200,
    clientLeft: 10,
    clientTop: 4,
    clientWidth: 265,
    clientHeight: 192,
  });
  assert.deepEqual(paddingBox(sizes(1)), box(110, 54, 265, 192));
  assert.deepEqual(paddingBox(sizes(1.5)), box(115, 56, 397.5, 288));
  assert.deepEqual(paddingBox(sizes(0.5)), box(105, 52, 132.5, 96));
  const inline = { ...sizes(2), clientLeft: 0, clientTop: 0, clientWidth: 0, clientHeight: 0 };
  assert.deepEqual(paddingBox(inline), box(100, 50, 600, 400));
});

test("round corners as styles say them", () => {
  const same = (radius: Radius) => [radius, radius, radius, radius];
  assert.deepEqual(radiiOf(["8px", "8px", "8px", "8px"], 300, 200), same([8, 8]));
  assert.deepEqual(radiiOf(["50%", "50%", "50%", "50%"], 300, 200), same([150, 100]));
  assert.deepEqual(radiiOf(["10% 20px", "0px", "0px", "0px"], 300, 200)[0], [30, 20]);
  // More than there is room for becomes a pill.
  assert.deepEqual(radiiOf(["999px", "999px", "999px", "999px"], 300, 200), same([100, 100]));
  const inner = innerRadii(radiiOf(["8px", "8px", "8px", "8px"], 300, 200), [2, 3, 10, 0]);
  assert.deepEqual(inner, [
    [8, 6],
    [5, 6],
    [5, 0],
    [8, 0],
  ]);
});

test("what is outside of a round corner is covered, but for less than a step", () => {
  const at = box(100, 50, 300, 200);
  for (const radius of [
    [8, 8],
    [40, 20],
    [150, 100],
  ] as const) {
    const boxes = cornerBoxes(at, [radius, radius, radius, radius]);
    assert.ok(boxes.length > 0 && boxes.length <= 24, `${boxes.length}`);
    const [rx, ry] = radius;
    const slack = Math.max(1.5, Math.max(rx, ry) / 7);
    for (let x = 0.5; x < rx; x += rx / 20) {
      for (let y = 0.5; y < ry; y += ry / 20) {
        const out = (Math.hypot((rx - x) / rx, (ry - y) / ry) - 1) * Math.min(rx, ry);
        for (const [left, top] of [
          [100 + x, 50 + y],
          [400 - x, 50 + y],
          [400 - x, 250 - y],
          [100 + x, 250 - y],
        ] as const) {
          const isCovered = boxes.some((one) => contains(one, box(left, top, 0, 0)));
          if (out > slack) assert.ok(isCovered, `${radius}: ${x}, ${y} is outside`);
          if (out < -slack) assert.ok(!isCovered, `${radius}: ${x}, ${y} is inside`);
        }
      }
    }
  }
  assert.deepEqual(cornerBoxes(at, radiiOf(["0px", "0px", "0px", "0px"], 300, 200)), []);
});

test("clip paths that are boxes", () => {
  const cases: readonly (readonly [string, readonly number[], Radius])[] = [
    ["inset(10px)", [10, 10, 10, 10], [0, 0]],
    ["inset(10% 20px)", [20, 20, 20, 20], [0, 0]],
    ["inset(0px 10px 5px 1px round 8px)", [0, 10, 5, 1], [8, 8]],
    ["inset(0px round 10% / 20px)", [0, 0, 0, 0], [30, 20]],
  ];
  for (const [path, sides, radius] of cases) {
    const inset = insetOf(path, 300, 200);
    assert.deepEqual(inset?.sides, sides, path);
    assert.deepEqual(inset?.radii[0], radius, path);
  }
  for (const other of [
    "circle(50%)",
    "inset(calc(10% + 2px))",
    "inset(1px) content-box",
    "url(#a)",
  ])
    assert.equal(insetOf(other, 300, 200), null, other);
});

test("a frame lies where its parent shows it", () => {
  const outer = {
    placement: { x: 100, y: 200, scale: 1.5, pixels: 1 },
    clip: box(0, 0, 1000, 700),
    covered: [],
    visible: true,
    flaw: null,
  };
  const content = box(40, 60, 300, 200);
  const clip = box(40, 60, 300, 100);
  const seen = { viewport: outer, content, clip, visible: true, flaw: null };
  const inner = innerViewport({ ...seen, covered: [box(50, 70, 10, 10)] }, [1, 1]);
  assert.deepEqual(inner.placement, { x: 160, y: 290, scale: 1.5, pixels: 1 });
  assert.deepEqual(inner.clip, box(0, 0, 300, 100));
  assert.deepEqual(inner.covered, [box(10, 10, 10, 10)]);
  // The browser draws it from a whole pixel on.
  const between = { ...outer, placement: { ...outer.placement, x: 100.3, y: 199.7 } };
  const whole = innerViewport({ ...seen, viewport: between, covered: [] }, [1, 1]);
  assert.deepEqual(whole.placement, { x: 160, y: 290, scale: 1.5, pixels: 1 });
  // Shown half as large.
  const half = innerViewport({ ...seen, covered: [box(50, 70, 10, 10)] }, [0.5, 0.5]);
  assert.deepEqual(half.placement, { x: 160, y: 290, scale: 0.75, pixels: 1 });
  assert.deepEqual(half.clip, box(0, 0, 600, 200));
  assert.deepEqual(half.covered, [box(20, 20, 20, 20)]);
  assert.equal(half.flaw, null);
  // One scale is all that a viewport has.
  assert.equal(innerViewport({ ...seen, covered: [] }, [0.5, 0.6]).flaw, "turned");
});

test("a viewport that comes from another frame is checked", () => {
  const placement = { x: 160, y: 290, scale: 1.5, pixels: 1 };
  const viewport = {
    ...{ placement, clip: box(0, 0, 300, 100), covered: [box(1, 1, 2, 2)] },
    ...{ visible: true, flaw: null },
  };
  assert.deepEqual(viewportFrom({ ...viewport, more: 1 }), viewport);
  for (const other of [
    null,
    "words",
    { ...viewport, placement: { ...placement, x: Number.NaN } },
    { ...viewport, placement: { ...placement, scale: 0 } },
    { ...viewport, placement: { ...placement, y: Number.POSITIVE_INFINITY } },
    { ...viewport, clip: { left: 0 } },
    { ...viewport, covered: [null] },
    { ...viewport, visible: 1 },
    { ...viewport, flaw: "other" },
  ]) {
    assert.equal(viewportFrom(other), null);
  }
  const many = { ...viewport, covered: Array.from({ length: 5000 }, () => box(0, 0, 1, 1)) };
  assert.equal(viewportFrom(many)?.covered.length, 256);
});

test("rectangles on the desktop are whole pixels, and bounded", () => {
  const at = { x: 0.4, y: 0, scale: 1.5, pixels: 1.5 };
  assert.deepEqual(toDesktop(box(1, 1, 3, 3), at), { x: 2, y: 2, width: 4, height: 4 });
  const far = toDesktop(box(Number.POSITIVE_INFINITY, Number.NaN, -5, 1e300), at);
  for (const value of Object.values(far)) assert.ok(Number.isSafeInteger(value));
  assert.ok(far.width >= 0 && far.height >= 0);
});

test("a video's size is in whole pixels, wherever it lies", () => {
  const at = { x: 4, y: 87, scale: 1, pixels: 1 };
  const place = (one: Box, scale: number) =>
    toDesktop(wholeSized(one, { ...at, scale }), { ...at, scale });
  const across = place(box(61.4, 40.6, 333.3, 187.48), 1);
  assert.deepEqual(across, { x: 65, y: 128, width: 333, height: 187 });
  // Not what its edges would make of it: 265.
  assert.deepEqual(place(box(12.4, 0, 265.4, 10), 1), { x: 16, y: 87, width: 265, height: 10 });
  assert.deepEqual(place(box(20, 10, 100.2, 60), 1.5), { x: 34, y: 102, width: 150, height: 90 });
});

test("few boxes cover what many cover", () => {
  const within = box(0, 0, 500, 500);
  const many = Array.from({ length: 60 }, (_, at) => box((at * 37) % 480, (at * 71) % 480, 30, 20));
  const few = fewBoxes(many, within, 16);
  assert.ok(few.length <= 16);
  for (const one of many) {
    const part = intersection(one, within);
    assert.ok(isEmpty(part) || few.some((other) => contains(other, part)));
  }
  assert.deepEqual(fewBoxes([box(600, 0, 10, 10)], within, 16), []);
});

test("base64 is the same with and without the browser's own", () => {
  for (const length of [0, 1, 2, 3, 0x6000, 0x6001, 100_003]) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 31) & 0xff);
    assert.equal(base64Of(bytes), Buffer.from(bytes).toString("base64"));
  }
});
