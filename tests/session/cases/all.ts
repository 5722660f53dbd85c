// All cases, on one session with one browser that stay from case to case, as they do for people.

import { after, before, describe } from "node:test";
import type { Browser } from "../browser.ts";
import { Rig, type RigOptions } from "../rig.ts";
import { bubbleCases } from "./bubbles.ts";
import { controlCases } from "./controls.ts";
import { faultCases } from "./faults.ts";
import { monitorCases } from "./monitors.ts";
import { overlayCases } from "./overlay.ts";
import { pictureCases } from "./pictures.ts";
import { playerCases } from "./players.ts";
import { popupCases } from "./popups.ts";
import { selfCases } from "./self.ts";
import { shadowCases } from "./shadow.ts";
import { windowCases } from "./windows.ts";

/** A session and the browser in it; cases that end a browser start another. */
export interface Place {
  rig: Rig;
  browser: Browser;
}

export function registerCases(
  options: RigOptions,
  filters: string[],
  screenshots: string | undefined,
  adopt: (rig: Rig) => void,
): void {
  const chosen = (name: string) =>
    filters.length === 0 || filters.some((filter) => name.includes(filter));
  selfCases(chosen);
  const way = options.rdp ? "over RDP" : "without RDP";
  describe(`${options.native ? "native playback" : "redirection"} ${way}`, () => {
    let place: Place | undefined;
    // What one case breaks is not to be another's.
    const there = async () => {
      if (!place) throw new Error("the session did not start");
      if (place.browser.ended) place.browser = await place.rig.browser();
      return place;
    };
    before(async () => {
      const rig = await Rig.start(options, adopt);
      place = { rig, browser: await rig.browser() };
    });
    after(async () => {
      await place?.rig.stop();
    });
    playerCases(chosen, there);
    if (options.rdp && !options.native) {
      overlayCases(chosen, there);
      windowCases(chosen, there, screenshots);
      monitorCases(chosen, there, screenshots);
      popupCases(chosen, there, screenshots);
      bubbleCases(chosen, there);
      controlCases(chosen, there);
      shadowCases(chosen, there);
      faultCases(chosen, there);
      if (screenshots) pictureCases(chosen, there, screenshots);
    }
  });
}
