/**
 * Where segments begin in what a page appends, and the init segment they need, so that a
 * device which comes late can join at the next one. Reads headers of boxes (ISO/IEC 14496-12
 * 4.2) and elements (RFC 8794) only; nothing but the init segment is kept.
 *
 * The bytes are the page's: lengths may say anything, what is kept is bounded.
 */
import { copyPiece, countOf, makeBytes } from "./bytes.js";
import { clz32, contains, INFINITY, indexOf, min, push } from "./primordials.js";

/** Largest init segment that is kept, in bytes. */
const MAX_INIT = 1 << 20;
/** Bytes of the longest header: a box with a 64-bit size. An element's has at most 12. */
const LONGEST_HEADER = 16;

const EBML = 0x1a45dfa3;
const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const FTYP = 0x66747970;
const MOOV = 0x6d6f6f76;
const MDAT = 0x6d646174;
/** What a media segment is made of: moof, mdat, styp, sidx, emsg, prft, ssix. */
const OF_MEDIA = [0x6d6f6f66, MDAT, 0x73747970, 0x73696478, 0x656d7367, 0x70726674, 0x73736978];

/** What the header of a box or element says. */
interface Header {
  /** Bytes after it until the next one that is looked at. */
  readonly skip: number;
  /** It begins a segment where an append begins with it. */
  readonly canBegin: boolean;
  /** So it does wherever it stands. */
  readonly begins: boolean;
  /** The next that can begins one. */
  readonly ends: boolean;
  /** Begins an init segment, or ends it by not being of it; `null`: as before. */
  readonly init: "begins" | "over" | null;
}

/** Where a stream can be joined. */
export interface Join {
  /** Offset of the segment in the append, in bytes. */
  readonly at: number;
  /** The init segment that it needs before it, in pieces; empty: it has one itself. */
  readonly init: readonly ArrayBuffer[];
}

type Parse = (header: Uint8Array, have: number) => Header | null;

/** Follows one byte stream from append to append. */
export class Segments {
  readonly #parse: Parse | null;
  readonly #header = makeBytes(LONGEST_HEADER);
  #have = 0;
  #skip = 0;
  #ended = false;
  #init: ArrayBuffer[] = [];
  #initBytes = 0;
  #collecting = false;

  constructor(mime: string) {
    const has = (subtype: string) => indexOf(mime, subtype) >= 0;
    this.#parse = has("/mp4") ? boxHeader : has("/webm") ? elementHeader : null;
  }

  /** The parser was reset: a segment begins with the next append. */
  reset(): void {
    this.#have = 0;
    this.#skip = 0;
  }

  /** Reads an append; where the stream can be joined in it first, `null`: nowhere. */
  follow(bytes: Uint8Array): Join | null {
    const parse = this.#parse;
    if (parse === null) return null;
    let join: Join | null = null;
    let isFirst = this.#have === 0 && this.#skip === 0;
    let at = 0;
    const count = countOf(bytes);
    while (at < count) {
      const skipped = min(this.#skip, count - at);
      if (skipped > 0) {
        if (this.#collecting) this.#keep(bytes, at, skipped);
        at += skipped;
        this.#skip -= skipped;
        continue;
      }
      this.#header[this.#have] = bytes[at] as number;
      this.#have += 1;
      at += 1;
      const header = parse(this.#header, this.#have);
      if (header === null) continue;
      const begin = at - this.#have;
      const begins = header.canBegin && (isFirst || header.begins || this.#ended);
      this.#note(header);
      if (begins && begin >= 0 && join === null) join = this.#joinAt(begin, header);
      this.#have = 0;
      this.#skip = header.skip;
      this.#ended = header.ends;
      isFirst = false;
    }
    return join;
  }

  /** Media without an init segment to go before it are of no use. */
  #joinAt(at: number, { init }: Header): Join | null {
    if (init === "begins") return { at, init: [] };
    return this.#init.length > 0 && !this.#collecting ? { at, init: this.#init } : null;
  }

  #note({ init }: Header): void {
    if (init === "over") this.#collecting = false;
    if (init === "begins") {
      this.#init = [];
      this.#initBytes = 0;
      this.#collecting = true;
    }
    if (this.#collecting) this.#keep(this.#header, 0, this.#have);
  }

  #keep(bytes: Uint8Array, start: number, length: number): void {
    this.#initBytes += length;
    if (this.#initBytes <= MAX_INIT) push(this.#init, copyPiece(bytes, start, length));
    else {
      this.#init = [];
      this.#collecting = false;
    }
  }
}

function u32(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let index = at; index < at + 4; index++) value = value * 256 + (bytes[index] as number);
  return value;
}

function boxHeader(bytes: Uint8Array, have: number): Header | null {
  if (have < 8) return null;
  const short = u32(bytes, 0);
  const isLong = short === 1;
  if (isLong && have < 16) return null;
  const header = isLong ? 16 : 8;
  const length = isLong ? u32(bytes, 8) * 2 ** 32 + u32(bytes, 12) : short;
  const kind = u32(bytes, 4);
  const ends = kind === MDAT || kind === MOOV;
  return {
    // A length below its own header is malformed: browser and device will say so.
    skip: length === 0 ? INFINITY : length < header ? 0 : length - header,
    canBegin: kind !== MDAT,
    begins: false,
    ends,
    init: kind === FTYP ? "begins" : contains(OF_MEDIA, kind) ? "over" : null,
  };
}

function elementHeader(bytes: Uint8Array, have: number): Header | null {
  const idLength = clz32(bytes[0] as number) - 23;
  // No element begins so: browser and device will say so.
  if (idLength > 4) return { ...OPAQUE, skip: INFINITY };
  if (have <= idLength) return null;
  const first = bytes[idLength] as number;
  const sizeLength = min(clz32(first) - 23, 8);
  if (have < idLength + sizeLength) return null;
  let id = 0;
  for (let at = 0; at < idLength; at++) id = id * 256 + (bytes[at] as number);
  const mask = sizeLength < 8 ? 0xff >> sizeLength : 0;
  let size = first & mask;
  let isUnknown = size === mask;
  for (let at = idLength + 1; at < idLength + sizeLength; at++) {
    const byte = bytes[at] as number;
    size = size * 256 + byte;
    isUnknown &&= byte === 0xff;
  }
  // Their children are looked at.
  const opens = id === SEGMENT || (id === CLUSTER && isUnknown);
  const begins = id === EBML || id === CLUSTER;
  return {
    skip: opens ? 0 : isUnknown ? INFINITY : size,
    canBegin: begins,
    begins,
    ends: false,
    init: id === EBML ? "begins" : id === CLUSTER ? "over" : null,
  };
}

const OPAQUE: Header = { skip: 0, canBegin: false, begins: false, ends: false, init: "over" };
