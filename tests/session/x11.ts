// A small X11 client: pictures of a screen and where windows are, without a program to start
// for each look. X Window System Protocol, version 11, chapter 9 and appendix B.
//
// One connection over the display's local socket; requests are answered in order.

import * as fs from "node:fs";
import * as net from "node:net";
import { STEP_MS, Watched, within } from "./wait.ts";

export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Pixels of a screen, four bytes each: blue, green, red, unused. */
export interface Image {
  width: number;
  height: number;
  pixels: Buffer;
}

export interface Window {
  id: number;
  /** On the screen; borders are not part of it. */
  rect: Rect;
  mapped: boolean;
  /** Mapped, and so are all above it. */
  viewable: boolean;
  overrideRedirect: boolean;
}

const OPCODE = {
  createWindow: 1,
  getWindowAttributes: 3,
  destroyWindow: 4,
  mapWindow: 8,
  unmapWindow: 10,
  changeProperty: 18,
  getGeometry: 14,
  queryTree: 15,
  internAtom: 16,
  getProperty: 20,
  translateCoordinates: 40,
  getInputFocus: 43,
  getImage: 73,
  queryExtension: 98,
} as const;

/** Of the extension SHAPE, whose own opcode the server says. */
const SHAPE_QUERY_EXTENTS = 5;

/** Of the extension DAMAGE ("The DAMAGE Extension", version 1.1), and the level of its events. */
const DAMAGE = { queryVersion: 0, create: 1, destroy: 2, subtract: 3, nonEmpty: 3 } as const;

interface Pending {
  resolve(reply: Buffer): void;
  reject(error: Error): void;
}

/** Somebody who wants to hear of each change of the screen. */
export interface Paints {
  /** Waits until something was painted since the last time. */
  next(what: string): Promise<void>;
  end(): Promise<void>;
}

/** The server said no, e.g. because the window is gone. */
export class XError extends Error {}

export class Display {
  root = 0;
  width = 0;
  height = 0;
  readonly #socket: net.Socket;
  readonly #pending: Pending[] = [];
  #unread: Buffer[] = [];
  #size = 0;
  #setup: Pending | undefined;
  #closed = false;
  #nextId = 0;
  /** Called with the code of an event. */
  #onEvent: (code: number) => void = () => {};

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on("data", (data) => {
      this.#unread.push(data);
      this.#size += data.length;
      this.#read();
    });
    const fail = (error: Error) => {
      this.#closed = true;
      this.#setup?.reject(error);
      for (const one of this.#pending.splice(0)) one.reject(error);
    };
    socket.on("error", fail);
    socket.on("close", () => fail(new XError("the display has ended")));
  }

  /** Connects to local display `number`; `authority` is a file as xauth(1) writes it. */
  static async open(number: number, authority?: string): Promise<Display> {
    const socket = net.connect(`/tmp/.X11-unix/X${number}`);
    const display = new Display(socket);
    const cookie = authority ? readCookie(authority, number) : Buffer.alloc(0);
    const name = Buffer.from(cookie.length > 0 ? "MIT-MAGIC-COOKIE-1" : "");
    const head = Buffer.alloc(12);
    head.write("l");
    head.writeUInt16LE(11, 2);
    head.writeUInt16LE(name.length, 6);
    head.writeUInt16LE(cookie.length, 8);
    const ready = new Promise<Buffer>((resolve, reject) => {
      display.#setup = { resolve, reject };
    });
    socket.write(Buffer.concat([head, padded(name), padded(cookie)]));
    const setup = await within(STEP_MS, `answer of display :${number}`, ready);
    display.#nextId = setup.readUInt32LE(12);
    const screen = 40 + ((setup.readUInt16LE(24) + 3) & ~3) + 8 * setup.readUInt8(29);
    display.root = setup.readUInt32LE(screen);
    display.width = setup.readUInt16LE(screen + 20);
    display.height = setup.readUInt16LE(screen + 22);
    return display;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** What a part of the screen shows now, all windows included. */
  async image(rect: Rect = this.screen): Promise<Image> {
    const { x, y, width, height } = rect;
    const body = Buffer.alloc(16);
    body.writeUInt32LE(this.root, 0);
    body.writeInt16LE(x, 4);
    body.writeInt16LE(y, 6);
    body.writeUInt16LE(width, 8);
    body.writeUInt16LE(height, 10);
    body.writeUInt32LE(0xffff_ffff, 12);
    const zPixmap = 2;
    const reply = await this.#request(OPCODE.getImage, zPixmap, body);
    return { width, height, pixels: reply.subarray(32, 32 + width * height * 4) };
  }

  get screen(): Rect {
    return { x: 0, y: 0, width: this.width, height: this.height };
  }

  /** Says when something is painted on the screen, from now on; one at a time. */
  async paints(): Promise<Paints> {
    const extension = await this.#request(OPCODE.queryExtension, 0, named("DAMAGE"));
    const [isThere, opcode] = [extension.readUInt8(8) === 1, extension.readUInt8(9)];
    if (!isThere) throw new XError("the display does not say what is painted");
    await this.#request(opcode, DAMAGE.queryVersion, words(1, 1));
    const id = this.#nextId;
    this.#nextId += 1;
    const painted = new Watched(false);
    this.#onEvent = (code) => {
      if (code === extension.readUInt8(10)) painted.value = true;
    };
    await this.#tell(opcode, words(id, this.root, DAMAGE.nonEmpty), DAMAGE.create);
    return {
      next: async (what) => {
        await painted.until(what, (is) => is, STEP_MS);
        painted.value = false;
        this.#send(opcode, DAMAGE.subtract, words(id, 0, 0));
      },
      end: () => this.#tell(opcode, words(id), DAMAGE.destroy),
    };
  }

