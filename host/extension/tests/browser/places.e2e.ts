/** Where pages show their videos, and what of them: clips, scales, shapes, controls, windows. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import type { Layout, Rect } from "../../src/generated/messages.js";
import { isSeen, Layouts } from "./layouts.ts";
import { onDevice, playAll } from "./media.ts";
import { BrowserRig } from "./rig.ts";

let rig: BrowserRig;
let page: Page;
let layouts: Layouts;

before(async () => {
  rig = await BrowserRig.start();
  const clip = await rig.clip("long");
  rig.status.record();
  page = await rig.open(`/player.html?with=hls&src=${clip}`);
  layouts = await Layouts.of(page);
  await playAll(page);
  // On a busy machine the tests take longer than the clip.
  await page.evaluate(() => media.map((element) => Object.assign(element, { loop: true })));
  await onDevice(rig, "a picture on the device", (items) => items.some((item) => item.flowing));
});
after(() => rig?.stop());

/** Puts the video into `markup`, where `<slot>` is; all of it at the top left of the page. */
function show(markup: string): Promise<void> {
  return page.evaluate((inner) => {
    const stage = document.querySelector("#stage") as HTMLElement;
    const video = media[0] as HTMLVideoElement;
    const next = document.createElement("div");
    next.style.cssText = "position: absolute; left: 20px; top: 60px";
    next.setHTMLUnsafe(inner);
    stage.append(next);
    next.querySelector("slot")?.replaceWith(video);
    video.play();
    for (const old of [...stage.children]) if (old !== next) old.remove();
  }, markup);
}

/** `clip` from the picture's edge at the top left. */
function within({ rect, clip }: { rect: Rect; clip: Rect }): Rect {
  return { ...clip, x: clip.x - rect.x, y: clip.y - rect.y };
}

test("what clips the video is scaled with it", async () => {
  for (const scale of [1, 1.5, 0.5]) {
    const style = `transform: scale(${scale}); transform-origin: 0 0`;
    await show(`<div style="${style}">
      <div style="width: 300px; height: 200px; overflow: hidden; border: 10px solid">
      <slot></slot></div></div>`);
    const clip = { x: 0, y: 0, width: 300 * scale, height: 200 * scale };
    await layouts.until(`the clip at scale ${scale}`, (layout) => {
      const isSized = layout.rect.width === 480 * scale && layout.rect.height === 270 * scale;
      return (
        isSized && JSON.stringify(within(layout)) === JSON.stringify({ ...within(layout), ...clip })
      );
    });
  }
});

/** Boxes of 480 × 270, round: what is outside of the arcs is not the picture's. */
const ROUND: Record<string, string> = {
  "its own radius": `<style>video { border-radius: 60px }</style><slot></slot>`,
  "what it is in": `<div style="border-radius: 60px; overflow: hidden; width: 480px; height: 270px">
    <slot></slot></div>`,
  "a clip path": `<div style="clip-path: inset(0 round 60px); width: 480px; height: 270px">
    <slot></slot></div>`,
};

for (const [what, markup] of Object.entries(ROUND)) {
  test(`round corners: ${what}`, async () => {
    await show("<slot></slot>");
    await layouts.until("nothing covers it", ({ covered }) => covered.length === 0);
    await show(markup);
    await layouts.until("four corners", (layout) => {
      const out = [3, 477].flatMap((x) => [3, 267].map((y) => isSeen(layout, x, y)));
      const inside = [30, 450].flatMap((x) => [30, 240].map((y) => isSeen(layout, x, y)));
      return !out.includes(true) && !inside.includes(false);
    });
  });
}

test("scroll bars stay seen", async () => {
  const size = "width: 3200px; height: 1800px; max-width: none; max-height: none";
  await show(`<style>video { ${size} !important }</style><slot></slot>`);
  const [width = 0, height = 0, bar = 0] = await page.evaluate<number[]>(`(() => {
    const { clientWidth, clientHeight } = document.documentElement;
    return [clientWidth - 20, clientHeight - 60, innerWidth - clientWidth];
  })()`);
  assert.ok(bar > 5, "the browser has scroll bars");
  await layouts.until("all but the bars", ({ rect, clip }) => {
    return rect.width === 3200 && clip.width === width && clip.height === height;
  });
});

