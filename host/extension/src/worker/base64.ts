/**
 * Media for the native port: cut into pieces and written as base64 (RFC 4648 section 4).
 *
 * A native message is one JSON text that the browser copies between its processes, so pieces
 * are kept well below the largest the host takes.
 */
import { MAX_PIECE } from "../generated/messages.js";

/** Bytes of one piece; a multiple of 3, so that only the last one is padded. */
export const PIECE_BYTES = 240 * 1024;

const CHARACTERS = /^[A-Za-z0-9+/]*={0,2}$/;

declare global {
  interface Uint8Array {
    /** Since Chromium 140. */
    toBase64?(): string;
  }
}

function encode(bytes: Uint8Array): string {
  if (bytes.toBase64) return bytes.toBase64();
  const step = 0x2000;
  let binary = "";
  for (let at = 0; at < bytes.length; at += step) {
    binary += String.fromCharCode(...bytes.subarray(at, at + step));
  }
  return btoa(binary);
}

/** Bytes that `text` stands for, or `null` if it is not base64 of at most MAX_PIECE bytes. */
export function decodedLength(text: string): number | null {
  if (text.length % 4 !== 0 || text.length > (MAX_PIECE / 3 + 1) * 4) return null;
  if (!CHARACTERS.test(text)) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const length = (text.length / 4) * 3 - padding;
  return length <= MAX_PIECE ? length : null;
}

/** Calls `each` with base64 text for the whole of `data`, in order. */
export function forEachPiece(data: ArrayBuffer | string, each: (base64: string) => void): void {
  if (typeof data === "string") {
    const step = (PIECE_BYTES / 3) * 4;
    for (let at = 0; at < data.length; at += step) each(data.slice(at, at + step));
    return;
  }
  for (let at = 0; at < data.byteLength; at += PIECE_BYTES) {
    each(encode(new Uint8Array(data, at, Math.min(PIECE_BYTES, data.byteLength - at))));
  }
}
