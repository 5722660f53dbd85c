/**
 * Copies what the page appends to its real SourceBuffers.
 *
 * The browser does everything first; only what it has accepted goes to the device, in order,
 * with the state that gives the bytes their meaning. The page notices nothing: an error here
 * never reaches it, and a full buffer is made room in before it does.
 */

import type { Reason } from "../generated/messages.js";
import { MAX_PIECE, type StreamCommand } from "../generated/messages.js";
import type { Attachment } from "./attachment.js";
import { bytesOf, copyPiece } from "./bytes.js";
import { whyUnsupported } from "./codecs.js";
import { call, wrapMethod } from "./disguise.js";
import type { Link } from "./link.js";
import { addListener, media, NativeMediaSource, spansOf } from "./natives.js";
import {
  accessor,
  min,
  NativeFinalizationRegistry,
  NativeWeakRef,
  push,
  registerFinal,
  SafeMap,
  SafeWeakMap,
  weakDeref,
} from "./primordials.js";
import { endOfSpanAt, micros, microsOrNull, type Span, toRanges } from "./ranges.js";

/** What a MediaSource needs of the element that plays it. */
export interface Owner {
  /** The device cannot play it. */
  giveUp(reason: Reason): void;
  /** Moves the parked element so that the browser can evict; false: not now. */
  makeRoom(): boolean;
  /** The browser has taken or removed media. */
  buffersChanged(): void;
}

/** Segment starts remembered for making room. */
const MAX_STARTS = 2000;
/** Growth by less than this is no new segment, in seconds. */
const SEGMENT = 0.2;

class StreamRecord {
  seq = 0;
  /** Ranges at the last `updateend`. */
  spans: readonly Span[] = [];

  constructor(
    readonly id: number,
    readonly buffer: SourceBuffer,
    public mime: string,
  ) {}
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

  added(buffer: SourceBuffer, mime: string): void {
    if (!this.attachment?.listens) return;
    const stream = new StreamRecord(this.#link.nextId(), buffer, mime);
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
    this.attachment?.send({ type: "stream", stream: stream.id, command }, 0, []);
  }

  appended(stream: StreamRecord, data: unknown): void {
    if (!this.attachment?.listens) return;
    const bytes = bytesOf(data);
    if (bytes === null || bytes.length === 0) return;
    stream.seq += 1;
    const { buffer } = stream;
    this.command(stream, {
      type: "append",
      seq: stream.seq,
      bytes: bytes.length,
      timestamp_offset_micros: micros(media.timestampOffset.get(buffer)),
      window_start_micros: micros(media.appendWindowStart.get(buffer)),
      window_end_micros: microsOrNull(media.appendWindowEnd.get(buffer)),
      mode: media.mode.get(buffer),
    });
    for (let at = 0; at < bytes.length; at += MAX_PIECE) {
      const piece = copyPiece(bytes, at, min(MAX_PIECE, bytes.length - at));
      const message = { type: "media", stream: stream.id, data: piece } as const;
      this.attachment.send(message, piece.byteLength, [piece]);
    }
  }

  #updated(stream: StreamRecord): void {
    try {
      const spans = spansOf(media.sourceBuffered.get(stream.buffer));
      this.#noteStarts(stream.spans, spans);
      stream.spans = spans;
      const buffered = toRanges(spans);
      this.attachment?.send(
        { type: "buffered", stream: stream.id, seq: stream.seq, buffered },
        0,
        [],
      );
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

const streams = new SafeWeakMap<SourceBuffer, Entry>();
const sources = new SafeWeakMap<MediaSource, SourceRecord>();
const addresses = new SafeMap<string, WeakRef<MediaSource>>();

export function sourceOf(link: Link, mediaSource: MediaSource): SourceRecord {
  let record = sources.get(mediaSource);
  if (!record) {
    record = new SourceRecord(link, mediaSource);
    sources.set(mediaSource, record);
  }
  return record;
}

/** The MediaSource behind an object URL. */
export function mediaSourceAt(address: string): MediaSource | null {
  const held = addresses.get(address);
  return (held && weakDeref(held)) ?? null;
}

const errorName = accessor(DOMException.prototype, "name");

function isQuotaExceeded(error: unknown): boolean {
  return error instanceof DOMException && errorName.get(error) === "QuotaExceededError";
}

/** Runs our part; whatever goes wrong in it is not the page's business. */
function quietly(run: () => void): void {
  try {
    run();
  } catch {
    // Hostile arguments: the browser has done its part already.
  }
}

/** Puts the tee in place. `find` looks for elements that nobody has touched yet. */
export function installTee(link: Link, find: () => void): void {
  const forgotten = new NativeFinalizationRegistry<string>((address) => {
    addresses.delete(address);
  });

  wrapMethod(URL, "createObjectURL", (original, self, args) => {
    const address = call(original, self, args) as string;
    const target = args[0];
    if (target instanceof NativeMediaSource) {
      addresses.set(address, new NativeWeakRef(target));
      registerFinal(forgotten, target, address);
    }
    return address;
  });

  wrapMethod(NativeMediaSource.prototype, "addSourceBuffer", (original, self, args) => {
    const buffer = call(original, self, args) as SourceBuffer;
    quietly(() => {
      const record = sourceOf(link, self as MediaSource);
      if (!record.attachment) find();
      record.added(buffer, `${args[0] as string}`);
    });
    return buffer;
  });
  wrapMethod(NativeMediaSource.prototype, "removeSourceBuffer", (original, self, args) => {
    call(original, self, args);
    quietly(() => sources.get(self as MediaSource)?.removed(args[0] as SourceBuffer));
  });
  wrapMethod(NativeMediaSource.prototype, "endOfStream", (original, self, args) => {
    call(original, self, args);
    quietly(() => {
      const record = sources.get(self as MediaSource);
      if (!record) return;
      const failed = args[0] !== undefined;
      for (let at = 0; at < record.streams.length; at++) {
        const stream = record.streams[at];
        if (stream) record.command(stream, { type: "end_of_stream", failed });
      }
      record.owner?.buffersChanged();
    });
  });

  wrapMethod(SourceBuffer.prototype, "appendBuffer", (original, self, args) => {
    const entry = streams.get(self as SourceBuffer);
    if (!entry) return call(original, self, args);
    try {
      call(original, self, args);
    } catch (error) {
      if (!isQuotaExceeded(error) || !entry.source.owner?.makeRoom()) throw error;
      call(original, self, args);
    }
    quietly(() => entry.source.appended(entry.stream, args[0]));
    return undefined;
  });
  const after = (name: string, command: (args: ArrayLike<unknown>) => StreamCommand) =>
    wrapMethod(SourceBuffer.prototype, name, (original, self, args) => {
      call(original, self, args);
      const entry = streams.get(self as SourceBuffer);
      if (entry) quietly(() => entry.source.command(entry.stream, command(args)));
    });
  after("abort", () => ({ type: "abort" }));
  after("remove", (args) => ({
    type: "remove",
    start_micros: micros(Number(args[0])),
    end_micros: microsOrNull(Number(args[1])),
  }));
  wrapMethod(SourceBuffer.prototype, "changeType", (original, self, args) => {
    call(original, self, args);
    const entry = streams.get(self as SourceBuffer);
    if (!entry) return;
    quietly(() => {
      const mime = `${args[0] as string}`;
      entry.stream.mime = mime;
      entry.source.command(entry.stream, { type: "change_type", mime });
      entry.source.check();
    });
  });
}
