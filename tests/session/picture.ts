// Finding the rig's own clips on a screen, and pictures as PNG files.
//
// The clips (clips.ts) have a block of a pure colour in each corner. The outer edges of the four
// blocks are the edges of the picture, to the pixel: scaling never mixes colours at a border.

import * as fs from "node:fs";
import * as zlib from "node:zlib";
import type { Image, Rect } from "./x11.ts";

/** Corner blocks: red, green, blue, and where each lies. */
export const CORNERS = [
  { name: "top left", rgb: [255, 0, 0], right: false, bottom: false },
  { name: "top right", rgb: [0, 255, 0], right: true, bottom: false },
  { name: "bottom left", rgb: [0, 0, 255], right: false, bottom: true },
  { name: "bottom right", rgb: [255, 255, 0], right: true, bottom: true },
] as const;

/** Width and height of a block in the picture's. */
export const CORNER_SHARE = { x: 1 / 8, y: 1 / 8 };

/** Most that a channel may be off: conversion between YUV and RGB, and lossy coding. */
const TOLERANCE = 40;

/** A row or column belongs to a block when so many pixels of its colour are in it. */
const LEAST_PIXELS = 6;

/** A picture's rectangle on the screen, by its four corner blocks; nothing when one is missing. */
export function findPicture(image: Image, within: Rect = wholeOf(image)): Rect | undefined {
  const blocks = CORNERS.map((corner) => ({ corner, box: findColour(image, corner.rgb, within) }));
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { corner, box } of blocks) {
    if (!box) return undefined;
    if (corner.right) right = Math.max(right, box.x + box.width);
    else left = Math.min(left, box.x);
    if (corner.bottom) bottom = Math.max(bottom, box.y + box.height);
    else top = Math.min(top, box.y);
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** How many of the corner colours' pixels a screen shows. */
export function countCorners(image: Image, within: Rect = wholeOf(image)): number {
  let count = 0;
  for (const corner of CORNERS) count += coloured(image, corner.rgb, within).total;
  return count;
}

/** Bounding box of all rows and columns that hold a block's colour. */
export function findColour(
  image: Image,
  rgb: readonly number[],
  within: Rect = wholeOf(image),
): Rect | undefined {
  const { rows, columns, area } = coloured(image, rgb, within);
  const [top, bottom] = ends(rows);
  const [left, right] = ends(columns);
  if (top === undefined || left === undefined) return undefined;
  return {
    x: area.x + left,
    y: area.y + top,
    width: (right ?? left) - left + 1,
    height: (bottom ?? top) - top + 1,
  };
}

function ends(counts: Uint32Array): [number | undefined, number | undefined] {
  let [first, last]: (number | undefined)[] = [];
  counts.forEach((count, index) => {
    if (count < LEAST_PIXELS) return;
    first ??= index;
    last = index;
  });
  return [first, last];
}

function coloured(image: Image, rgb: readonly number[], within: Rect) {
  const area = overlap(within, wholeOf(image));
  const rows = new Uint32Array(area.height);
  const columns = new Uint32Array(area.width);
  const [red = 0, green = 0, blue = 0] = rgb;
  const { pixels } = image;
  let total = 0;
  for (let y = 0; y < area.height; y += 1) {
    let at = ((area.y + y) * image.width + area.x) * 4;
    for (let x = 0; x < area.width; x += 1, at += 4) {
      const isNear =
        Math.abs((pixels[at] ?? 0) - blue) <= TOLERANCE &&
        Math.abs((pixels[at + 1] ?? 0) - green) <= TOLERANCE &&
        Math.abs((pixels[at + 2] ?? 0) - red) <= TOLERANCE;
      if (!isNear) continue;
      total += 1;
      rows[y] = (rows[y] ?? 0) + 1;
      columns[x] = (columns[x] ?? 0) + 1;
    }
  }
  return { rows, columns, area, total };
}

/** Black and white bars of a picture's number: where they are in it, and how many. */
export const BARS = { x: 1 / 4, y: 1 / 2, width: 1 / 2, height: CORNER_SHARE.y, count: 10 };

/** The number of the picture that is shown at `rect`. */
export function readNumber(image: Image, rect: Rect): number {
  const y = Math.round(rect.y + rect.height * (BARS.y + BARS.height / 2));
  let number = 0;
  for (let bit = 0; bit < BARS.count; bit += 1) {
    const share = BARS.x + (BARS.width / BARS.count) * (bit + 0.5);
    const x = Math.round(rect.x + rect.width * share);
    if ((image.pixels[(y * image.width + x) * 4] ?? 0) > 150) number += 2 ** bit;
  }
  return number;
}

/** The whole pixels that both rectangles have. */
export function overlap(one: Rect, other: Rect): Rect {
  const x = Math.max(Math.floor(one.x), Math.floor(other.x));
  const y = Math.max(Math.floor(one.y), Math.floor(other.y));
  const right = Math.min(Math.ceil(one.x + one.width), Math.ceil(other.x + other.width));
  const bottom = Math.min(Math.ceil(one.y + one.height), Math.ceil(other.y + other.height));
  return { x, y, width: Math.max(0, right - x), height: Math.max(0, bottom - y) };
}

/** The largest distance between the same edges of two rectangles, in pixels. */
export function edgeError(one: Rect, other: Rect): number {
  return Math.max(
    Math.abs(one.x - other.x),
    Math.abs(one.y - other.y),
    Math.abs(one.x + one.width - other.x - other.width),
    Math.abs(one.y + one.height - other.y - other.height),
  );
}

function wholeOf({ width, height }: Image): Rect {
  return { x: 0, y: 0, width, height };
}

/** Writes a PNG (ISO/IEC 15948), eight bits a channel, no alpha. */
export function writePng(image: Image, file: string): void {
  const { width, height, pixels } = image;
  const raw = Buffer.alloc(height * (1 + width * 3));
  let to = 0;
  for (let y = 0; y < height; y += 1) {
    raw[to] = 0; // no filter
    to += 1;
    for (let at = y * width * 4; at < (y + 1) * width * 4; at += 4, to += 3) {
      raw[to] = pixels[at + 2] ?? 0;
      raw[to + 1] = pixels[at + 1] ?? 0;
      raw[to + 2] = pixels[at] ?? 0;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const chunks = [
    chunk("IHDR", header),
    chunk("IDAT", zlib.deflateSync(raw, { level: 3 })),
    chunk("IEND", Buffer.alloc(0)),
  ];
  fs.writeFileSync(file, Buffer.concat([signature, ...chunks]));
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const whole = Buffer.alloc(8 + body.length);
  whole.writeUInt32BE(data.length, 0);
  whole.set(body, 4);
  whole.writeUInt32BE(crc(body), 4 + body.length);
  return whole;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) {
    value = (value & 1) === 1 ? 0xedb8_8320 ^ (value >>> 1) : value >>> 1;
  }
  return value >>> 0;
});

function crc(bytes: Buffer): number {
  let value = 0xffff_ffff;
  for (const byte of bytes) value = (CRC_TABLE[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  return (value ^ 0xffff_ffff) >>> 0;
}
