/**
 * The text of a cue without its markup, and how parts of it look (WebVTT, section 6.4).
 *
 * What the browser makes of the page's markup is read by natives alone; how deep and how long it
 * may be is bounded.
 */
import { type CaptionStyle, MAX_CAPTION, MAX_CAPTION_STYLES } from "../generated/messages.js";
import { accessor, push, slice, uncurry } from "./primordials.js";

const asHtml = uncurry(VTTCue.prototype.getCueAsHTML);
const nodeType = accessor(Node.prototype, "nodeType");
const nodeValue = accessor(Node.prototype, "nodeValue");
const firstChild = accessor(Node.prototype, "firstChild");
const nextSibling = accessor(Node.prototype, "nextSibling");
const localName = accessor(Element.prototype, "localName");

/** Units of UTF-16; each is three bytes of UTF-8 at most. */
const MAX_TEXT = MAX_CAPTION / 3;
/** Elements in elements; what is deeper is left out. */
const MAX_DEPTH = 16;

export interface Marked {
  readonly text: string;
  readonly styles: readonly CaptionStyle[];
}

type Look = Omit<CaptionStyle, "from" | "to">;

const PLAIN: Look = { bold: false, italic: false, underline: false };

export function markedText(cue: VTTCue): Marked {
  const styles: CaptionStyle[] = [];
  return { text: read(asHtml(cue), PLAIN, "", styles, 0), styles };
}

/** `text` and what is in `node`. */
function read(node: Node, look: Look, text: string, styles: CaptionStyle[], depth: number): string {
  let all = text;
  for (let child = firstChild.get(node); child; child = nextSibling.get(child)) {
    const from = all.length;
    if (from >= MAX_TEXT) break;
    const type = nodeType.get(child);
    if (type === 3) {
      all += slice(nodeValue.get(child) ?? "", 0, MAX_TEXT - from);
      note(styles, look, from, all.length);
    } else if (type === 1 && depth < MAX_DEPTH) {
      all = read(child, lookOf(localName.get(child as Element), look), all, styles, depth + 1);
    }
  }
  return all;
}

function lookOf(name: string, { bold, italic, underline }: Look): Look {
  return {
    bold: bold || name === "b",
    italic: italic || name === "i",
    underline: underline || name === "u",
  };
}

function note(
  styles: CaptionStyle[],
  { bold, italic, underline }: Look,
  from: number,
  to: number,
): void {
  const looks = bold || italic || underline;
  if (!looks || from === to || styles.length >= MAX_CAPTION_STYLES) return;
  push(styles, { from, to, bold, italic, underline });
}
