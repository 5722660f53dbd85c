/**
 * Copies what the page appends to its real SourceBuffers.
 *
 * The browser does everything first; only what it has accepted goes to the device, in order,
 * with the state that gives the bytes their meaning. The page notices nothing: an error here
 * never reaches it, and a full buffer is made room in before it does.
 */

import type { StreamCommand } from "../generated/messages.js";
import { call, wrapMethod, wrapSetter } from "./disguise.js";
import type { Link } from "./link.js";
import { NativeDOMException, NativeMediaSource } from "./natives.js";
import {
  accessor,
  isInstance,
  max,
  NativeFinalizationRegistry,
  NativeWeakRef,
  registerFinal,
  SafeMap,
  SafeWeakMap,
  weakDeref,
} from "./primordials.js";
import { micros, microsOrNull } from "./ranges.js";
import { SourceRecord, streams } from "./source_record.js";

/** The device's time of a picture may be so long before the browser's, in microseconds: edit
 *  lists count in the ticks of the movie, which are milliseconds, and browsers ignore some. */
const APART = 1000;

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

const errorName = accessor(NativeDOMException.prototype, "name");

function isQuotaExceeded(error: unknown): boolean {
  return isInstance(NativeDOMException, error) && errorName.get(error) === "QuotaExceededError";
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
    if (isInstance(NativeMediaSource, target)) {
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
  wrapSetter(NativeMediaSource.prototype, "duration", (original, self, value) => {
    call(original, self, [value]);
    quietly(() => sources.get(self as MediaSource)?.owner?.durationChanged());
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
  wrapMethod(SourceBuffer.prototype, "abort", (original, self, args) => {
    call(original, self, args);
    const entry = streams.get(self as SourceBuffer);
    if (entry) quietly(() => entry.source.aborted(entry.stream));
  });
  after("remove", (args) => {
    const start_micros = micros(+(args[0] as number));
    const end = microsOrNull(+(args[1] as number));
    // With the key frame at its end the device would lose all pictures up to the next one.
    const end_micros = end === null ? null : max(start_micros, end - APART);
    return { type: "remove", start_micros, end_micros };
  });
  wrapMethod(SourceBuffer.prototype, "changeType", (original, self, args) => {
    call(original, self, args);
    const entry = streams.get(self as SourceBuffer);
    if (!entry) return;
    quietly(() => entry.source.changedType(entry.stream, `${args[0] as string}`));
  });
}
