/**
 * Carries messages between the frames of all tabs and the one host: gives numbers that are
 * unique in the browser, keeps order and bounds, and says what became of a lost host.
 *
 * ```text
 *  frame ── FrameMessage, checked ──▶ Broker ── ExtensionMessage ──▶ host
 *        ◀──── WorkerMessage ──────          ◀──── HostEvent ──────
 * ```
 *
 * Owner: the service worker. Knows no browser API and no clock. What a frame may do is
 * decided outside and told by {@link Broker.refresh}.
 *
 * INVARIANT: nothing is told to the host of a frame that was never admitted.
 * INVARIANT: a player that the host no longer knows is failed or forgotten at its frame, and
 * later messages about it are dropped: it plays natively, new ones may be redirected.
 */
import type { FrameMessage, WorkerMessage } from "../frame_protocol.js";
import type {
  ChannelState,
  DeviceMessage,
  ExtensionMessage,
  PlayerCommand,
  PlayerEvent,
  Reason,
  Rect,
} from "../generated/messages.js";
import { decodedLength, forEachPiece } from "./base64.js";
import { frameMessage } from "./check.js";
import { type FrameAddress, reason } from "./decide.js";
import { Budget, StreamFlow, type Verdict } from "./flow.js";
import { Numbers } from "./ids.js";
import type { Log } from "./log.js";
import { OnTheWay } from "./on_the_way.js";
import {
  type Frame,
  type FramePort,
  type FrameSender,
  originOf,
  type Page,
  type Player,
  type Stream,
  siteOf,
} from "./page.js";
import { Shade } from "./shade.js";

/** Frames with media in one tab; more are not listened to. */
const MAX_FRAMES = 256;
/** Players over all tabs, streams over all tabs (the channel's own limit). */
const MAX_PLAYERS = 1024;
const MAX_STREAMS = 255;
/** Elements of one frame that say where they play. */
const MAX_REPORTS = 256;

export interface Outputs {
  toHost(message: ExtensionMessage): void;
  /** Something that icon or popup show of this tab may have changed. */
  tabChanged(tab: number): void;
  log: Log;
}

/** What frames are to know now; `channel` is `null` until the host has spoken. */
export interface Situation {
  channel: ChannelState | null;
  refusal(frame: FrameAddress): Reason | null;
}

const FULL = reason(
  "limit_reached",
  "More media is under way to the device than it takes.",
  "The video goes on in the session. Reload the page to try again.",
);

export class Broker {
  readonly #out: Outputs;
  readonly #pages = new Map<number, Page>();
  readonly #frames = new Set<Frame>();
  readonly #streams = new Map<number, Stream>();
  readonly #pageIds = new Numbers(1, 0xffff_ffff, 0xffff);
  readonly #playerIds = new Numbers(1, 0xffff_ffff, MAX_PLAYERS);
  readonly #streamIds = new Numbers(1, 0xffff, MAX_STREAMS);
  readonly #budget = new Budget();
  readonly #onTheWay = new OnTheWay();
  #situation: Situation = { channel: null, refusal: () => null };

  constructor(out: Outputs) {
    this.#out = out;
  }

  get hasFrames(): boolean {
    return this.#frames.size > 0;
  }

