/** Where an element shows its picture: `object-fit` and `object-position` (CSS Images 3). */
import type { Box } from "./rects.js";

export interface Extent {
  readonly width: number;
  readonly height: number;
}

/** Side lengths of the picture in a content box. */
export function fitted(fit: string, picture: Extent, content: Extent): Extent {
  if (picture.width <= 0 || picture.height <= 0) return content;
  const [x, y] = [content.width / picture.width, content.height / picture.height];
  const scaled = (by: number) => ({ width: picture.width * by, height: picture.height * by });
  switch (fit) {
    case "fill":
      return content;
    case "cover":
      return scaled(Math.max(x, y));
    case "none":
      return picture;
    case "scale-down":
      return scaled(Math.min(1, x, y));
    default:
      return scaled(Math.min(x, y));
  }
}

/** One component of a computed `object-position`: `50%`, `12px`, `calc(100% - 8px)`. */
export function offset(position: string, room: number): number {
  let total = 0;
  for (const [, sign, value, unit] of position.matchAll(/([+-]?)\s*(\d*\.?\d+)(px|%)/g)) {
    const amount = Number(value) * (sign === "-" ? -1 : 1);
    total += unit === "%" ? (amount / 100) * room : amount;
  }
  return total;
}

/** The two components of a computed `object-position`. */
export function components(position: string): readonly [string, string] {
  const parts = position.match(/calc\([^)]*\)|[^\s]+/g) ?? [];
  return [parts[0] ?? "50%", parts[1] ?? "50%"];
}

/** The picture's box for a content box, which may be smaller or larger than it. */
export function pictureBox(fit: string, position: string, picture: Extent, content: Box): Box {
  const room = { width: content.right - content.left, height: content.bottom - content.top };
  const { width, height } = fitted(fit, picture, room);
  const [x, y] = components(position);
  const left = content.left + offset(x, room.width - width);
  const top = content.top + offset(y, room.height - height);
  return { left, top, right: left + width, bottom: top + height };
}
