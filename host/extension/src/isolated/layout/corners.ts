/** Rounded boxes (CSS Backgrounds 3, section 5) and `clip-path: inset()`. Pure. */
import type { Box } from "./rects.js";

/** Horizontal and vertical radius. */
export type Radius = readonly [x: number, y: number];
/** From the left at the top clockwise; of sides: top, right, bottom, left. */
export type Four<T> = readonly [T, T, T, T];

/** Boxes that stand for what lies outside of one corner's arc. */
const STEPS = 6;
/** A step is not lower than that, in pixels. */
const LEAST_STEP = 1;

/** A length or percentage of `whole`, computed; `null`: a calculation. */
function lengthOf(text: string, whole: number): number | null {
  const match = /^(-?[\d.]+(?:e-?\d+)?)(px|%)$/.exec(text);
  if (!match) return text === "0" ? 0 : null;
  const value = Number(match[1]);
  return match[2] === "%" ? (value / 100) * whole : value;
}

/** The computed `border-*-radius` of a box, made smaller together until they fit into it. */
export function radiiOf(texts: Four<string>, width: number, height: number): Four<Radius> {
  const radii = texts.map((text): Radius => {
    const [x = "0", y = x] = text.split(" ");
    return [lengthOf(x, width) ?? 0, lengthOf(y, height) ?? 0];
  }) as unknown as Four<Radius>;
  const [a, b, c, d] = radii;
  const share = (room: number, taken: number) => (taken > room ? room / taken : 1);
  const fit = Math.min(
    ...[share(width, a[0] + b[0]), share(width, d[0] + c[0])],
    ...[share(height, a[1] + d[1]), share(height, b[1] + c[1])],
  );
  return four(radii, ([x, y]) => [x * fit, y * fit]);
}

function four<T, U>(of: Four<T>, map: (one: T, at: number) => U): Four<U> {
  return of.map(map) as unknown as Four<U>;
}

/** The radii of a box that lies so much further inside. */
export function innerRadii(radii: Four<Radius>, [top, right, bottom, left]: Four<number>) {
  const insets: Four<Radius> = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
  return four(radii, ([x, y], at): Radius => {
    const [byX, byY] = insets[at] as Radius;
    return [Math.max(0, x - byX), Math.max(0, y - byY)];
  });
}

export function scaledRadii(radii: Four<Radius>, scaleX: number, scaleY: number): Four<Radius> {
  return four(radii, ([x, y]) => [x * scaleX, y * scaleY]);
}

/** What of `box` lies outside of its rounded corners, nearly: a few boxes for each. */
export function cornerBoxes(box: Box, radii: Four<Radius>): Box[] {
  const boxes: Box[] = [];
  radii.forEach(([x, y], at) => {
    if (x < 1 || y < 1) return;
    const [isLeft, isTop] = [at === 0 || at === 3, at < 2];
    const steps = Math.max(1, Math.min(STEPS, Math.floor(Math.min(x, y) / LEAST_STEP)));
    // Steps of the same angle are low where the arc is flat.
    const depth = (step: number) => y * (1 - Math.cos((step / steps) * (Math.PI / 2)));
    for (let step = 0; step < steps; step++) {
      const [from, to] = [depth(step), depth(step + 1)];
      const up = 1 - (from + to) / 2 / y;
      const wide = x * (1 - Math.sqrt(Math.max(0, 1 - up * up)));
      if (wide < 0.5) continue;
      boxes.push({
        left: isLeft ? box.left : box.right - wide,
        right: isLeft ? box.left + wide : box.right,
        top: isTop ? box.top + from : box.bottom - to,
        bottom: isTop ? box.top + to : box.bottom - from,
      });
    }
  });
  return boxes;
}

/** What `clip-path` leaves of a box, in its own lengths before it is scaled. */
export interface Inset {
  readonly sides: Four<number>;
  readonly radii: Four<Radius>;
}

/** Reads a computed `clip-path`; `null`: it is none of `inset()`, or of another box. */
export function insetOf(path: string, width: number, height: number): Inset | null {
  const match = /^inset\(([^()]*?)(?:\s*round ([^()]*))?\)(?: border-box)?$/.exec(path);
  if (!match) return null;
  const wholes: Four<number> = [height, width, height, width];
  const sides = expanded((match[1] ?? "").split(" "));
  if (!sides) return null;
  const lengths = sides.map((side, at) => lengthOf(side, wholes[at] as number));
  const [top, right, bottom, left] = lengths;
  if (top == null || right == null || bottom == null || left == null) return null;
  const [across = "0", along = across] = (match[2] ?? "0").split(/\s*\/\s*/);
  const [x, y] = [expanded(across.split(" ")), expanded(along.split(" "))];
  if (!x || !y) return null;
  const texts = four(x, (one, at) => `${one} ${y[at]}`);
  const [wide, high] = [Math.max(0, width - left - right), Math.max(0, height - top - bottom)];
  // Percentages are those of the whole box.
  const inPixels = four(texts, (text) => {
    const [one = "0", other = one] = text.split(" ");
    return `${lengthOf(one, width) ?? 0}px ${lengthOf(other, height) ?? 0}px`;
  });
  return { sides: [top, right, bottom, left], radii: radiiOf(inPixels, wide, high) };
}

/** One to four values as properties of four sides have them. */
function expanded(values: readonly string[]): Four<string> | null {
  const [a, b = a, c = a, d = b] = values;
  if (a === undefined || b === undefined || c === undefined || d === undefined) return null;
  return values.length > 4 ? null : [a, b, c, d];
}