  /** Tabs with media. */
  tabs(): Set<number> {
    return new Set([...this.#frames].map((frame) => frame.page.tab));
  }

  /** The frames with media of a tab's present documents. */
  framesOf(tab: number): Frame[] {
    return [...this.#frames].filter((frame) => frame.page.tab === tab);
  }

  /** `null`: the tab has too many frames. */
  addFrame(sender: FrameSender, port: FramePort): Frame | null {
    const page = this.#pageFor(sender);
    if (page === null || page.frames.size >= MAX_FRAMES) return null;
    const frame: Frame = {
      page,
      sender,
      port,
      admitted: false,
      refused: null,
      config: "",
      players: new Map(),
      streams: new Map(),
      reports: new Map(),
    };
    page.frames.add(frame);
    this.#frames.add(frame);
    this.#configure(frame);
    if (page.stage === "ready") port.post({ type: "page_ready" });
    if (page.failure) port.post({ type: "page_failed", reason: page.failure });
    this.#out.tabChanged(page.tab);
    return frame;
  }

  /** The frame's port is closed. */
  removeFrame(frame: Frame): void {
    if (!this.#frames.delete(frame)) return;
    const { page } = frame;
    this.#dialog(frame, false);
    page.frames.delete(frame);
    const isLast = page.frames.size === 0;
    for (const player of frame.players.values()) {
      if (!isLast) this.#toHost(player, { type: "close" });
      this.#forget(player);
    }
    if (isLast) {
      if (page.stage !== "closed") this.#out.toHost({ type: "page_close", page: page.id });
      this.#pages.delete(page.id);
      this.#pageIds.free(page.id);
      this.#out.log.write(`page ${page.id}: closed`);
    }
    this.#out.tabChanged(page.tab);
  }

  /** A message as it came from the frame's port. */
  fromFrame(frame: Frame, raw: unknown): void {
    if (!this.#frames.has(frame)) return;
    const message = frameMessage(raw);
    if (message === null) return this.#expel(frame, "a malformed message");
    if (message.type === "report") return this.#report(frame, message);
    if (message.type === "dialog") return this.#dialog(frame, message.open);
    if (message.type === "moved") return this.#moved(frame, message.url);
    if (message.type === "media") return this.#media(frame, message.stream, message.data);
    if (!frame.admitted) return;
    switch (message.type) {
      case "player":
        return this.#player(frame, message.player, message.command);
      case "stream": {
        const stream = frame.streams.get(message.stream);
        if (!stream) return;
        const { command } = message;
        if (!this.#goesOn(stream, stream.flow.command(command))) return;
        return this.#out.toHost({
          type: "stream",
          page: frame.page.id,
          stream: stream.id,
          command,
        });
      }
      case "buffered": {
        const stream = frame.streams.get(message.stream);
        if (!stream) return;
        const { seq, buffered } = message;
        return this.#out.toHost({ type: "buffered", stream: stream.id, seq, buffered });
      }
    }
  }

  #media(frame: Frame, local: number, data: ArrayBuffer | string): void {
    const stream = frame.streams.get(local);
    const bytes = typeof data === "string" ? (decodedLength(data) ?? 0) : data.byteLength;
    if (!stream || !this.#goesOn(stream, stream.flow.media(bytes))) {
      // The frame waits to hear of what it sent.
      if (typeof data === "string") frame.port.post({ type: "taken", length: data.length });
      return;
    }
    forEachPiece(data, (base64) => {
      this.#onTheWay.sent(frame, base64.length);
      this.#out.toHost({ type: "media", stream: stream.id, data: base64 });
    });
  }

  /** The host has read so many characters of media. */
  taken(length: number): void {
    this.#onTheWay.taken(length);
  }

  /** A host that knows nothing yet. */
  hostStarts(): void {
    this.#onTheWay.lost();
  }

  /** What this extension's popups cover of a tab, in pixels of the remote desktop. */
  cover(tab: number, covered: readonly Rect[]): void {
    for (const page of this.#pages.values()) {
      if (page.tab === tab && page.shade.cover(covered)) this.#placeAnew(page);
    }
  }

  /** A page of one document: another folder may be on the list, or not. */
  #moved(frame: Frame, url: string): void {
    // Scripts change no more of an address than what follows the origin.
    if (originOf(url) !== originOf(frame.sender.url)) return;
    frame.sender = { ...frame.sender, url };
    for (const other of frame.page.frames) {
      if (frame.sender.frame === 0) other.sender = { ...other.sender, topUrl: url };
      this.#configure(other);
    }
  }

  #dialog(frame: Frame, open: boolean): void {
    if (frame.page.shade.dialog(frame, open)) this.#placeAnew(frame.page);
  }

  /** What lies over its pictures has changed. */
  #placeAnew(page: Page): void {
    for (const player of page.players.values()) {
      if (player.layout === null) continue;
      this.#toHost(player, { type: "layout", ...page.shade.over(player.layout) });
    }
  }

  /** A message of the device, passed on by the host. */
  fromDevice(message: DeviceMessage): void {
    switch (message.type) {
      case "page_ready": {
        const page = this.#pages.get(message.page);
        if (!page || page.stage === "closed") return;
        page.stage = "ready";
        page.failure = null;
        this.#out.log.write(`page ${page.id}: ready`);
        return this.#tell(page, { type: "page_ready" });
      }
      case "page_failed": {
        const page = this.#pages.get(message.page);
        if (page && page.stage !== "closed") this.#fail(page, message.reason);
        return;
      }
      case "player": {
        const player = this.#pages.get(message.page)?.players.get(message.player);
        if (player) this.#playerEvent(player, message.event);
        return;
      }
      case "stream": {
        const stream = this.#streams.get(message.stream);
        if (!stream || stream.player.frame.page.id !== message.page) return;
        stream.flow.event(message.event);
        const { frame } = stream.player;
        return frame.port.post({ type: "stream", stream: stream.local, event: message.event });
      }
      case "steer": {
        const player = this.#pages.get(message.page)?.players.get(message.player);
        player?.frame.port.post({ type: "steer", player: player.local, command: message.command });
        return;
      }
    }
  }

