/** Whether the device can play what a SourceBuffer was made for. Pure. */
import type { Capabilities, Reason } from "../generated/messages.js";
import { contains, indexOf, lowerCase, parts, slice } from "./primordials.js";
import { reasons } from "./reasons.js";

/** Codecs of the codecs parameter (RFC 6381) by their first component. */
const CODECS: Readonly<Record<string, string>> = {
  __proto__: null as never,
  avc1: "h264",
  avc3: "h264",
  hev1: "h265",
  hvc1: "h265",
  vp8: "vp8",
  vp08: "vp8",
  vp9: "vp9",
  vp09: "vp9",
  av01: "av1",
  opus: "opus",
  vorbis: "vorbis",
  flac: "flac",
  mp3: "mp3",
};

/** ISO 14496-1 object types in `mp4a.…`. */
const OBJECT_TYPES: Readonly<Record<string, string>> = {
  __proto__: null as never,
  "40": "aac",
  "66": "aac",
  "67": "aac",
  "68": "aac",
  "69": "mp3",
  "6b": "mp3",
};

function codecName(codec: string): string | undefined {
  const fields = parts(lowerCase(codec), ".");
  const first = fields[0] ?? "";
  return first === "mp4a" ? OBJECT_TYPES[fields[1] ?? ""] : CODECS[first];
}

/** The codecs parameter without quotes; empty when there is none. */
function codecsOf(mime: string): string {
  const at = indexOf(lowerCase(mime), "codecs");
  if (at < 0) return "";
  const value = parts(slice(mime, at), "=")[1] ?? "";
  const quoted = parts(value, '"');
  return quoted.length > 1 ? (quoted[1] ?? "") : (parts(value, ";")[0] ?? "");
}

/** Null when the device plays `mime` (the argument of `addSourceBuffer`). */
export function whyUnsupported(mime: string, able: Capabilities): Reason | null {
  const container = parts(parts(lowerCase(mime), ";")[0] ?? "", "/")[1] ?? "";
  if (!contains(able.containers, container)) return reasons.container(container);
  const codecs = parts(codecsOf(mime), ",");
  for (let at = 0; at < codecs.length; at++) {
    const codec = codecs[at] ?? "";
    if (codec === "") continue;
    const name = codecName(codec);
    if (name === undefined || !(contains(able.video, name) || contains(able.audio, name))) {
      return reasons.codec(codec);
    }
  }
  return null;
}