test("a clip path cuts the picture", async () => {
  await show(`<div style="clip-path: inset(10px 20px 30px 40px); width: 480px; height: 270px">
    <slot></slot></div>`);
  await layouts.until("the cut", (layout) => {
    return JSON.stringify(within(layout)) === '{"x":40,"y":10,"width":420,"height":230}';
  });
});

test("a fade leaves the picture on the device", async () => {
  await show("<slot></slot>");
  await layouts.until("its place", ({ visible }) => visible);
  await page.evaluate(async () => {
    const video = media[0] as HTMLVideoElement;
    await video.animate([{ opacity: 1 }, { opacity: 0.2 }, { opacity: 1 }], 1800).finished;
  });
  assert.equal(
    rig.status.now.value.items.find((item) => item.failed !== null),
    undefined,
  );
  assert.equal((await layouts.last)?.visible, true);
  await page.evaluate(() => (media[0] as HTMLVideoElement).style.setProperty("opacity", "0"));
  await layouts.until("it is not seen", ({ visible }) => !visible);
  await page.evaluate(() => (media[0] as HTMLVideoElement).style.removeProperty("opacity"));
  await layouts.until("it is seen", ({ visible }) => visible);
});

/** A transparent layer over the whole video; `.big` is a play button in the middle. */
const LAYER = `<style>
  .layer { position: absolute; inset: 0 }
  .big { position: absolute; left: 200px; top: 100px; width: 80px; height: 60px; margin: 0 }
</style>`;

/** Controls that are seen at 240, 130, and leave the rest of the picture free. */
const CONTROLS: Record<string, string> = {
  "a letter of a font, absolutely placed in its button": `<style>
    .big::before { content: "\\f101"; position: absolute; inset: 0; font-size: 60px }
    </style><div class="layer"><p class="big"></p></div>`,
  "one in the middle of a layer": `<style>
    .layer::after { content: ">"; position: absolute; left: 50%; top: 130px; font-size: 60px;
      width: 60px; height: 60px; transform: translate(-50%, -50%) }
    </style><div class="layer"></div>`,
  "one that a flexible box centres": `<style>
    .layer { display: flex; align-items: center; justify-content: center }
    .layer::before { content: ""; width: 60px; height: 60px; background: red }
    </style><div class="layer"></div>`,
  "one outside of what it belongs to": `<style>
    .little { position: absolute; left: 0; top: 0; width: 0; height: 0 }
    .little::before { content: ""; background: red; position: absolute; left: 210px; top: 100px;
      width: 60px; height: 60px }
    </style><div class="layer"><i class="little"></i></div>`,
  "a component": `<div class="layer"><template shadowrootmode="open">
    <style>b { position: absolute; left: 200px; top: 100px; width: 80px; height: 60px;
      background: red }</style><b></b></template></div>`,
  "a component in a closed one": `<div class="layer"><template shadowrootmode="closed"><div>
    <template shadowrootmode="closed"><style>b { position: absolute; left: 200px; top: 100px;
      width: 80px; height: 60px; background: red }</style><b></b></template></div></template></div>`,
};

for (const [what, markup] of Object.entries(CONTROLS)) {
  test(`a page's control over the video: ${what}`, async () => {
    await show(
      `${LAYER}<div style="position: relative; width: 480px"><slot></slot>${markup}</div>`,
    );
    await layouts.until("the button alone is covered", (layout) => {
      const free = [
        [20, 20],
        [460, 250],
        [240, 220],
        [120, 130],
      ] as const;
      return !isSeen(layout, 240, 130) && free.every(([x, y]) => isSeen(layout, x, y));
    });
  });
}

test("what has nothing to be seen covers nothing", async () => {
  await show(`${LAYER}<style>.layer::after { content: ""; display: table }
    .big::before { content: "x"; visibility: hidden }</style>
    <div style="position: relative; width: 480px"><slot></slot>
    <div class="layer"><p class="big"></p></div></div>`);
  const layout = await layouts.until("its place", ({ covered }) => covered.length === 0);
  assert.ok(isSeen(layout, 240, 130));
});