  /** The channel, the policy or the settings changed: tells each frame what holds now. */
  refresh(situation: Situation): void {
    const wasConnected = this.#situation.channel?.connected === true;
    this.#situation = situation;
    if (wasConnected && situation.channel?.connected === false) {
      const why = situation.channel.reason ?? lostDevice();
      for (const page of this.#pages.values()) if (page.stage === "ready") this.#fail(page, why);
    }
    for (const frame of this.#frames) this.#configure(frame);
  }

  /** The host is gone, with all it knew. Call before {@link Broker.refresh}. */
  hostLost(why: Reason): void {
    this.#onTheWay.lost();
    for (const page of this.#pages.values()) {
      if (page.stage === "opening" || page.stage === "ready") this.#fail(page, why);
      page.stage = "closed";
      page.failure = null;
      for (const player of [...page.players.values()]) {
        this.#forget(player);
        player.frame.port.post({ type: "forgotten", player: player.local, reason: why });
      }
    }
  }

  #pageFor(sender: FrameSender): Page | null {
    for (const page of this.#pages.values()) {
      if (page.tab !== sender.tab || originOf(page.topUrl) !== originOf(sender.topUrl)) continue;
      if (sender.frame !== 0) return page;
      if (page.topDocument === null || page.topDocument === sender.document) {
        page.topDocument = sender.document;
        return page;
      }
    }
    const id = this.#pageIds.take();
    if (id === null) return null;
    const page: Page = {
      id,
      tab: sender.tab,
      topUrl: sender.topUrl,
      title: sender.title,
      topDocument: sender.frame === 0 ? sender.document : null,
      frames: new Set(),
      players: new Map(),
      shade: new Shade(),
      stage: "closed",
      failure: null,
    };
    this.#pages.set(id, page);
    return page;
  }

  #configure(frame: Frame): void {
    const { channel, refusal } = this.#situation;
    if (channel === null) return;
    const wasRefused = frame.refused !== null;
    frame.refused = refusal(frame.sender);
    if (frame.refused === null) {
      frame.admitted = true;
      this.#open(frame.page);
    }
    const config: WorkerMessage = { type: "config", channel, refused: frame.refused };
    const text = JSON.stringify(config);
    if (text === frame.config) return;
    frame.config = text;
    frame.port.post(config);
    // It could not use what it heard of the stage.
    const isBack = wasRefused && frame.refused === null;
    if (isBack && frame.page.stage === "ready") frame.port.post({ type: "page_ready" });
    this.#out.tabChanged(frame.page.tab);
  }

