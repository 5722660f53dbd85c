/**
 * Checks what comes from a frame: `unknown` in, a FrameMessage with the channel's bounds out.
 *
 * A frame's process may be taken over by its page, so nothing of it is used before it has
 * passed here; the result is built anew from checked values and carries no other fields.
 * The bounds are those of channel/src/validate.rs. Pure: no browser API.
 */
import type { FrameMessage, FrameQuestion } from "../frame_protocol.js";
import {
  type Caption,
  type CaptionLine,
  type CaptionStyle,
  type Layout,
  MAX_CAPTION,
  MAX_CAPTION_STYLES,
  MAX_CAPTIONS,
  MAX_COVERED,
  MAX_PIECE,
  type PlayerCommand,
  type Reason,
  type ReasonCode,
  type Rect,
  type Size,
  type Source,
  type StreamCommand,
  type TimeRange,
} from "../generated/messages.js";
import { decodedLength } from "./base64.js";

/** Largest id that a frame may use for a player or a stream. */
export /** Longest origin with a folder, in characters. */
const MAX_ADDRESS = 1024;
const MAX_LOCAL_ID = 0xffff_ffff;
/** Largest append in bytes. */
export const MAX_APPEND = 256 * 1024 * 1024;

const MAX_TOKEN = 64;
/** Frames in frames. */
const MAX_DEPTH = 64;
const MAX_MIME = 512;
const MAX_URL = 8192;
const MAX_SENTENCE = 1024;
const MAX_RANGES = 1024;
const MAX_EXTENT = 65_535;
const MAX_I32 = 0x7fff_ffff;

/** The message is not one. Caught by {@link frameMessage} alone. */
class Malformed extends Error {}

type Fields = Record<string, unknown>;

function fail(): never {
  throw new Malformed();
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : fail();
}

function integer(value: unknown, least: number, most: number): number {
  return Number.isSafeInteger(value) && least <= (value as number) && (value as number) <= most
    ? (value as number)
    : fail();
}

function real(value: unknown, least: number, most: number): number {
  return typeof value === "number" && least <= value && value <= most ? value : fail();
}

function flag(value: unknown): boolean {
  return typeof value === "boolean" ? value : fail();
}

/**
 * `limit` is in bytes of UTF-8, as in the channel. Half a surrogate pair, which a page may put
 * anywhere and which the host's JSON does not know, is replaced.
 */
function text(value: unknown, limit: number): string {
  if (typeof value !== "string" || value.length > limit) return fail();
  const whole = value.toWellFormed();
  // Three bytes a UTF-16 unit at most, so the exact count is rarely needed.
  if (whole.length * 3 <= limit) return whole;
  return new TextEncoder().encode(whole).length <= limit ? whole : fail();
}

function list<T>(value: unknown, limit: number, item: (value: unknown) => T): T[] {
  return Array.isArray(value) && value.length <= limit ? value.map(item) : fail();
}

function oneOf<T extends string>(value: unknown, choices: readonly T[]): T {
  return choices.find((choice) => choice === value) ?? fail();
}

function orNull<T>(value: unknown, check: (value: unknown) => T): T | null {
  return value === null ? null : check(value);
}