/** What of the picture is seen at points, in pixels from its edge at the top left. */
interface Seen {
  markup: string;
  seen?: number[][];
  hidden?: number[][];
  fullscreen?: boolean;
}
const SEEN: Record<string, Seen> = {
  "words scroll beneath it": {
    markup: `<div style="position: relative; width: 480px; height: 270px; z-index: 2">
      <slot></slot></div><article style="position: relative; margin-top: -200px; font-size: 80px">
      words words words</article>`,
    seen: [
      [100, 120],
      [300, 120],
    ],
  },
  "an open player before positioned boxes": {
    markup: `<div style="position: sticky; top: 0; width: 480px; height: 270px; z-index: 2">
      <slot></slot></div><div style="position: relative; margin-top: -200px; height: 100px;
      background: red">a card</div>`,
    seen: [[240, 120]],
  },
  "a box before it": {
    markup: `<div style="position: sticky; top: 0; width: 480px; height: 270px; z-index: 2">
      <slot></slot></div><div style="position: relative; margin-top: -200px; height: 100px;
      background: red; z-index: 3">a card</div>`,
    hidden: [[240, 120]],
    seen: [[240, 200]],
  },
  "a box with an outline, and one that clips its own": {
    markup: `<style>b { position: absolute; top: 100px; width: 100px; height: 60px; background: red;
      outline: 10px solid; outline-offset: 6px }
      i { position: absolute; left: 250px; top: 80px; overflow: hidden; width: 150px; height: 150px }
      </style><div style="position: relative; width: 480px"><slot></slot><b style="left: 100px"></b>
      <i><b style="left: 0"></b></i></div>`,
    hidden: [
      [86, 130],
      [214, 130],
      [150, 86],
      [150, 174],
      [364, 210],
    ],
    seen: [
      [80, 130],
      [220, 130],
      [150, 80],
      [150, 180],
      [240, 210],
    ],
  },
  "a box in the focus": {
    markup: `<div style="position: relative; width: 480px"><slot></slot><button autofocus
      style="all: revert; position: absolute; left: 100px; top: 100px; width: 100px; height: 60px;
      outline: -webkit-focus-ring-color auto 1px"></button></div>`,
    hidden: [
      [98, 130],
      [201, 130],
    ],
    seen: [
      [95, 130],
      [204, 130],
    ],
  },
  "a list that is longer than its box": {
    markup: `<div style="position: relative; width: 480px"><slot></slot>
      <div style="position: absolute; right: 0; top: 0; width: 150px; height: 100px; overflow: auto">
      <p style="height: 900px; margin: 0; background: red">entries</p></div></div>`,
    hidden: [[400, 50]],
    seen: [[400, 200]],
  },
  "a shade over all of it, and words": {
    markup: `<div style="position: relative; width: 480px"><slot></slot>
      <div style="position: absolute; inset: 0; background: rgba(0, 0, 0, .4)">
      <p style="margin: 0; font: 20px monospace">word</p></div></div>`,
    hidden: [[20, 10]],
    seen: [
      [240, 10],
      [240, 200],
    ],
  },
  "lines over a background": {
    markup: `<div style="position: relative; isolation: isolate; width: 480px; height: 270px">
      <div style="position: absolute; inset: 0; z-index: -1"><slot></slot></div>
      <section><div style="height: 80px"></div><p style="margin: 0; font: 18px monospace">word</p>
      </section></div>`,
    hidden: [[20, 90]],
    seen: [
      [240, 90],
      [240, 200],
    ],
  },
  "its slot is in a closed tree": {
    markup: `<div><template shadowrootmode="closed"><style>:host { position: relative; width: 480px }
      b { position: absolute; left: 0; top: 200px; width: 100%; height: 70px; background: red }
      </style><slot></slot><b></b></template><slot></slot></div>`,
    hidden: [[240, 235]],
    seen: [[240, 100]],
  },
  "it is full screen": {
    markup: `<div style="position: relative; width: 480px"><slot></slot>
      <div style="position: absolute; left: 0; top: 200px; width: 100%; height: 70px;
      background: red"></div></div>`,
    seen: [[240, 235]],
    fullscreen: true,
  },
  "what is raised over it from before it": {
    markup: `<div style="position: absolute; left: 100px; top: 50px; z-index: 1; width: 60px;
      height: 20px; background: #c0c; pointer-events: none"></div><slot></slot>`,
    hidden: [[130, 60]],
    seen: [[300, 60]],
  },
  "what is before it and raised less": {
    markup: `<div style="position: absolute; left: 100px; top: 50px; z-index: 1; width: 60px;
      height: 20px; background: #c0c; pointer-events: none"></div>
      <div style="position: relative; z-index: 2"><slot></slot></div>`,
    seen: [[130, 60]],
  },
  "what clips one way": {
    markup: `<div style="width: 300px; height: 100px; overflow-x: clip"><slot></slot></div>`,
    hidden: [[400, 50]],
    seen: [[200, 200]],
  },
  "what has no box": {
    markup: `<div style="display: contents; overflow: hidden; opacity: 0.5"><slot></slot></div>`,
    seen: [[240, 200]],
  },
  "what is moved holds what is fixed": {
    markup: `<style>video { position: fixed; left: 0; top: 0 }</style>
      <div style="width: 300px; height: 200px; overflow: hidden; translate: 10px 10px">
      <slot></slot></div>`,
    seen: [[200, 100]],
    hidden: [
      [400, 100],
      [200, 230],
    ],
  },
  "what will be moved, too": {
    markup: `<style>video { position: absolute; left: 0; top: 0 }</style>
      <div style="width: 300px; height: 200px; overflow: hidden; will-change: transform">
      <slot></slot></div>`,
    seen: [[200, 100]],
    hidden: [[400, 100]],
  },
};

