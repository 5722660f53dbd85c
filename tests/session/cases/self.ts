// The rig's own eyes and hands: what it would take for a picture, and what it serves. A rig that
// sees what is not there makes every other case worthless.

import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { describe, test } from "node:test";
import { clip, fit } from "../fit.ts";
import {
  BARS,
  CORNER_SHARE,
  CORNERS,
  edgeError,
  findPicture,
  overlap,
  readNumber,
} from "../picture.ts";
import { PageServer } from "../server.ts";
import { TooLate, Watched } from "../wait.ts";
import type { Image, Rect } from "../x11.ts";

export function selfCases(chosen: (name: string) => boolean): void {
  if (!chosen("the rig itself")) return;
  describe("the rig itself", () => {
    test("finds the clip's picture to the pixel, or not at all", findsPictures);
    test("reads a picture's number", readsNumbers);
    test("knows where a picture lies in its element", fits);
    test("serves what is in its folders, in parts, and nothing else", serves);
    test("waits for a value, and not for ever", waits);
  });
}

const SCREEN = { width: 400, height: 300 };

function screen(): Image {
  return { ...SCREEN, pixels: Buffer.alloc(SCREEN.width * SCREEN.height * 4, 0x40) };
}

function fill(image: Image, rect: Rect, [red = 0, green = 0, blue = 0]: readonly number[]): void {
  const { x, y, width, height } = overlap(rect, { x: 0, y: 0, ...SCREEN });
  for (let row = y; row < y + height; row += 1) {
    for (let column = x; column < x + width; column += 1) {
      image.pixels.set([blue, green, red, 0], (row * image.width + column) * 4);
    }
  }
}

/** Paints the clip's corners; `off` darkens each channel, as coding may. */
function paint(image: Image, rect: Rect, off = 0, without = ""): void {
  const [width, height] = [rect.width * CORNER_SHARE.x, rect.height * CORNER_SHARE.y];
  for (const { name, rgb, right, bottom } of CORNERS) {
    if (name === without) continue;
    const x = right ? rect.x + rect.width - width : rect.x;
    const y = bottom ? rect.y + rect.height - height : rect.y;
    const colour = rgb.map((value) => Math.max(0, value - off));
    fill(image, { x, y, width, height }, colour);
  }
}

function findsPictures(): void {
  const rect = { x: 33, y: 21, width: 240, height: 160 };
  const cases: [off: number, without: string, within: Rect | undefined, found: boolean][] = [
    [0, "", undefined, true],
    [30, "", undefined, true],
    [90, "", undefined, false],
    [0, "bottom left", undefined, false],
    [0, "", { x: 0, y: 0, width: 100, height: 300 }, false],
  ];
  for (const [off, without, within, isFound] of cases) {
    const image = screen();
    paint(image, rect, off, without);
    const found = within ? findPicture(image, within) : findPicture(image);
    assert.deepEqual(found, isFound ? rect : undefined, JSON.stringify({ off, without, within }));
  }
  assert.equal(edgeError(rect, { ...rect, x: 34, width: 238 }), 1);
}

function readsNumbers(): void {
  const rect = { x: 40, y: 20, width: 200, height: 120 };
  for (const number of [0, 1, 0b10_0000_0001, 2 ** BARS.count - 1]) {
    const image = screen();
    const width = (rect.width * BARS.width) / BARS.count;
    for (let bit = 0; bit < BARS.count; bit += 1) {
      if ((number & (1 << bit)) === 0) continue;
      const x = rect.x + rect.width * BARS.x + bit * width;
      const y = rect.y + rect.height * BARS.y;
      fill(image, { x, y, width, height: rect.height * BARS.height }, [255, 255, 255]);
    }
    assert.equal(readNumber(image, rect), number);
  }
}

function fits(): void {
  const box = { x: 10, y: 20, width: 300, height: 300 };
  const cases: [objectFit: string, objectPosition: string, number, number, number, number][] = [
    ["contain", "50% 50%", 10, 95, 300, 150],
    ["contain", "0px 0px", 10, 20, 300, 150],
    ["contain", "100% 100%", 10, 170, 300, 150],
    ["cover", "50% 50%", 10, 20, 300, 300],
    ["fill", "50% 50%", 10, 20, 300, 300],
    ["none", "50% 50%", 110, 145, 100, 50],
    ["none", "5px 25%", 15, 82.5, 100, 50],
    ["contain", "-100000px 0%", 10, 20, 300, 150],
    ["scale-down", "50% 50%", 110, 145, 100, 50],
  ];
  for (const [objectFit, objectPosition, x, y, width, height] of cases) {
    const size = { videoWidth: 100, videoHeight: 50 };
    const found = clip(fit(box, { ...size, objectFit, objectPosition }), box);
    assert.deepEqual(found, { x, y, width, height }, `${objectFit} ${objectPosition}`);
  }
}

async function serves(): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nearside-serves-"));
  const inside = path.join(folder, "inside");
  fs.mkdirSync(inside);
  fs.writeFileSync(path.join(folder, "secret"), "no");
  fs.writeFileSync(path.join(inside, "a.mp4"), "0123456789");
  const playlist = "#EXTM3U\n#EXTINF:1.0,\na.m4s\n#EXTINF:5.0,\nb.m4s\n#EXT-X-ENDLIST\n";
  fs.writeFileSync(path.join(inside, "a.m3u8"), playlist);
  const server = await PageServer.start({ "/": inside });
  try {
    const cases: [path: string, range: string, status: number, body: string][] = [
      ["/a.mp4", "", 200, "0123456789"],
      ["/a.mp4", "bytes=2-4", 206, "234"],
      ["/a.mp4", "bytes=7-", 206, "789"],
      ["/a.mp4", "bytes=-3", 206, "789"],
      ["/a.mp4", "bytes=8-99", 206, "89"],
      ["/a.mp4", "bytes=10-", 416, ""],
      ["/b.mp4", "", 404, ""],
      ["/..%2fsecret", "", 404, ""],
      ["/%zz", "", 400, ""],
      [`/live/a.m3u8?since=${Date.now()}`, "", 200, "#EXTM3U\n#EXTINF:1.0,\na.m4s\n"],
      ["/live/a.m3u8?since=0", "", 200, playlist],
    ];
    for (const [name, range, status, body] of cases) {
      const headers: Record<string, string> = range ? { range } : {};
      const answer = await fetch(server.url(name), { headers });
      assert.equal(answer.status, status, `${name} ${range}`);
      assert.equal(await answer.text(), body, `${name} ${range}`);
      assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    }
  } finally {
    server.close();
    fs.rmSync(folder, { recursive: true });
  }
}

async function waits(): Promise<void> {
  const watched = new Watched(1);
  const two = watched.until("two", (value) => value === 2);
  watched.value = 2;
  assert.equal(await two, 2);
  await assert.rejects(
    watched.until("three", (value) => value === 3, 1),
    TooLate,
  );
}
