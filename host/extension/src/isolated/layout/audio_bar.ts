/**
 * The browser's own controls of an `<audio>`, which it always shows. They show the element that
 * is parked: the device draws button, time and time line over them.
 */
import { parentOf } from "./clip.js";
import type { Box } from "./rects.js";

/** Measures of Chromium 156 in CSS pixels: what is drawn lies inside of the round ends. */
const LEFT = 10;
const HEIGHT = 28;
const LEAST_HEIGHT = 32;
/** Volume and menu. */
const BUTTONS = 84;
/** Under the pointer the volume may have its slider. */
const SLIDER = 64;
const TIMES_END = 131;
/** From so wide on there is a time line, */
const WIDE = 240;
/** or this ends there: both times, the first one, the button. */
const NARROW = [
  { width: 200, end: TIMES_END },
  { width: 160, end: 96 },
  { width: 110, end: 44 },
];

const MAX_DEPTH = 256;

/** Where the device draws on an element at `element`, in CSS pixels; `null`: nowhere. */
export function audioBar(element: Box, isPointed: boolean): Box | null {
  const [width, height] = [element.right - element.left, element.bottom - element.top];
  const end = endOf(width, isPointed);
  if (end === null || height < LEAST_HEIGHT) return null;
  const [left, top] = [element.left + LEFT, (element.top + element.bottom - HEIGHT) / 2];
  return { left, top, right: element.left + end, bottom: top + HEIGHT };
}

/** From the element's left edge. */
function endOf(width: number, isPointed: boolean): number | null {
  if (width >= WIDE) {
    const end = width - BUTTONS;
    return isPointed ? Math.max(TIMES_END, end - SLIDER) : end;
  }
  return NARROW.find((narrow) => width >= narrow.width)?.end ?? null;
}

/** Whether they look as the browser makes them, light: the device draws no others. */
export function isPlain(audio: HTMLAudioElement): boolean {
  if (isDark(getComputedStyle(audio).colorScheme)) return false;
  let at: Element | null = audio;
  for (let depth = 0; at && depth < MAX_DEPTH; depth++, at = parentOf(at)) {
    const { filter, opacity, mixBlendMode } = getComputedStyle(at);
    if (filter !== "none" || opacity !== "1" || mixBlendMode !== "normal") return false;
  }
  return true;
}

/** CSS Color Adjustment, section 2.2: `normal` is what the page says for all of it. */
function isDark(scheme: string): boolean {
  const ofPage = document.querySelector<HTMLMetaElement>('meta[name="color-scheme" i]')?.content;
  const words = (scheme === "normal" ? (ofPage ?? "") : scheme).split(/\s+/);
  if (!words.includes("dark")) return false;
  return !words.includes("light") || matchMedia("(prefers-color-scheme: dark)").matches;
}