for (const [what, { markup, seen = [], hidden = [], fullscreen }] of Object.entries(SEEN)) {
  test(`what is seen of the picture: ${what}`, async () => {
    await show("<slot></slot>");
    await layouts.until("all of it", ({ covered, visible }) => visible && covered.length === 0);
    await show(markup);
    if (fullscreen) await page.evaluate(() => (media[0] as HTMLVideoElement).requestFullscreen());
    const holds = (layout: Layout, [x = 0, y = 0]: number[]) => isSeen(layout, x, y);
    let since = Date.now();
    await layouts.until("what is seen", (layout) => {
      const isRight =
        seen.every((point) => holds(layout, point)) &&
        !hidden.some((point) => holds(layout, point));
      if (!isRight) since = Date.now();
      // Nothing is known of what covers in the first moment.
      return layout.fullscreen === (fullscreen ?? false) && Date.now() - since > 700;
    });
    if (fullscreen) await page.evaluate(() => document.exitFullscreen());
  });
}

test("the body is what clips where the viewport does not scroll", async () => {
  await show("<slot></slot>");
  await layouts.until("all of it", ({ clip }) => clip.height === 270);
  await page.addStyleTag({ content: "html { overflow: hidden } body { overflow: auto }" });
  await page.evaluate(() => {
    document.body.style.cssText = "height: 150px; position: relative";
  });
  await layouts.until("the body's part", ({ clip }) => 0 < clip.height && clip.height < 150);
  await page.evaluate(() => {
    document.body.removeAttribute("style");
    for (const style of document.querySelectorAll("head > style:last-of-type")) style.remove();
  });
});

test("a banner over a paused video, anywhere in the page", async () => {
  await show("<slot></slot>");
  await page.evaluate(() => {
    const video = media[0] as HTMLVideoElement;
    video.pause();
    // In a tree of its own, as consent banners are.
    const host = document.createElement("div");
    host.id = "host";
    host.attachShadow({ mode: "open" }).innerHTML = "<div>words</div>";
    document.body.prepend(host);
    const banner = host.shadowRoot?.querySelector("div") as HTMLElement;
    banner.style.cssText =
      "display: none; position: fixed; left: 200px; top: 120px; width: 300px; height: 200px; " +
      "z-index: 9; background: red";
  });
  await layouts.until("all of it", (layout) => isSeen(layout, 240, 130));
  // After a change it is looked at for a while, and where the pointer is.
  await page.mouse.move(5, 5);
  await new Promise((resolve) => setTimeout(resolve, 6000));
  await page.evaluate(() => {
    const banner = document.querySelector("#host")?.shadowRoot?.querySelector("div");
    banner?.style.setProperty("display", "block");
  });
  await layouts.until("nothing of it", (layout) => !isSeen(layout, 240, 130));
  await page.evaluate(() => {
    document.querySelector("#host")?.remove();
    (media[0] as HTMLVideoElement).play();
  });
});

