/** Bytes of what a page appends, without trusting its prototypes. */
import { apply, getOwnPropertyDescriptor, isInstance, uncurry } from "./primordials.js";

const Bytes = Uint8Array;
const Buffer_ = ArrayBuffer;
const isView = ArrayBuffer.isView;
const typed = Object.getPrototypeOf(Uint8Array.prototype) as object;
const setBytes = uncurry(
  Uint8Array.prototype.set as (this: Uint8Array, from: ArrayLike<number>) => void,
);

type Getter = () => unknown;
const getter = (prototype: object, name: string): Getter =>
  getOwnPropertyDescriptor(prototype, name)?.get as Getter;

/** Getters of both kinds of view; each throws on the other kind. */
const kinds = [typed, DataView.prototype].map((prototype) => ({
  buffer: getter(prototype, "buffer"),
  byteOffset: getter(prototype, "byteOffset"),
  byteLength: getter(prototype, "byteLength"),
}));

/** A view on the bytes of a BufferSource, or null when it is none or detached. */
export function bytesOf(data: unknown): Uint8Array | null {
  if (isInstance(Buffer_, data)) return new Bytes(data);
  if (!isView(data)) {
    try {
      // An ArrayBuffer of another realm.
      return new Bytes(data as ArrayBuffer, 0);
    } catch {
      return null;
    }
  }
  for (let at = 0; at < kinds.length; at++) {
    const kind = kinds[at];
    if (!kind) continue;
    try {
      const buffer = apply(kind.buffer, data, []) as ArrayBuffer;
      const offset = apply(kind.byteOffset, data, []) as number;
      return new Bytes(buffer, offset, apply(kind.byteLength, data, []) as number);
    } catch {
      // The other kind.
    }
  }
  return null;
}

/** How many bytes there are: `length` is an attribute of the page's prototype. */
export function countOf(bytes: Uint8Array): number {
  return apply(byteCount, bytes, []) as number;
}
const byteCount = getter(typed, "length");

/** `length` bytes of zero. */
export function makeBytes(length: number): Uint8Array {
  return new Bytes(length);
}

/** A copy of `length` bytes from `start`. */
export function copyPiece(bytes: Uint8Array, start: number, length: number): ArrayBuffer {
  const buffer = new Buffer_(length);
  const from = apply(kinds[0]?.buffer as Getter, bytes, []) as ArrayBuffer;
  const offset = apply(kinds[0]?.byteOffset as Getter, bytes, []) as number;
  setBytes(new Bytes(buffer), new Bytes(from, offset + start, length));
  return buffer;
}
