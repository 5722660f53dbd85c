/**
 * The frame's link to the device: whether there is one, whether its stage runs, and who is
 * told about what it says.
 *
 * ```text
 *  dormant ──first media──▶ asked ──config──▶ on ◀──config, stage──▶ off
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
import { contains, drain, NativeWeakRef, push, SafeMap, weakDeref } from "./primordials.js";
import { reasons } from "./reasons.js";
import { Slots } from "./slots.js";

const MAX_UNSAID = 16;

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
  /** It stands still, and another one needs its place on the device. */
  letGo(): void;
}

export class Link {
  readonly #bridge: Bridge;
  /** Weakly: an element that nobody has any more is gone from here, too. */
  readonly #players = new SafeMap<number, WeakRef<PlayerSink>>();
  /** The players that the device has. */
  readonly slots = new Slots();
  readonly #streams = new SafeMap<number, (event: StreamEvent) => void>();
  #state: "dormant" | "asked" | "on" | "off" = "dormant";
  #refusal: Reason | null = null;
  /** Nothing of this frame may be redirected. */
  #barred: Reason | null = null;
  /** The page's stage failed, and no other one has come. */
  #failure: Reason | null = null;
  #ready = false;
  /** The switch "Video Status Overlay". */
  #explains = false;
  /** To be explained once it is known whether the user wants that. */
  readonly #unsaid: { element: HTMLElement; reason: Reason }[] = [];
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

  /** No device may play anything of this frame, until that is said anew. */
  get barred(): boolean {
    return this.#barred !== null;
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

  /** The player is about to be opened: one that has been at rest for long makes room. */
  takeSlot(id: number): void {
    const leaves = this.slots.opened(id);
    if (leaves !== 0) this.#player(leaves)?.letGo();
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

  /** Says it to who looks at the element, if the user wants that. */
  explain(element: HTMLElement, reason: Reason): void {
    if (this.#explains) this.#bridge.explain(element, reason.message);
    else if (this.#state === "asked" && this.#unsaid.length < MAX_UNSAID)
      push(this.#unsaid, { element, reason });
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
        const may = channel.connected && refused === null;
        this.#capabilities = channel.capabilities;
        this.#explains = channel.settings.video_status_overlay;
        this.#explainUnsaid();
        this.#barred = may ? null : (refused ?? channel.reason ?? reasons.deviceSilent());
        if (this.#barred) this.#bar(this.#barred);
        // What failed then is gone with it.
        if (this.#barred) this.#failure = null;
        this.#decide();
        return;
      }
      case "page_ready":
        this.#failure = null;
        if (!(this.on || this.off) || this.#barred) return;
        this.#decide();
        this.#ready = true;
        this.#each((player) => player.stageReady());
        return;
      case "page_failed":
        this.#stageGone(message.reason, true);
        this.#failure = message.reason;
        // What comes now does not wait for a stage.
        if (this.on) this.#decide();
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
        this.#barred = null;
        this.#failure = null;
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

  #explainUnsaid(): void {
    const unsaid = drain(this.#unsaid);
    for (let at = 0; this.#explains && at < unsaid.length; at++) {
      const one = unsaid[at];
      if (one) this.explain(one.element, one.reason);
    }
  }

  #decide(): void {
    const was = this.#state;
    const why = this.#refusal;
    this.#refusal = this.#barred ?? this.#failure;
    this.#state = this.#refusal === null ? "on" : "off";
    if (was === this.#state && why?.message === this.#refusal?.message) return;
    this.#each((player) => player.linkChanged());
  }

  /** A stage that is there hears that it is to be still. */
  #bar(reason: Reason): void {
    this.#each((player) => player.stageGone(reason, true));
    this.#ready = false;
  }
}