test("a picture between pixels is as large as the browser draws it", async () => {
  const size = "width: 333.4px; height: 187.6px";
  await show(`<style>video { position: absolute; left: 1.4px; top: 2.4px; ${size} }</style>
    <slot></slot>`);
  const whole = ({ width, height }: Rect) => width === 333 && height === 188;
  await layouts.until("its size", ({ rect, clip }) => whole(rect) && whole(clip));
});

test("the page changes where the picture lies in its box", async () => {
  await show(`<style>video { width: 480px; height: 480px; object-fit: contain }</style>
    <slot></slot>`);
  const at = (style: string) =>
    page.evaluate((text) => {
      (media[0] as HTMLVideoElement).style.objectPosition = text;
    }, style);
  // As large it was before, too: its box is what is new.
  const { rect } = await layouts.until("the middle", ({ clip }) => clip.height === 480);
  const middle = rect.y;
  for (const [style, y] of [
    ["left top", 0],
    ["50% 30px", 30],
    ["0% 100%", 210],
  ] as const) {
    await at(style);
    await layouts.until(style, ({ rect }) => rect.y - middle === y - 105);
  }
  await at("");
});

test("a poster is seen until the video plays", async () => {
  const other = await rig.open("/plain.html");
  const said = await Layouts.of(other);
  const clip = await rig.clip("mp4");
  await other.evaluate(async (src) => {
    const video = document.createElement("video");
    video.muted = true;
    video.poster = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>";
    video.style.cssText = "position: absolute; left: 20px; top: 60px; width: 480px; height: 270px";
    video.src = src;
    video.id = "posed";
    document.body.append(video);
    await new Promise((resolve) => video.addEventListener("loadeddata", resolve, { once: true }));
    // Longer than the device takes for its first picture.
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }, clip);
  await said.until("its place", ({ rect }) => rect.width > 0);
  assert.equal((await said.last)?.visible, false);
  const moved = (await other.evaluate(
    () => getComputedStyle(document.querySelector("#posed") as Element).objectPosition,
  )) as string;
  assert.equal(moved, "50% 50%");
  await other.evaluate(() => (document.querySelector("#posed") as HTMLVideoElement).play());
  await said.until("the picture", ({ visible }) => visible);
  await other.close();
});

test("the browser's controls stay until the pointer has rested", async () => {
  await show(`<div style="width: 480px; height: 270px"><slot></slot></div>`);
  await page.mouse.move(700, 500);
  const [before] = await Promise.all([
    layouts.until("the picture", ({ rect }) => rect.height === 270),
    page.evaluate(() => Object.assign(media[0] as HTMLVideoElement, { controls: true })),
  ]);
  assert.equal(before.control_bar, null);
  await page.mouse.move(100, 100);
  await layouts.until("the bar", ({ control_bar }) => control_bar?.width === 480);
  await layouts.until("none at rest", ({ control_bar }) => control_bar === null);
  await page.mouse.move(110, 100);
  await layouts.until("the bar once more", ({ control_bar }) => control_bar !== null);
  await page.mouse.move(100, 310);
  // It stays where the pointer rests on it.
  await new Promise((resolve) => setTimeout(resolve, 4500));
  assert.equal((await layouts.last)?.control_bar?.width, 480);
  await page.evaluate(() => Object.assign(media[0] as HTMLVideoElement, { controls: false }));
  await page.mouse.move(100, 120);
  await layouts.until("none that is not asked for", ({ control_bar }) => control_bar === null);
  await page.evaluate(() => {
    const video = media[0] as HTMLVideoElement;
    // The screen has another shape, and beside the picture the device draws nothing.
    video.style.objectFit = "cover";
    addEventListener("keydown", () => video.requestFullscreen(), { once: true });
  });
  await page.keyboard.press("f");
  await page.mouse.move(130, 130);
  const { rect } = await layouts.until("the bar full screen", ({ fullscreen, control_bar }) => {
    return fullscreen && control_bar !== null;
  });
  assert.ok(rect.width > 480);
  await layouts.until("none at rest full screen", ({ control_bar }) => control_bar === null);
  await page.evaluate(() => {
    (media[0] as HTMLVideoElement).style.objectFit = "";
    return document.exitFullscreen();
  });
  await layouts.until("the picture", ({ rect }) => rect.height === 270);
});
