/**
 * A MediaSource of the page and its SourceBuffers: what of them the device is given, and what
 * of the browser's media it has.
 *
 * A device that was there when the source was opened has all of it. One that comes later
 * joins each stream at the next segment that the page appends; what the browser had before
 * is *missing* there, and plays in the session.
 *
 * ```text
 *  added ──▶ fed ◀──segment── late ◀── a device comes (again)
 * ```
 */
import type { Reason, StreamCommand } from "../generated/messages.js";
import type { Attachment } from "./attachment.js";
import { bytesOf, copyPiece, countOf } from "./bytes.js";
import { whyUnsupported } from "./codecs.js";
import type { Link } from "./link.js";
import { addListener, media, spansOf } from "./natives.js";
import { min, push, SafeWeakMap } from "./primordials.js";
import {
  commonSpans,
  endOfSpanAt,
  micros,
  microsOrNull,
  overlapsSpan,
  type Span,
  toRanges,
} from "./ranges.js";
import { Segments } from "./segments.js";

/** Bytes of media in one message, a multiple of 3: base64 of all but the last is not padded. */
const PIECE = 240 * 1024;

/** What a MediaSource needs of the element that plays it. */
export interface Owner {
  /** The device cannot play it. */
  giveUp(reason: Reason): void;
  /** Moves the parked element so that the browser can evict; false: not now. */
  makeRoom(): boolean;
  /** The browser has taken or removed media. */
  buffersChanged(): void;
  /** The page is about to give it media. */
  engage(): void;
  /** The page has said how long the media is. */
  durationChanged(): void;
}

/** Segment starts remembered for making room. */
const MAX_STARTS = 2000;
/** Growth by less than this is no new segment, in seconds. */
const SEGMENT = 0.2;
/** A device that takes over must have this much to play, in seconds. */
const AHEAD = 1;
/** So much behind it, too: `buffered` ends where the first of several tracks does. */
const BEHIND = 0.5;
/** The browser takes over so long before what the device misses, in seconds. */
const NEXT = 0.25;

class StreamRecord {
  seq = 0;
  /** Ranges at the last `updateend`. */
  spans: readonly Span[] = [];
  /** What the browser has and the device has not. */
  missing: readonly Span[] = [];
  /** The append under way is given in part only: all that it adds counts as missing. */
  joining = false;
  segments: Segments;

  /** `fed`: the device gets all that is appended from now on. */
  constructor(
    public id: number,
    readonly buffer: SourceBuffer,
    public mime: string,
    public fed: boolean,
  ) {
    this.segments = new Segments(mime);
  }
}

/** A MediaSource of the page. */
export class SourceRecord {
  owner: Owner | null = null;
  attachment: Attachment | null = null;
  readonly streams: StreamRecord[] = [];
  /** Segment starts in seconds, as the growth of `buffered` shows them. */
  readonly #starts: number[] = [];
  #oldest = 0;
  readonly #link: Link;

  constructor(
    link: Link,
    readonly mediaSource: MediaSource,
  ) {
    this.#link = link;
  }

  get ended(): boolean {
    return media.sourceState.get(this.mediaSource) === "ended";
  }

  get updating(): boolean {
    for (let at = 0; at < this.streams.length; at++) {
      const stream = this.streams[at];
      if (stream && media.updating.get(stream.buffer)) return true;
    }
    return false;
  }

