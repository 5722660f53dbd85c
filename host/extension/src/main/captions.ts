/**
 * What the browser would paint of an element's text tracks, told to the device: its picture
 * lies over the browser's.
 *
 * Texts and settings are the page's: read by natives alone and cut to the channel's bounds.
 */
import {
  type Caption,
  type CaptionLine,
  type CaptionStyle,
  MAX_CAPTIONS,
  type PlayerCommand,
} from "../generated/messages.js";
import type { Link } from "./link.js";
import { type Marked, markedText } from "./markup.js";
import {
  accessor,
  isFiniteNumber,
  isInstance,
  max,
  min,
  push,
  round,
  SafeWeakMap,
} from "./primordials.js";

const trackKind = accessor(TextTrack.prototype, "kind");
const trackMode = accessor(TextTrack.prototype, "mode");

const NativeVTTCue = VTTCue;
const cue = VTTCue.prototype;
const cueText = accessor(cue, "text");
const cueLine = accessor(cue, "line");
const cueSnaps = accessor(cue, "snapToLines");
const cuePosition = accessor(cue, "position");
const cueSize = accessor(cue, "size");
const cueAlign = accessor(cue, "align");

const MAX_LINE = 1000;

/** Texts without markup, and what they were made from. */
const plain = new SafeWeakMap<VTTCue, { readonly from: string; readonly marked: Marked }>();

/** Whether the browser paints the track's cues. */
export function isPainted(track: TextTrack): boolean {
  const kind = trackKind.get(track);
  return trackMode.get(track) === "showing" && (kind === "captions" || kind === "subtitles");
}

function textOf(cue: VTTCue): Marked {
  const from = cueText.get(cue);
  const known = plain.get(cue);
  if (known?.from === from) return known.marked;
  const marked = markedText(cue);
  plain.set(cue, { from, marked });
  return marked;
}

function percent(value: number): number {
  return min(100, max(0, value));
}

function lineOf(cue: VTTCue): CaptionLine {
  const line = cueLine.get(cue);
  if (line === "auto" || !isFiniteNumber(line)) return { type: "auto" };
  if (!cueSnaps.get(cue)) return { type: "percent", percent: percent(line) };
  return { type: "number", line: min(MAX_LINE, max(-MAX_LINE, round(line))) };
}

function captionOf(cue: VTTCue): Caption {
  const position = cuePosition.get(cue);
  const { text, styles } = textOf(cue);
  return {
    text,
    line: lineOf(cue),
    position: position === "auto" ? null : percent(position),
    size: percent(cueSize.get(cue)),
    align: cueAlign.get(cue),
    styles: styles as CaptionStyle[],
  };
}

function lookAlike({ styles: a }: Caption, { styles: b }: Caption): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) {
    const one = a[at] as CaptionStyle;
    const other = b[at] as CaptionStyle;
    if (one.from !== other.from || one.to !== other.to || one.bold !== other.bold) return false;
    if (one.italic !== other.italic || one.underline !== other.underline) return false;
  }
  return true;
}

function areSame(a: Caption, b: Caption): boolean {
  if (a.text !== b.text || a.position !== b.position) return false;
  if (a.size !== b.size || a.align !== b.align || !lookAlike(a, b)) return false;
  if (a.line.type === "number") return b.line.type === "number" && a.line.line === b.line.line;
  if (a.line.type === "auto") return b.line.type === "auto";
  return b.line.type === "percent" && a.line.percent === b.line.percent;
}

/** The element that has them. */
interface Painted {
  readonly isVideo: boolean;
  send(command: PlayerCommand): void;
}

/** The captions of one element. */
export class Captions {
  readonly #player: Painted;
  readonly #link: Pick<Link, "serves">;
  /** What the device shows; `null`: not known. */
  #shown: readonly Caption[] | null = null;

  constructor(player: Painted, link: Pick<Link, "serves">) {
    this.#player = player;
    this.#link = link;
  }

  /** What the device shows is not known any more. */
  forget(): void {
    this.#shown = null;
  }

  /** These cues are active in tracks that are painted. */
  show(cues: readonly TextTrackCue[]): void {
    if (!this.#player.isVideo || !this.#link.serves("captions")) return;
    const captions: Caption[] = [];
    for (let at = 0; at < cues.length && captions.length < MAX_CAPTIONS; at++) {
      const cue = cues[at];
      if (!isInstance(NativeVTTCue, cue)) continue;
      const caption = captionOf(cue);
      if (caption.text !== "") push(captions, caption);
    }
    if (this.#isShown(captions)) return;
    this.#shown = captions;
    this.#player.send({ type: "captions", captions });
  }

  #isShown(captions: readonly Caption[]): boolean {
    const shown = this.#shown;
    if (shown?.length !== captions.length) return false;
    for (let at = 0; at < captions.length; at++) {
      if (!areSame(captions[at] as Caption, shown[at] as Caption)) return false;
    }
    return true;
  }
}
