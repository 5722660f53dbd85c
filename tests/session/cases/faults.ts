// Anything may die, hang or go away at any moment: the page plays on, on the device or in the
// session, and when all is well again the next page is redirected.

import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { processesNamed } from "../browser.ts";
import type { Page } from "../page.ts";
import { redirectedPictures, startPlaying } from "../play.ts";
import type { Rig } from "../rig.ts";
import { eventually } from "../wait.ts";
import type { Place } from "./all.ts";
import { playerUrl } from "./players.ts";

/** The page goes on within this time. The heartbeat's patience is part of it. */
const GO_ON_MS = 15_000;

/** So much must be played after the fault, in seconds of media and in pictures. */
const PLAYED = { seconds: 1, pictures: 15 };

export function faultCases(chosen: (name: string) => boolean, place: () => Promise<Place>): void {
  describe("faults", () => {
    // What one case leaves behind is not to be another's.
    beforeEach(async () => (await place()).browser.closePages());
    for (const [name, cause, undo] of FAULTS) {
      if (!chosen(`faults ${name}`)) continue;
      test(name, async () => {
        const there = await place();
        const page = await start(there);
        try {
          await cause(there.rig);
          await playsOn(there.rig, page, name);
        } finally {
          await undo?.(there.rig);
          await page.close();
        }
        await nextIsRedirected(there);
      });
    }
    if (chosen("faults a tab is killed")) {
      test("a tab is killed, another plays on", async () => tabDies(await place()));
    }
    if (chosen("faults 20 tabs")) test("20 tabs come and go", async () => manyTabs(await place()));
    if (chosen("faults the connection")) {
      test("the connection ends and comes back in mid-play", async () => reconnects(await place()));
    }
  });
}

type Step = (rig: Rig) => Promise<void>;

const FAULTS: [name: string, cause: Step, undo?: Step][] = [
  ["nearside-host is killed", async (rig) => killAll(processesNamed(rig.seat, "nearside-host"))],
  ["a stage is killed", async (rig) => killAll(await rig.device.pids("stage"))],
  ["a stage hangs", (rig) => signalStages(rig, "SIGSTOP"), (rig) => signalStages(rig, "SIGCONT")],
  [
    "the agent is killed",
    async (rig) => rig.device.agent.signal("SIGKILL"),
    (rig) => rig.device.startAgent(),
  ],
  [
    "the agent hangs",
    async (rig) => rig.device.agent.signal("SIGSTOP"),
    async (rig) => rig.device.agent.signal("SIGCONT"),
  ],
  [
    "the RDP client is killed",
    async (rig) => {
      rig.device.client.signal("SIGKILL");
      await rig.device.client.ended;
    },
    (rig) => rig.connect(),
  ],
];

function killAll(pids: number[], signal: NodeJS.Signals = "SIGKILL"): void {
  assert.notDeepEqual(pids, [], "there is nothing to kill");
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      // One that has ended with the one before.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH" || pid === pids[0]) throw error;
    }
  }
}

async function signalStages(rig: Rig, signal: NodeJS.Signals): Promise<void> {
  // A stage that hung may have been ended by the agent meanwhile.
  for (const pid of await rig.device.pids("stage")) {
    try {
      process.kill(pid, signal);
    } catch {
      assert.equal(signal, "SIGCONT", "the stage has ended");
    }
  }
}

async function start({ rig, browser }: Place): Promise<Page> {
  return startPlaying(rig, browser, await playerUrl(rig, "hls", ["long"], { query: "loop=1" }));
}

/** From where the page is now, it plays on: media time passes and pictures come, somewhere. */
async function playsOn(rig: Rig, page: Page, what: string): Promise<void> {
  const before = await progress(rig, page);
  let last = before;
  await eventually(
    `play after: ${what}`,
    async () => {
      last = await progress(rig, page);
      const isOn =
        PLAYED.seconds <= Math.abs(last.seconds - before.seconds) &&
        PLAYED.pictures <= last.native - before.native + last.device - before.device;
      return isOn ? true : undefined;
    },
    GO_ON_MS,
    () => `${JSON.stringify({ before, last })} ${page.describe()}`,
  );
  assert.deepEqual(page.errors, [], "the page saw errors");
}

async function progress(rig: Rig, page: Page) {
  const elements = await page.elements();
  const native = elements.reduce((sum, one) => sum + one.native.frames, 0);
  const seconds = elements.reduce((sum, one) => sum + one.seen.currentTime, 0);
  return { seconds, native, device: redirectedPictures(rig) };
}

async function nextIsRedirected(there: Place): Promise<void> {
  await there.rig.untilConnected();
  const page = await start(there);
  await page.close();
}

async function tabDies(there: Place): Promise<void> {
  const [dying, other] = [await start(there), await start(there)];
  const items = () => there.rig.device.status.now.value.items.length;
  const before = items();
  await dying.crash();
  await there.rig.device.status.now.until("end of its item", ({ items }) => items.length < before);
  await playsOn(there.rig, other, "another tab died");
  await dying.close();
  await other.close();
}

async function manyTabs(there: Place): Promise<void> {
  const { rig, browser } = there;
  const constant = await start(there);
  const url = await playerUrl(rig, "hls", ["fmp4"]);
  for (let round = 0; round < 4; round += 1) {
    const pages = await Promise.all(Array.from({ length: 5 }, () => browser.page()));
    // Some are closed before they have loaded, some later.
    await Promise.all(pages.map((page) => page.open(url).catch(() => {})));
    await Promise.all(pages.map((page) => page.close()));
  }
  await playsOn(rig, constant, "20 other tabs came and went");
  await constant.close();
  await rig.device.status.now.until("end of all items", ({ items }) => items.length === 0);
  await nextIsRedirected(there);
}

async function reconnects(there: Place): Promise<void> {
  const { rig } = there;
  const page = await start(there);
  await rig.device.disconnect();
  await playsOn(rig, page, "the connection ended");
  const before = redirectedPictures(rig);
  await rig.connect();
  await eventually("redirection after the reconnect", async () =>
    before + PLAYED.pictures <= redirectedPictures(rig) ? true : undefined,
  );
  await playsOn(rig, page, "the connection came back");
  await page.close();
}
