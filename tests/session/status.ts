// What the agent says of itself, as `nearside status --json --watch` prints it: one JSON line a
// change on its control socket. Keeps what passes by, because items go with their pages.

import * as net from "node:net";
import { STEP_MS, Watched, within } from "./wait.ts";

export interface Reason {
  code: string;
  message: string;
  next_step: string;
}

/** The parts of app/src/status.rs that the rig reads. */
export interface Status {
  revision: number;
  session: { round_trip_ms: number | null; host_version: string } | null;
  blocked: Reason | null;
  items: Item[];
  notices: { unix_ms: number; severity: string; reason: Reason }[];
  /** The user's switches. */
  settings?: Record<string, boolean>;
  processes: { role: string; pid: number }[];
}

export interface Item {
  page: number;
  player: number;
  title: string;
  playback: string;
  flowing: boolean;
  since_unix_ms: number;
  position_micros: number;
  video: { decoded: number; presented: number; dropped: number; late: number } | null;
  failed: Reason | null;
  measurements: { first_frame_ms: number | null };
}

const EMPTY: Status = {
  revision: 0,
  session: null,
  blocked: null,
  items: [],
  notices: [],
  processes: [],
};

/** What has passed since `StatusStream.record`. */
export interface Recording {
  /** The last word on each item, oldest first. */
  items: Item[];
  reasons: Reason[];
}

export class StatusStream {
  /** The latest status; empty once the agent has ended. */
  readonly now = new Watched<Status>(EMPTY);
  readonly #socket: net.Socket;
  readonly #seen = new Map<string, Item>();
  #reasons = new Map<string, Reason>();
  #ignored = new Set<string>();
  #noticesAfter = 0;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    let unread = "";
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      const lines = (unread + text).split("\n");
      unread = lines.pop() ?? "";
      for (const line of lines) this.#take(JSON.parse(line));
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.now.value = EMPTY;
    });
    socket.write('{"type":"watch"}\n');
  }

  static async open(path: string): Promise<StatusStream> {
    const socket = net.connect(path);
    const connected = new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    await within(STEP_MS, "agent's control socket", connected);
    return new StatusStream(socket);
  }

  /** Changes the user's switches, as the panel does; those not named are off. */
  set(settings: Record<string, boolean>): void {
    this.#socket.write(`${JSON.stringify({ type: "set_settings", settings })}\n`);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Forgets what was and keeps what comes: items that are there now are not of interest. */
  record(): void {
    this.#ignored = new Set(this.now.value.items.map(key));
    this.#seen.clear();
    this.#reasons = new Map();
    this.#noticesAfter = Date.now();
  }

  get recording(): Recording {
    return {
      items: [...this.#seen.values()],
      reasons: [...this.#reasons.values()],
    };
  }

  #take(reply: { type: string } & Status): void {
    if (reply.type !== "status") return;
    for (const item of reply.items) {
      if (this.#ignored.has(key(item))) continue;
      this.#seen.set(key(item), item);
      if (item.failed) this.#remember(item.failed);
    }
    if (reply.blocked) this.#remember(reply.blocked);
    for (const notice of reply.notices) {
      if (this.#noticesAfter <= notice.unix_ms) this.#remember(notice.reason);
    }
    this.now.value = reply;
  }

  #remember(reason: Reason): void {
    this.#reasons.set(`${reason.code} ${reason.message}`, reason);
  }
}

function key(item: Item): string {
  return `${item.page}/${item.player}/${item.since_unix_ms}`;
}
