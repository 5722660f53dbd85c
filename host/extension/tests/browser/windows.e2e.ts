/** Where the viewport lies in its window: page zoom, and what is docked beside it. */
import { test } from "node:test";
import type { Page } from "playwright-core";
import { STEP_MS } from "../../../../tests/session/wait.ts";
import { Layouts } from "./layouts.ts";
import { onDevice, playAll } from "./media.ts";
import { BrowserRig } from "./rig.ts";

const SWITCHES = ["--window-position=30,20", "--window-size=1200,850"];

async function setZoom(rig: BrowserRig, page: Page, zoom: number): Promise<void> {
  const [tab, worker] = [await rig.tabOf(page), await rig.worker()];
  await worker.evaluate(({ tab, zoom }) => chrome.tabs.setZoom(tab, zoom), { tab, zoom });
  await page.waitForFunction((ratio) => Math.abs(devicePixelRatio - ratio) < 0.01, zoom);
}

/** Where the pointer says that the video is on the screen. */
async function pointed(page: Page, zoom: number): Promise<{ x: number; y: number }> {
  await page.evaluate(() => {
    addEventListener("pointermove", (event) => Object.assign(globalThis, { pointedAt: event }), {
      once: true,
    });
  });
  // The browser forgets to answer some of these while it lays its window out.
  const moving = setInterval(() => {
    const by = Math.random() * 6;
    page.mouse.move((6 + by) / zoom, (6 + by) / zoom).catch(() => {});
  }, 200);
  try {
    const place = await page.waitForFunction(
      (zoom) => {
        const { pointedAt } = globalThis as unknown as { pointedAt?: PointerEvent };
        if (!pointedAt) return null;
        Object.assign(globalThis, { pointedAt: undefined });
        const { screenX, screenY, clientX, clientY } = pointedAt;
        const { left, top } = (media[0] as HTMLVideoElement).getBoundingClientRect();
        return {
          x: Math.round(screenX + (left - clientX) * zoom),
          y: Math.round(screenY + (top - clientY) * zoom),
        };
      },
      zoom,
      { timeout: STEP_MS, polling: 50 },
    );
    return (await place.jsonValue()) as { x: number; y: number };
  } finally {
    clearInterval(moving);
  }
}

for (const [what, more] of [
  ["alone", []],
  ["beside the tools of developers", ["--auto-open-devtools-for-tabs"]],
] as const) {
  test(`a page in its window, ${what}: the picture is at its place at each zoom`, async () => {
    const rig = await BrowserRig.start({ inWindow: true, switches: [...SWITCHES, ...more] });
    try {
      rig.status.record();
      await rig.worker();
      // Tools are opened for the first tab alone.
      const page = rig.context.pages()[0] ?? (await rig.context.newPage());
      await page.goto(rig.url(`/player.html?with=hls&src=${await rig.clip("long")}`));
      const layouts = await Layouts.of(page);
      await playAll(page);
      await onDevice(rig, "a picture", (items) => items.some((item) => item.flowing));
      if (more.length > 0) await page.waitForFunction(() => innerWidth < outerWidth - 200);
      for (const zoom of [1, 1.5, 0.5, 1.1, 3]) {
        await setZoom(rig, page, zoom);
        const { x, y } = await pointed(page, zoom);
        const desktop = await page.evaluate(() => [screen.width, screen.height].join());
        await layouts.until(`its place at ${zoom}: ${x}, ${y}`, ({ rect, desktop: said }) => {
          const isNear = Math.abs(rect.x - x) <= 1 && Math.abs(rect.y - y) <= 1;
          const isDesktop = said && [said.width, said.height].join() === desktop;
          return isDesktop === true && isNear && Math.abs(rect.width - 480 * zoom) <= 1;
        });
      }
      await setZoom(rig, page, 1);
    } finally {
      await rig.stop();
    }
  });
}
