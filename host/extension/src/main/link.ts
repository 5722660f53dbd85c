/**
 * The frame's link to the device: whether there is one, whether its stage runs, and who is
 * told about what it says.
 *
 * ```text
 *  dormant ──first media──▶ asked ──config──▶ on ◀──config──▶ off
 * ```
 * `ready` (a stage that takes commands) is only ever true while `on`.
 */
import type { FrameMessage } from "../frame_protocol.js";
import type {
  Capabilities,
  PlayerCommand,
  PlayerEvent,
  Reason,
  StreamEvent,
} from "../generated/messages.js";
import type { IsolatedMessage, Motion } from "../isolated/bridge_protocol.js";
import { Bridge } from "./bridge.js";
import { contains, NativeWeakRef, SafeMap, weakDeref } from "./primordials.js";
import { reasons } from "./reasons.js";

/** One player of this frame. */
export interface PlayerSink {
  /** The first answer whether there is a device, or another one. */
  linkChanged(): void;
  /** The stage takes commands, for the first time or anew. */
  stageReady(): void;
  /** The stage is gone. `kept`: the host still has the media. */
  stageGone(reason: Reason, kept: boolean): void;
  playerEvent(event: PlayerEvent): void;
  steer(command: PlayerCommand): void;
}

export class Link {
  readonly #bridge: Bridge;
  /** Weakly: an element that nobody has any more is gone from here, too. */
  readonly #players = new SafeMap<number, WeakRef<PlayerSink>>();
  readonly #streams = new SafeMap<number, (event: StreamEvent) => void>();
  #state: "dormant" | "asked" | "on" | "off" = "dormant";
  #refusal: Reason | null = null;
  #ready = false;
  #capabilities: Capabilities = { video: [], audio: [], containers: [], services: [] };
  #ids = 0;

  constructor() {
    this.#bridge = new Bridge((message) => this.#receive(message));
  }

  get on(): boolean {
    return this.#state === "on";
  }

  /** It is known that there is no device. */
  get off(): boolean {
    return this.#state === "off";
  }

  /** Why there is no device, while that is known. */
  get refusal(): Reason | null {
    return this.#refusal;
  }

  get ready(): boolean {
    return this.#ready;
  }

  get capabilities(): Capabilities {
    return this.#capabilities;
  }

  /** Whether the device takes the messages of this service. */
  serves(service: string): boolean {
    return contains(this.#capabilities.services, service);
  }

  /** A new id for a player or a stream. */
  nextId(): number {
    this.#ids += 1;
    return this.#ids;
  }

  /** The frame has media. */
  wake(): void {
    if (this.#state !== "dormant") return;
    this.#state = "asked";
    this.#bridge.post({ type: "connect" });
  }

  addPlayer(id: number, sink: PlayerSink): void {
    this.#players.set(id, new NativeWeakRef(sink));
  }

  removePlayer(id: number): void {
    this.#players.delete(id);
  }

  addStream(id: number, sink: (event: StreamEvent) => void): void {
    this.#streams.set(id, sink);
  }

  removeStream(id: number): void {
    this.#streams.delete(id);
  }

  post(message: FrameMessage): void {
    this.#bridge.post(message);
  }

  /** Where an element plays; before it is known whether there is a device nothing is decided. */
  report(player: number, plays: "device" | "native" | "gone", reason: Reason | null): void {
    if (this.on || this.off) this.post({ type: "report", player, plays, reason });
  }

  watch(player: number, element: HTMLElement): void {
    this.#bridge.watch(player, element);
  }

  unwatch(player: number): void {
    this.#bridge.post({ type: "unwatch", player });
  }

  /** The browser shows a dialog for the page, whose scripts stand still, or has shown it. */
  dialog(open: boolean): void {
    if (this.on) this.#bridge.dialog(open);
  }

  motion(player: number, motion: Motion): void {
    this.#bridge.post({ type: "motion", player, motion });
  }

  #receive(message: IsolatedMessage): void {
    switch (message.type) {
      case "config": {
        const { channel, refused } = message;
        const on = channel.connected && refused === null;
        const was = this.#state;
        const why = this.#refusal;
        this.#capabilities = channel.capabilities;
        this.#state = on ? "on" : "off";
        this.#refusal = on ? null : (refused ?? channel.reason ?? reasons.deviceSilent());
        if (this.#refusal) this.#stageGone(this.#refusal, true);
        if (was !== this.#state || why?.message !== this.#refusal?.message) {
          this.#each((player) => player.linkChanged());
        }
        return;
      }
      case "page_ready":
        if (!this.on) return;
        this.#ready = true;
        this.#each((player) => player.stageReady());
        return;
      case "page_failed":
        this.#stageGone(message.reason, true);
        return;
      case "forgotten":
        this.#player(message.player)?.stageGone(message.reason, false);
        return;
      case "player":
        this.#player(message.player)?.playerEvent(message.event);
        return;
      case "stream":
        this.#streams.get(message.stream)?.(message.event);
        return;
      case "steer":
        this.#player(message.player)?.steer(message.command);
        return;
      case "link_lost":
        this.#stageGone(reasons.linkLost(), false);
        this.#state = this.#state === "dormant" ? "dormant" : "asked";
        this.#refusal = null;
        this.#each((player) => player.linkChanged());
        return;
    }
  }

  #player(id: number): PlayerSink | undefined {
    const held = this.#players.get(id);
    return held && weakDeref(held);
  }

  #each(run: (player: PlayerSink) => void): void {
    this.#players.forEach((held) => {
      const player = weakDeref(held);
      if (player) run(player);
    });
  }

  #stageGone(reason: Reason, kept: boolean): void {
    this.#ready = false;
    this.#each((player) => player.stageGone(reason, kept));
  }
}
