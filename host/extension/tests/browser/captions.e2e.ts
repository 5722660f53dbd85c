/** Captions of text tracks that the browser would paint, on the device's picture. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { errorsOf, PLAY_MS, playAll, reached } from "./media.ts";
import { BrowserRig } from "./rig.ts";

let rig: BrowserRig;
let clip: string;
before(async () => {
  rig = await BrowserRig.start();
  clip = await rig.clip("long");
});
after(() => rig?.stop());

/** Of the picture's height: where captions at the top and at the bottom are. */
const BANDS = { top: [0.02, 0.12], bottom: [0.86, 0.97] } as const;
const WIDTH = 320;
const HEIGHT = 180;

/** Pixels as white as letters, in a band between the blocks in the clip's corners. */
async function letters(band: keyof typeof BANDS): Promise<number> {
  const file = await rig.screenshot();
  const scale = ["-vf", `scale=${WIDTH}:${HEIGHT}`, "-f", "rawvideo", "-pix_fmt", "gray", "-"];
  const pixels = execFileSync("ffmpeg", ["-v", "error", "-i", file, ...scale]);
  const [from, to] = BANDS[band];
  let white = 0;
  for (let y = Math.ceil(from * HEIGHT); y < to * HEIGHT; y++) {
    for (let x = WIDTH / 4; x < (WIDTH * 3) / 4; x++) {
      if ((pixels[y * WIDTH + x] ?? 0) > 170) white += 1;
    }
  }
  return white;
}

/** Looks until there are letters in exactly these bands. */
async function lettersIn(...bands: (keyof typeof BANDS)[]): Promise<void> {
  const end = Date.now() + PLAY_MS;
  for (;;) {
    const found = { top: await letters("top"), bottom: await letters("bottom") };
    const isRight = (band: keyof typeof BANDS) => found[band] > 20 === bands.includes(band);
    if (isRight("top") && isRight("bottom")) return;
    assert.ok(Date.now() < end, `letters in ${JSON.stringify(found)}, not in ${bands.join()}`);
  }
}

async function open(): Promise<{ page: Page; errors: string[] }> {
  rig.status.record();
  const page = await rig.context.newPage();
  const errors = errorsOf(page);
  await page.goto(rig.url(`/player.html?with=hls&src=${clip}`));
  await playAll(page);
  await reached(page, 0.5);
  return { page, errors };
}

test("cues of a script come and go with their track and the position", async () => {
  const { page, errors } = await open();
  await lettersIn();
  await page.evaluate(() => {
    const [element] = media;
    if (!element) throw new Error("no element");
    const track = element.addTextTrack("captions", "words", "en");
    track.mode = "showing";
    track.addCue(new VTTCue(0, 600, "<v Fred>Here &amp; <i>now</i>, and\nin two lines"));
    const above = new VTTCue(0, 600, "At the very top of it");
    above.line = 0;
    track.addCue(above);
    Object.assign(globalThis, { track });
  });
  await lettersIn("top", "bottom");

  // Nothing is painted of a hidden track, whose cues are still active.
  const active = await page.evaluate(() => {
    const { track } = globalThis as unknown as { track: TextTrack };
    track.mode = "hidden";
    return track.activeCues?.length;
  });
  assert.equal(active, 2);
  await lettersIn();

  // Also while it is paused.
  await page.evaluate(() => {
    media[0]?.pause();
    (globalThis as unknown as { track: TextTrack }).track.mode = "showing";
  });
  await lettersIn("top", "bottom");
  await page.evaluate(() => {
    const { track } = globalThis as unknown as { track: TextTrack };
    const element = media[0];
    if (!element) throw new Error("no element");
    for (const cue of [...(track.cues ?? [])]) cue.endTime = element.currentTime + 1;
    element.currentTime += 2;
  });
  await lettersIn();
  await page.evaluate(() => {
    if (media[0]) media[0].currentTime -= 1.5;
  });
  await lettersIn("top", "bottom");
  assert.deepEqual(errors, []);
  await page.close();
});

test("a <track> of the page is shown, also by a stage that starts anew", async () => {
  const { page, errors } = await open();
  await page.evaluate(() => {
    const track = document.createElement("track");
    const text = "WEBVTT\n\n00:00.000 --> 10:00.000\nWords of a file, for all of it";
    track.src = URL.createObjectURL(new Blob([text], { type: "text/vtt" }));
    track.default = true;
    media[0]?.append(track);
  });
  await lettersIn("bottom");
  const stage = rig.status.now.value.processes.find(({ role }) => role === "stage");
  assert.ok(stage);
  process.kill(stage.pid, "SIGKILL");
  const isNew = (pid: number) => pid !== stage.pid;
  await rig.status.now.until(
    "another stage with the video",
    ({ processes, items }) =>
      processes.some(({ role, pid }) => role === "stage" && isNew(pid)) &&
      items.some(({ flowing }) => flowing),
    PLAY_MS,
  );
  await lettersIn("bottom");
  assert.deepEqual(errors, []);
  await page.close();
});