  /** Windows within `parent`, the lowest first. */
  async children(parent = this.root): Promise<number[]> {
    const reply = await this.#request(OPCODE.queryTree, 0, words(parent));
    const count = reply.readUInt16LE(16);
    return Array.from({ length: count }, (_, index) => reply.readUInt32LE(32 + 4 * index));
  }

  async window(id: number): Promise<Window> {
    const [geometry, attributes] = await Promise.all([
      this.#request(OPCODE.getGeometry, 0, words(id)),
      this.#request(OPCODE.getWindowAttributes, 0, words(id)),
    ]);
    const body = Buffer.alloc(12);
    body.writeUInt32LE(id, 0);
    body.writeUInt32LE(this.root, 4);
    const origin = await this.#request(OPCODE.translateCoordinates, 0, body);
    const [x, y] = [origin.readInt16LE(12), origin.readInt16LE(14)];
    const [width, height] = [geometry.readUInt16LE(16), geometry.readUInt16LE(18)];
    const state = attributes.readUInt8(26);
    const overrideRedirect = attributes.readUInt8(27) === 1;
    const rect = { x, y, width, height };
    return { id, rect, mapped: state !== 0, viewable: state === 2, overrideRedirect };
  }

  /** The smallest rectangle around what a window's shape leaves of it: "X Nonrectangular Window
   *  Shape Extension Protocol", ShapeQueryExtents. */
  async shaped({ id, rect }: Window): Promise<Rect> {
    const extension = await this.#request(OPCODE.queryExtension, 0, named("SHAPE"));
    const [isThere, opcode] = [extension.readUInt8(8) === 1, extension.readUInt8(9)];
    if (!isThere) return rect;
    const extents = await this.#request(opcode, SHAPE_QUERY_EXTENTS, words(id));
    return {
      x: rect.x + extents.readInt16LE(12),
      y: rect.y + extents.readInt16LE(14),
      width: extents.readUInt16LE(16),
      height: extents.readUInt16LE(18),
    };
  }

  /** All windows below `parent`, parents first; windows that go meanwhile are left out. */
  async tree(parent = this.root): Promise<Window[]> {
    const found: Window[] = [];
    for (const id of await this.children(parent).catch(() => [])) {
      const one = await this.window(id).catch(() => undefined);
      if (one) found.push(one, ...(await this.tree(id)));
    }
    return found;
  }

  /** The value of a property, empty when the window has none of that name. */
  async property(window: number, name: string): Promise<Buffer> {
    const atom = await this.#request(OPCODE.internAtom, 0, named(name));
    const body = Buffer.alloc(20);
    body.writeUInt32LE(window, 0);
    body.writeUInt32LE(atom.readUInt32LE(8), 4);
    body.writeUInt32LE(1024, 16);
    const reply = await this.#request(OPCODE.getProperty, 0, body);
    const bytes = reply.readUInt32LE(16) * (reply.readUInt8(1) / 8);
    return reply.subarray(32, 32 + bytes);
  }

