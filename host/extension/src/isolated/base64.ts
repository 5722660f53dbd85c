/** Bytes as base64 (RFC 4648 section 4, padded): what native messaging carries. */

interface Native {
  toBase64?(): string;
}

/** Bytes that one call of `String.fromCharCode` takes, a multiple of 3. */
const CHUNK = 0x6000;

export function base64Of(bytes: Uint8Array): string {
  const native = (bytes as Native).toBase64;
  if (native) return native.call(bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + CHUNK)));
  }
  return text;
}
