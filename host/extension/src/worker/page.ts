/**
 * Pages, frames, players and streams as the broker knows them.
 *
 * A page is one top document of a tab with all its frames; a frame is one port. Players and
 * streams have the frame's own number (`local`) and one that is unique in the browser (`id`).
 * Data only; owner: the broker.
 */
import type { WorkerMessage } from "../frame_protocol.js";
import type { Layout, PlayerKind, Reason } from "../generated/messages.js";
import type { FrameAddress } from "./decide.js";
import type { StreamFlow } from "./flow.js";
import type { Shade } from "./shade.js";

/** What the browser says of a frame that connects; the frame itself has no say in it. */
export interface FrameSender extends FrameAddress {
  readonly tab: number;
  /** 0: the top document itself. */
  readonly frame: number;
  /** The browser's id of the document. */
  readonly document: string;
  readonly title: string;
}

/** The worker's end of a frame's port. */
export interface FramePort {
  post(message: WorkerMessage): void;
  close(): void;
}

/** What the host is told of a page's stage, or says of it. */
export type Stage = "closed" | "opening" | "ready" | "failed";

export interface Page {
  readonly id: number;
  readonly tab: number;
  readonly topUrl: string;
  readonly title: string;
  /** The top document's id once it has a port itself. */
  topDocument: string | null;
  readonly frames: Set<Frame>;
  readonly players: Map<number, Player>;
  readonly shade: Shade;
  stage: Stage;
  failure: Reason | null;
}

export interface Frame {
  readonly page: Page;
  /** As it came, or has moved since. */
  sender: FrameSender;
  readonly port: FramePort;
  /** It was allowed once, so what it announced goes on to be told. */
  admitted: boolean;
  refused: Reason | null;
  /** The last configuration as text, so that it is sent when it changes only. */
  config: string;
  readonly players: Map<number, Player>;
  readonly streams: Map<number, Stream>;
  readonly reports: Map<number, Report>;
}

export interface Player {
  readonly id: number;
  readonly local: number;
  readonly frame: Frame;
  readonly kind: PlayerKind;
  readonly streams: Set<Stream>;
  position_micros: number;
  /** Pictures or sound of it really come out of the device. */
  flowing: boolean;
  /** Where its page says that it is. */
  layout: Layout | null;
  size: { width: number; height: number } | null;
  quality: { presented: number; dropped: number } | null;
}

export interface Stream {
  readonly id: number;
  readonly local: number;
  readonly player: Player;
  readonly flow: StreamFlow;
}

/** Where a frame says that an element plays. */
export interface Report {
  readonly plays: "device" | "native";
  readonly reason: Reason | null;
}

/** Host name of an address for people; never its path. */
export function siteOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null) return "This page";
  return parsed.protocol === "file:" ? "Local file" : parsed.hostname || "This page";
}

/** What stays the same while scripts of a document change its address. */
export function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}
