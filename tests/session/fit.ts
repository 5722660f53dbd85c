// Where a video's picture lies in the content box of its element: CSS Images 3, section 5.5.

import type { Rect } from "./x11.ts";

/** What the element's style and media say; sizes in pixels of any one kind. */
export interface Fitting {
  videoWidth: number;
  videoHeight: number;
  objectFit: string;
  /** As computed: two lengths or percentages. */
  objectPosition: string;
}

/** The picture's rectangle, which may be larger than the box. */
export function fit(box: Rect, fitting: Fitting): Rect {
  const { videoWidth, videoHeight, objectFit, objectPosition } = fitting;
  if (videoWidth === 0 || videoHeight === 0 || objectFit === "fill") return box;
  const contained = Math.min(box.width / videoWidth, box.height / videoHeight);
  const covering = Math.max(box.width / videoWidth, box.height / videoHeight);
  const scales: Record<string, number> = {
    cover: covering,
    none: 1,
    "scale-down": Math.min(1, contained),
  };
  const scale = scales[objectFit] ?? contained;
  const [width, height] = [videoWidth * scale, videoHeight * scale];
  const [across = "50%", down = "50%"] = objectPosition.split(" ");
  return {
    x: box.x + offset(across, box.width - width),
    y: box.y + offset(down, box.height - height),
    width,
    height,
  };
}

/** What both rectangles cover, to the fraction of a pixel; of no size when there is none. */
export function clip(one: Rect, other: Rect): Rect {
  const [x, y] = [Math.max(one.x, other.x), Math.max(one.y, other.y)];
  const width = Math.min(one.x + one.width, other.x + other.width) - x;
  const height = Math.min(one.y + one.height, other.y + other.height) - y;
  return { x, y, width: Math.max(0, width), height: Math.max(0, height) };
}

/** A picture so far out of sight was put there by redirection: its own place is not known. */
const AWAY_PX = 50_000;

/** A percentage is one of the room that is left. */
function offset(position: string, room: number): number {
  const value = Number.parseFloat(position);
  if (Number.isNaN(value) || Math.abs(value) > AWAY_PX) return room / 2;
  return position.endsWith("%") ? (room * value) / 100 : value;
}
