// A session over two monitors of the device: the picture lies on the video on either of them, and
// across their common border.

import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import { SCREEN } from "../device.ts";
import { startPlaying, takePictures } from "../play.ts";
import type { Place } from "./all.ts";
import { LOOPED, lies, setBounds } from "./overlay.ts";
import { playerUrl } from "./players.ts";

export function monitorCases(
  chosen: (name: string) => boolean,
  place: () => Promise<Place>,
  screenshots: string | undefined,
): void {
  if (!chosen("two monitors")) return;
  describe("two monitors", () => {
    test("the picture goes with the browser from one to the other", async () => {
      const there = await place();
      // With a page the host stays, and looks for the device.
      const url = await playerUrl(there.rig, "hls", ["long"], LOOPED);
      const first = await startPlaying(there.rig, there.browser, url);
      await there.rig.device.disconnect();
      try {
        await there.rig.connect(["/multimon"], cutInTwo(there));
        await there.rig.untilConnected();
        await movesAcross(there, screenshots);
      } finally {
        await there.rig.device.disconnect();
        for (const name of NAMES) xrandr(there, "--delmonitor", name);
        await there.rig.connect();
        await there.rig.untilConnected();
        await first.close();
      }
    });
  });
}

const NAMES = ["left", "right"] as const;

/** A video that either monitor has room for. */
const VIDEO_WIDTH = 480;

/** Makes one monitor of each half of the screen; returns the size of both. */
function cutInTwo(there: Place): { width: number; height: number } {
  const [width = 0, height = 0] = SCREEN.split("x").map(Number);
  const half = width / 2;
  // The sizes in millimetres are of no matter; the screen's one output goes with the first.
  NAMES.forEach((name, index) => {
    const geometry = `${half}/160x${height}/240+${index * half}+0`;
    xrandr(there, "--setmonitor", name, geometry, index === 0 ? "screen" : "none");
  });
  return { width, height };
}

async function movesAcross(there: Place, screenshots: string | undefined): Promise<void> {
  const { rig, browser } = there;
  const half = rig.device.display.width / 2;
  const query = `${LOOPED.query}&width=${VIDEO_WIDTH}`;
  const page = await startPlaying(rig, browser, await playerUrl(rig, "hls", ["long"], { query }));
  const before = await setBounds(page, { left: 0, top: 0 });
  try {
    await lies(there, page, 0);
    for (const left of [half, half / 2, 0]) {
      await setBounds(page, { left, top: 0 });
      await lies(there, page, 0);
      if (screenshots) await takePictures(rig, screenshots, `monitors-${left}`);
    }
  } finally {
    await setBounds(page, { left: before.left, top: before.top });
    await page.close();
  }
}

function xrandr({ rig }: Place, ...words: string[]): void {
  execFileSync("xrandr", words, { env: rig.device.env });
}