  /**
   * A window in one colour, not shown yet: one that the window manager frames and leaves at its
   * place, or one that it does not care for, as menus are.
   */
  async create(
    { x, y, width, height }: Rect,
    [red = 0, green = 0, blue = 0]: readonly number[],
    managed: boolean,
  ): Promise<number> {
    const id = this.#nextId;
    this.#nextId += 1;
    const body = Buffer.alloc(36);
    body.writeUInt32LE(id, 0);
    body.writeUInt32LE(this.root, 4);
    body.writeInt16LE(x, 8);
    body.writeInt16LE(y, 10);
    body.writeUInt16LE(width, 12);
    body.writeUInt16LE(height, 14);
    const inputOutput = 1;
    body.writeUInt16LE(inputOutput, 18);
    const [backgroundPixel, overrideRedirect] = [0x2, 0x200];
    body.writeUInt32LE(backgroundPixel | overrideRedirect, 24);
    body.writeUInt32LE((red << 16) | (green << 8) | blue, 28);
    body.writeUInt32LE(managed ? 0 : 1, 32);
    await this.#tell(OPCODE.createWindow, body);
    // ICCCM, section 4.1.2.3: the user has chosen the position.
    const [normalHints, sizeHints, usPosition, words] = [40, 41, 1, 18];
    const property = Buffer.alloc(20 + 4 * words);
    property.writeUInt32LE(id, 0);
    property.writeUInt32LE(normalHints, 4);
    property.writeUInt32LE(sizeHints, 8);
    property.writeUInt8(32, 12);
    property.writeUInt32LE(words, 16);
    property.writeUInt32LE(usPosition, 20);
    if (managed) await this.#tell(OPCODE.changeProperty, property);
    return id;
  }

  /** Shows a window above all others. */
  show(window: number): Promise<void> {
    return this.#tell(OPCODE.mapWindow, words(window));
  }

  hide(window: number): Promise<void> {
    return this.#tell(OPCODE.unmapWindow, words(window));
  }

  destroy(window: number): Promise<void> {
    return this.#tell(OPCODE.destroyWindow, words(window));
  }

  /** A request without an answer, and one with, so that it is done. */
  async #tell(opcode: number, body: Buffer, detail = 0): Promise<void> {
    this.#send(opcode, detail, body);
    await this.#request(OPCODE.getInputFocus, 0, Buffer.alloc(0));
  }

  #send(opcode: number, detail: number, body: Buffer): void {
    const head = Buffer.alloc(4);
    head.writeUInt8(opcode, 0);
    head.writeUInt8(detail, 1);
    head.writeUInt16LE(1 + body.length / 4, 2);
    this.#socket.write(Buffer.concat([head, body]));
  }

  #request(opcode: number, detail: number, body: Buffer): Promise<Buffer> {
    if (this.#closed) return Promise.reject(new XError("the display has ended"));
    const reply = new Promise<Buffer>((resolve, reject) => this.#pending.push({ resolve, reject }));
    this.#send(opcode, detail, body);
    return within(STEP_MS, "answer of the display", reply);
  }

  #read(): void {
    for (;;) {
      const need = this.#needed();
      if (need === undefined || this.#size < need) return;
      const all = this.#unread.length === 1 ? this.#unread[0] : Buffer.concat(this.#unread);
      if (!all) return;
      const message = all.subarray(0, need);
      this.#unread = need < all.length ? [all.subarray(need)] : [];
      this.#size -= need;
      this.#take(message);
    }
  }

  /** Length of the message that begins the unread bytes. */
  #needed(): number | undefined {
    if (this.#size < 8) return undefined;
    if (this.#unread.length > 1 && (this.#unread[0]?.length ?? 0) < 8) {
      this.#unread = [Buffer.concat(this.#unread)];
    }
    const first = this.#unread[0];
    if (!first) return undefined;
    if (this.#setup) return 8 + 4 * first.readUInt16LE(6);
    const isReply = first.readUInt8(0) === 1;
    return isReply ? 32 + 4 * first.readUInt32LE(4) : 32;
  }

  #take(message: Buffer): void {
    if (this.#setup) {
      const { resolve, reject } = this.#setup;
      this.#setup = undefined;
      if (message.readUInt8(0) === 1) resolve(message);
      else reject(new XError(`the display refuses: ${message.toString("latin1", 8)}`));
      return;
    }
    const kind = message.readUInt8(0);
    if (kind === 1) this.#pending.shift()?.resolve(message);
    if (kind > 1) this.#onEvent(kind & 0x7f);
    if (kind === 0) this.#pending.shift()?.reject(new XError(`X error ${message.readUInt8(1)}`));
  }
}

/** A name's length, two unused bytes, the name. */
function named(name: string): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(Buffer.byteLength(name), 0);
  return Buffer.concat([head, padded(Buffer.from(name))]);
}

function words(...values: number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

/** Entries of .Xauthority: family, then address, number, name, data with their lengths (BE). */
function readCookie(file: string, display: number): Buffer {
  const bytes = fs.readFileSync(file);
  let at = 0;
  while (at + 2 <= bytes.length) {
    at += 2;
    const fields: Buffer[] = [];
    for (let field = 0; field < 4; field += 1) {
      const length = bytes.readUInt16BE(at);
      fields.push(bytes.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
    const [, number, name, data] = fields;
    const isOurs = number?.toString() === String(display) || number?.length === 0;
    if (isOurs && name?.toString() === "MIT-MAGIC-COOKIE-1" && data) return data;
  }
  throw new XError(`${file} has no entry for display :${display}`);
}
