// What a browser opens over a page in windows of their own: lists, pickers, tooltips. As long as
// one is open the device shows it and not the picture beneath, which comes back afterwards.

import * as path from "node:path";
import { after, before, describe, test } from "node:test";
import type { Page } from "../page.ts";
import { overlap, writePng } from "../picture.ts";
import { startPlaying } from "../play.ts";
import type { Place } from "./all.ts";
import { newWindow, showsPicture, showsSession, theVideo, xdotool } from "./covering.ts";
import { LOOPED, lies, rectOf } from "./overlay.ts";
import { playerUrl } from "./players.ts";

/** One thing that opens. Its element, if it has one, lies above the video: `#opener`. */
interface Popup {
  /** The element, in HTML. */
  opener?: string;
  open(there: Place, page: Page): Promise<void>;
  close?(there: Place, page: Page): Promise<void>;
}

const POPUPS: Record<string, Popup> = {
  "a select's list": {
    opener: `<select id=opener>${"<option>Some choice</option>".repeat(12)}</select>`,
    open: clickOpener,
  },
  "a date picker": {
    opener: "<input id=opener type=date>",
    open: async (there, page) => {
      const { x, y, width, height } = await rectOf(page, "#opener");
      click(there, x + width - 12, y + height / 2);
    },
  },
  "an input's suggestions": {
    opener:
      "<input id=opener list=words><datalist id=words>" +
      "<option value=apple><option value=apricot><option value=avocado></datalist>",
    open: async (there, page) => {
      await clickOpener(there, page);
      xdotool(there, "key", "a");
    },
  },
  "a tooltip": {
    open: async (there, page) => {
      await page.evaluate(
        `document.querySelector("video").title = "${"What it says. ".repeat(6)}"`,
      );
      const { x, y, width, height } = await theVideo(page);
      for (const share of [0.3, 0.31, 0.32]) {
        const at = [x + width * share, y + height * share].map(Math.round);
        xdotool(there, "mousemove", ...at.map(String));
      }
    },
    close: async (there, page) => {
      xdotool(there, "mousemove", "2", "2");
      await page.evaluate('document.querySelector("video").removeAttribute("title")');
    },
  },
};

export function popupCases(
  chosen: (name: string) => boolean,
  place: () => Promise<Place>,
  screenshots: string | undefined,
): void {
  const wanted = Object.entries(POPUPS).filter(([name]) => chosen(`popups ${name}`));
  if (wanted.length === 0) return;
  describe("popups of the browser", () => {
    let page: Page;
    before(async () => {
      const { rig, browser } = await place();
      page = await startPlaying(rig, browser, await playerUrl(rig, "hls", ["long"], LOOPED));
    });
    after(() => page?.close());

    for (const [name, popup] of wanted) {
      test(name, async () => {
        const there = await place();
        await isLeftOut(there, page, popup, async () => {
          if (!screenshots) return;
          const image = await there.rig.device.display.image();
          writePng(image, path.join(screenshots, `popup-${name.replace(/\W+/g, "-")}.png`));
        });
      });
    }
  });
}

async function isLeftOut(there: Place, page: Page, popup: Popup, keep: () => Promise<void>) {
  const { opener = "", open, close } = popup;
  await page.evaluate(`(() => {
    for (const old of document.querySelectorAll("#opener, #words")) old.remove();
    document.body.insertAdjacentHTML("beforeend", ${JSON.stringify(opener)});
    const style = document.querySelector("#opener")?.style;
    if (style) style.cssText = "position:absolute;left:300px;top:10px;width:180px";
  })()`);
  await lies(there, page, 0);
  const video = await theVideo(page);
  const known = new Set(await there.rig.session.children());
  await open(there, page);
  const window = await newWindow(there, page, known);
  try {
    await showsSession(there, page, window.rect);
  } finally {
    await keep();
    if (close) await close(there, page);
    else xdotool(there, "key", "Escape");
  }
  await lies(there, page, 0);
  await showsPicture(there, overlap(window.rect, video));
}

async function clickOpener(there: Place, page: Page): Promise<void> {
  const { x, y, width, height } = await rectOf(page, "#opener");
  click(there, x + width / 2, y + height / 2);
}

function click(there: Place, x: number, y: number): void {
  xdotool(there, "mousemove", String(Math.round(x)), String(Math.round(y)), "click", "1");
}