  /** Gives up when the device cannot play one of the streams. */
  check(): void {
    if (!this.#link.on) return;
    for (let at = 0; at < this.streams.length; at++) {
      const reason = whyUnsupported(this.streams[at]?.mime ?? "", this.#link.capabilities);
      if (reason) {
        this.owner?.giveUp(reason);
        return;
      }
    }
  }

  /** The newest known segment start at or before `at`, in seconds. */
  segmentStart(at: number): number {
    let best = -1;
    for (let index = 0; index < this.#starts.length; index++) {
      const start = this.#starts[index] ?? -1;
      if (start <= at && start > best) best = start;
    }
    return best < 0 ? at : best;
  }

  /** Whether the device can play on from `at`, in seconds. */
  covers(at: number): boolean {
    for (let index = 0; index < this.streams.length; index++) {
      const stream = this.streams[index];
      if (stream && (!stream.fed || overlapsSpan(stream.missing, at - BEHIND, at + AHEAD)))
        return false;
    }
    return true;
  }

  /** Whether only the browser has what comes at `at`, in seconds. */
  misses(at: number): boolean {
    for (let index = 0; index < this.streams.length; index++) {
      if (overlapsSpan(this.streams[index]?.missing ?? [], at, at + NEXT)) return true;
    }
    return false;
  }

  /** There is a device (again) that has nothing of this source. */
  startAnew(attachment: Attachment): void {
    this.attachment = attachment;
    for (let at = 0; at < this.streams.length; at++) {
      const stream = this.streams[at] as StreamRecord;
      stream.id = this.#link.nextId();
      stream.seq = 0;
      stream.fed = false;
      attachment.command({ type: "add_stream", stream: stream.id, mime: stream.mime });
    }
    this.check();
  }

  added(buffer: SourceBuffer, mime: string): void {
    this.owner?.engage();
    if (!this.attachment) return;
    const stream = new StreamRecord(this.#link.nextId(), buffer, mime, this.attachment.listens);
    push(this.streams, stream);
    streams.set(buffer, { source: this, stream });
    this.attachment.command({ type: "add_stream", stream: stream.id, mime });
    addListener(buffer, "updateend", () => this.#updated(stream));
    this.check();
  }

  removed(buffer: SourceBuffer): void {
    const entry = streams.get(buffer);
    if (!entry) return;
    streams.delete(buffer);
    for (let at = 0; at < this.streams.length; at++) {
      if (this.streams[at] === entry.stream) {
        this.streams[at] = this.streams[this.streams.length - 1] as StreamRecord;
        this.streams.length -= 1;
        break;
      }
    }
    this.attachment?.command({ type: "remove_stream", stream: entry.stream.id });
  }

  command(stream: StreamRecord, command: StreamCommand): void {
    this.attachment?.send({ type: "stream", stream: stream.id, command }, 0);
  }

  /** The page has forced the parser of the stream into its first state. */
  aborted(stream: StreamRecord): void {
    stream.segments.reset();
    this.command(stream, { type: "abort" });
  }

  changedType(stream: StreamRecord, mime: string): void {
    stream.mime = mime;
    stream.segments = new Segments(mime);
    this.command(stream, { type: "change_type", mime });
    this.check();
  }

  appended(stream: StreamRecord, data: unknown): void {
    const bytes = bytesOf(data);
    if (bytes === null || countOf(bytes) === 0) return;
    const join = stream.segments.follow(bytes);
    if (!this.attachment?.listens) {
      stream.fed = false;
      return;
    }
    if (stream.fed) return this.#give(stream, bytes, 0);
    // In this mode times depend on all that was appended before.
    if (join === null || media.mode.get(stream.buffer) === "sequence") return;
    stream.fed = true;
    stream.missing = spansOf(media.sourceBuffered.get(stream.buffer));
    stream.joining = join.at > 0;
    for (let at = 0; at < join.init.length; at++) {
      this.#give(stream, bytesOf(join.init[at]) ?? bytes, 0);
    }
    this.#give(stream, bytes, join.at);
  }

  /** What follows `from` in `bytes`, as an append of its own. */
  #give(stream: StreamRecord, bytes: Uint8Array, from: number): void {
    stream.seq += 1;
    const { buffer } = stream;
    const count = countOf(bytes);
    this.command(stream, {
      type: "append",
      seq: stream.seq,
      bytes: count - from,
      timestamp_offset_micros: micros(media.timestampOffset.get(buffer)),
      window_start_micros: micros(media.appendWindowStart.get(buffer)),
      window_end_micros: microsOrNull(media.appendWindowEnd.get(buffer)),
      mode: media.mode.get(buffer),
    });
    for (let at = from; at < count; at += PIECE) {
      const length = min(PIECE, count - at);
      const piece = copyPiece(bytes, at, length);
      this.attachment?.send({ type: "media", stream: stream.id, data: piece }, length);
    }
  }

  #updated(stream: StreamRecord): void {
    try {
      const spans = spansOf(media.sourceBuffered.get(stream.buffer));
      this.#noteStarts(stream.spans, spans);
      stream.spans = spans;
      stream.missing = stream.joining ? spans : commonSpans(stream.missing, spans);
      stream.joining = false;
      if (stream.fed) {
        const buffered = toRanges(spans);
        this.attachment?.send(
          { type: "buffered", stream: stream.id, seq: stream.seq, buffered },
          0,
        );
      }
      this.owner?.buffersChanged();
    } catch {
      // The buffer has been removed from its source meanwhile.
    }
  }

  #noteStarts(before: readonly Span[], after: readonly Span[]): void {
    for (let at = 0; at < after.length; at++) {
      const span = after[at] as Span;
      const old = endOfSpanAt(before, span.start);
      if (old === null) this.#noteStart(span.start);
      else if (span.end > old + SEGMENT) this.#noteStart(old);
    }
  }

  #noteStart(at: number): void {
    if (this.#starts.length < MAX_STARTS) push(this.#starts, at);
    else this.#starts[this.#oldest++ % MAX_STARTS] = at;
  }
}

interface Entry {
  readonly source: SourceRecord;
  readonly stream: StreamRecord;
}

export const streams = new SafeWeakMap<SourceBuffer, Entry>();