const micros = (value: unknown): number =>
  integer(value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
const u32 = (value: unknown): number => integer(value, 0, MAX_LOCAL_ID);

function size(value: unknown): Size {
  const { width, height } = fields(value);
  return { width: integer(width, 0, MAX_EXTENT), height: integer(height, 0, MAX_EXTENT) };
}

function rect(value: unknown): Rect {
  const { x, y, width, height } = fields(value);
  return {
    x: integer(x, -MAX_I32, MAX_I32),
    y: integer(y, -MAX_I32, MAX_I32),
    width: integer(width, 0, MAX_I32),
    height: integer(height, 0, MAX_I32),
  };
}

function range(value: unknown): TimeRange {
  const { start_micros, end_micros } = fields(value);
  const start = micros(start_micros);
  return { start_micros: start, end_micros: integer(end_micros, start, Number.MAX_SAFE_INTEGER) };
}

function layout(from: Fields): Layout {
  return {
    rect: rect(from["rect"]),
    clip: rect(from["clip"]),
    covered: list(from["covered"], MAX_COVERED, rect),
    visible: flag(from["visible"]),
    fullscreen: flag(from["fullscreen"]),
    desktop: orNull(from["desktop"], size),
    control_bar: orNull(from["control_bar"], rect),
  };
}

const percent = (value: unknown): number => real(value, 0, 100);

function captionLine(value: unknown): CaptionLine {
  const from = fields(value);
  switch (from["type"]) {
    case "auto":
      return { type: "auto" };
    case "number":
      return { type: "number", line: integer(from["line"], -MAX_I32, MAX_I32) };
    case "percent":
      return { type: "percent", percent: percent(from["percent"]) };
    default:
      return fail();
  }
}

function caption(value: unknown): Caption {
  const from = fields(value);
  return {
    text: text(from["text"], MAX_CAPTION),
    line: captionLine(from["line"]),
    position: orNull(from["position"], percent),
    size: percent(from["size"]),
    align: oneOf(from["align"], ["start", "center", "end", "left", "right"]),
    styles: list(from["styles"], MAX_CAPTION_STYLES, captionStyle),
  };
}

function captionStyle(value: unknown): CaptionStyle {
  const from = fields(value);
  return {
    from: integer(from["from"], 0, MAX_CAPTION),
    to: integer(from["to"], 0, MAX_CAPTION),
    bold: flag(from["bold"]),
    italic: flag(from["italic"]),
    underline: flag(from["underline"]),
  };
}

function source(value: unknown): Source {
  const from = fields(value);
  if (from["type"] === "mse") return { type: "mse" };
  if (from["type"] !== "url") return fail();
  const url = text(from["url"], MAX_URL);
  return /^https?:\/\//.test(url) && URL.canParse(url) ? { type: "url", url } : fail();
}

function playerCommand(value: unknown): PlayerCommand {
  const from = fields(value);
  switch (from["type"]) {
    case "open":
      return {
        type: "open",
        kind: oneOf(from["kind"], ["video", "audio"]),
        source: source(from["source"]),
      };
    case "add_stream":
      return {
        type: "add_stream",
        stream: u32(from["stream"]),
        mime: text(from["mime"], MAX_MIME),
      };
    case "remove_stream":
      return { type: "remove_stream", stream: u32(from["stream"]) };
    case "close":
    case "play":
    case "pause":
      return { type: from["type"] };
    case "seek":
      return { type: "seek", to_micros: micros(from["to_micros"]), token: u32(from["token"]) };
    case "rate":
      return {
        type: "rate",
        rate: real(from["rate"], 0.25, 4),
        preserves_pitch: flag(from["preserves_pitch"]),
      };
    case "volume":
      return { type: "volume", volume: real(from["volume"], 0, 1), muted: flag(from["muted"]) };
    case "loop":
      return { type: "loop", enabled: flag(from["enabled"]) };
    case "duration":
      return {
        type: "duration",
        duration_micros: orNull(from["duration_micros"], (it) =>
          integer(it, 0, Number.MAX_SAFE_INTEGER),
        ),
      };
    case "layout":
      return { type: "layout", ...layout(from) };
    case "captions":
      return { type: "captions", captions: list(from["captions"], MAX_CAPTIONS, caption) };
    default:
      return fail();
  }
}

function spanEnd(value: unknown, start: number): number | null {
  return orNull(value, (it) => integer(it, start, Number.MAX_SAFE_INTEGER));
}

function streamCommand(value: unknown): StreamCommand {
  const from = fields(value);
  switch (from["type"]) {
    case "append": {
      const window_start_micros = micros(from["window_start_micros"]);
      return {
        type: "append",
        seq: u32(from["seq"]),
        bytes: integer(from["bytes"], 0, MAX_APPEND),
        timestamp_offset_micros: micros(from["timestamp_offset_micros"]),
        window_start_micros,
        window_end_micros: spanEnd(from["window_end_micros"], window_start_micros),
        mode: oneOf(from["mode"], ["segments", "sequence"]),
      };
    }
    case "abort":
      return { type: "abort" };
    case "remove": {
      const start_micros = micros(from["start_micros"]);
      return {
        type: "remove",
        start_micros,
        end_micros: spanEnd(from["end_micros"], start_micros),
      };
    }
    case "change_type":
      return { type: "change_type", mime: text(from["mime"], MAX_MIME) };
    case "end_of_stream":
      return { type: "end_of_stream", failed: flag(from["failed"]) };
    default:
      return fail();
  }
}

function media(data: unknown): ArrayBuffer | string {
  if (typeof data === "string") return decodedLength(data) === null ? fail() : data;
  return data instanceof ArrayBuffer && data.byteLength <= MAX_PIECE ? data : fail();
}

/** A record, so that a code that the channel gains cannot be forgotten here. */
const REASON_CODES: Record<ReasonCode, true> = {
  version_mismatch: true,
  busy: true,
  policy: true,
  paused_by_user: true,
  site_not_listed: true,
  protected_content: true,
  unsupported_codec: true,
  unsupported_container: true,
  malformed_media: true,
  missing_init_segment: true,
  codec_mismatch: true,
  too_large: true,
  buffer_full: true,
  decode_failed: true,
  audio_device: true,
  renderer: true,
  stage_crashed: true,
  stage_unavailable: true,
  protocol_violation: true,
  limit_reached: true,
  network: true,
};

function reason(value: unknown): Reason {
  const { code, message, next_step } = fields(value);
  if (typeof code !== "string" || !Object.hasOwn(REASON_CODES, code)) return fail();
  return {
    code: code as ReasonCode,
    message: text(message, MAX_SENTENCE),
    next_step: text(next_step, MAX_SENTENCE),
  };
}

function parse(value: unknown): FrameMessage {
  const from = fields(value);
  switch (from["type"]) {
    case "player":
      return {
        type: "player",
        player: u32(from["player"]),
        command: playerCommand(from["command"]),
      };
    case "stream":
      return {
        type: "stream",
        stream: u32(from["stream"]),
        command: streamCommand(from["command"]),
      };
    case "media":
      return { type: "media", stream: u32(from["stream"]), data: media(from["data"]) };
    case "buffered":
      return {
        type: "buffered",
        stream: u32(from["stream"]),
        seq: u32(from["seq"]),
        buffered: list(from["buffered"], MAX_RANGES, range),
      };
    case "moved":
      return { type: "moved", url: text(from["url"], MAX_ADDRESS) };
    case "dialog":
      return { type: "dialog", open: flag(from["open"]) };
    case "report":
      return {
        type: "report",
        player: u32(from["player"]),
        plays: oneOf(from["plays"], ["device", "native", "gone"]),
        reason: orNull(from["reason"], reason),
      };
    default:
      return fail();
  }
}

function question(value: unknown): FrameQuestion {
  const from = fields(value);
  switch (from["type"]) {
    case "zoom":
      return { type: "zoom" };
    case "embedded":
      return {
        type: "embedded",
        depth: integer(from["depth"], 1, MAX_DEPTH),
        around: text(from["around"], MAX_ADDRESS),
      };
    case "joined":
      return { type: "joined", token: text(from["token"], MAX_TOKEN) };
    default:
      return fail();
  }
}

/** The message that `value` is, or `null` if it is none. */
export function frameMessage(value: unknown): FrameMessage | null {
  return checked(value, parse);
}

function checked<T>(value: unknown, check: (value: unknown) => T): T | null {
  try {
    return check(value);
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

/** The question that `value` is, or `null` if it is none. */
export function frameQuestion(value: unknown): FrameQuestion | null {
  return checked(value, question);
}