  #open(page: Page): void {
    if (page.stage !== "closed") return;
    page.stage = "opening";
    const { id, topUrl, title } = page;
    this.#out.log.write(`page ${id}: opened in tab ${page.tab}`);
    this.#out.toHost({ type: "page_open", page: id, site: siteOf(topUrl), title });
  }

  #player(frame: Frame, local: number, command: PlayerCommand): void {
    const player = frame.players.get(local);
    if (command.type === "open") {
      if (player) return this.#expel(frame, "a player opened twice");
      // The frame has not heard yet that the host is gone.
      if (frame.page.stage === "closed") return this.#forgets(frame, local);
      const id = this.#playerIds.take();
      if (id === null) return this.#refuse(frame, local, FULL);
      const opened: Player = {
        id,
        local,
        frame,
        kind: command.kind,
        streams: new Set(),
        position_micros: 0,
        flowing: false,
        layout: null,
        size: null,
        quality: null,
      };
      frame.players.set(local, opened);
      frame.page.players.set(id, opened);
      return this.#toHost(opened, command);
    }
    if (!player) return;
    switch (command.type) {
      case "add_stream": {
        if (frame.streams.has(command.stream)) return this.#expel(frame, "a stream added twice");
        const id = this.#streamIds.take();
        if (id === null) {
          this.#toHost(player, { type: "close" });
          return this.#drop(player, FULL);
        }
        const flow = new StreamFlow(this.#budget);
        const stream: Stream = { id, local: command.stream, player, flow };
        frame.streams.set(stream.local, stream);
        this.#streams.set(id, stream);
        player.streams.add(stream);
        return this.#toHost(player, { ...command, stream: id });
      }
      case "remove_stream": {
        const stream = frame.streams.get(command.stream);
        if (stream?.player !== player) return;
        this.#forgetStream(stream);
        return this.#toHost(player, { ...command, stream: stream.id });
      }
      case "close":
        this.#toHost(player, command);
        return this.#forget(player);
      case "layout": {
        const { type, ...layout } = command;
        player.layout = layout;
        return this.#toHost(player, { type, ...frame.page.shade.over(layout) });
      }
      default:
        return this.#toHost(player, command);
    }
  }

  #forgets(frame: Frame, player: number): void {
    const why = frame.refused ?? lostDevice();
    frame.port.post({ type: "forgotten", player, reason: why });
  }

  #playerEvent(player: Player, event: PlayerEvent): void {
    if ("position_micros" in event) player.position_micros = event.position_micros;
    // A seek that is under way changes nothing: it is over in a moment.
    if (event.type === "state" && event.state !== "seeking") {
      player.flowing = event.state === "playing";
    }
    if (event.type === "resized") player.size = { width: event.width, height: event.height };
    if (event.type === "quality") {
      player.quality = { presented: event.presented, dropped: event.dropped };
    }
    if (event.type === "failed" || event.type === "warning") {
      this.#out.log.write(`player ${player.id}: ${event.type}, ${event.reason.code}`);
    }
    player.frame.port.post({ type: "player", player: player.local, event });
    this.#out.tabChanged(player.frame.page.tab);
  }

  #report(frame: Frame, message: Extract<FrameMessage, { type: "report" }>): void {
    const { player, plays, reason: why } = message;
    if (plays === "gone") {
      if (!frame.reports.delete(player)) return;
    } else {
      if (!frame.reports.has(player) && frame.reports.size >= MAX_REPORTS) return;
      frame.reports.set(player, { plays, reason: why });
    }
    const code = why ? `, ${why.code}` : "";
    this.#out.log.write(`page ${frame.page.id}: element ${player} plays: ${plays}${code}`);
    this.#out.tabChanged(frame.page.tab);
  }

  /** Whether the stream's message is passed on; else deals with why not. */
  #goesOn(stream: Stream, verdict: Verdict): boolean {
    if (verdict === "sent") return true;
    const { player } = stream;
    if (verdict === "disorder") this.#expel(player.frame, "media out of order");
    else {
      this.#toHost(player, { type: "close" });
      this.#drop(player, FULL);
    }
    return false;
  }

  /** Nothing of ours sends this, so nothing more is heard of it. */
  #expel(frame: Frame, what: string): void {
    this.#out.log.write(`page ${frame.page.id}: ${what}, its frame is cut off`);
    this.removeFrame(frame);
    frame.port.close();
  }

  #fail(page: Page, why: Reason): void {
    if (page.stage === "failed") return;
    page.stage = "failed";
    page.failure = why;
    this.#out.log.write(`page ${page.id}: failed, ${why.code}`);
    this.#tell(page, { type: "page_failed", reason: why });
  }

  #tell(page: Page, message: WorkerMessage): void {
    for (const frame of page.frames) frame.port.post(message);
    this.#out.tabChanged(page.tab);
  }

  #refuse(frame: Frame, local: number, why: Reason, position_micros = 0): void {
    const event: PlayerEvent = { type: "failed", reason: why, position_micros };
    frame.port.post({ type: "player", player: local, event });
  }

  /** Fails the player at its frame and forgets it. */
  #drop(player: Player, why: Reason): void {
    this.#forget(player);
    this.#refuse(player.frame, player.local, why, player.position_micros);
  }

  #forget(player: Player): void {
    for (const stream of player.streams) this.#forgetStream(stream);
    player.frame.players.delete(player.local);
    player.frame.page.players.delete(player.id);
    this.#playerIds.free(player.id);
  }

  #forgetStream(stream: Stream): void {
    stream.flow.end();
    stream.player.streams.delete(stream);
    stream.player.frame.streams.delete(stream.local);
    this.#streams.delete(stream.id);
    this.#streamIds.free(stream.id);
  }

  #toHost(player: Player, command: PlayerCommand): void {
    this.#out.toHost({ type: "player", page: player.frame.page.id, player: player.id, command });
  }
}

function lostDevice(): Reason {
  return reason(
    "stage_unavailable",
    "The connection to the device was lost.",
    "The video goes on in the session until the device is back.",
  );
}
