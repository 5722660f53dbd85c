// One of the two browsers that are compared: Chromium as it is, or with the extension,
// nearside-host and a real agent. Opens test pages one after the other and says what each
// reported, and how much of it the device played.
//
// INVARIANT: a page has the browser, the device and the server for itself; the device has
// nothing left of a page when the next one opens.

import { FRAME_PORT, type FrameMessage } from "../../host/extension/src/frame_protocol.js";
import { BrowserRig } from "../../host/extension/tests/browser/rig.ts";
import { TooLate, within } from "../session/wait.ts";
import type { TestPage } from "./pages.ts";
import { type Results, TestServer } from "./server.ts";

/** Times of testharness.js, in milliseconds. */
const TIMEOUT_MS = 10_000;
const LONG_MS = 60_000;
/** So much longer than the page itself waits does this program, in milliseconds. */
const GRACE_MS = 10_000;
/** The device has a page's first player in so long, in milliseconds. */
const READY_MS = 10_000;
/** An item that has gone from its page is gone from the device in so long, in milliseconds. */
const GONE_MS = 5_000;

export interface PageRun extends Results {
  /** Players that the page had, and how many of them were on the device at some time. */
  readonly players: number;
  readonly redirected: number;
  /** Codes of why players were not, or no longer, on the device. */
  readonly reasons: readonly string[];
  readonly seconds: number;
}

type Players = Pick<PageRun, "players" | "redirected" | "reasons">;
const NO_PLAYERS: Players = { players: 0, redirected: 0, reasons: [] };

export interface SideOptions {
  readonly root: string;
  readonly redirected: boolean;
  /** How many times as long as usual a test may take. */
  readonly timeouts: number;
}

export class Side {
  readonly #rig: BrowserRig;
  readonly #server: TestServer;
  readonly #options: SideOptions;

  private constructor(rig: BrowserRig, server: TestServer, options: SideOptions) {
    this.#rig = rig;
    this.#server = server;
    this.#options = options;
  }

  static async start(options: SideOptions): Promise<Side> {
    const { redirected } = options;
    const server = await TestServer.start(options.root, options.timeouts);
    try {
      const rig = await BrowserRig.start({
        agent: redirected,
        host: redirected,
        extension: redirected,
        // As web-platform-tests' own runner starts it.
        switches: ["--autoplay-policy=no-user-gesture-required"],
      });
      return new Side(rig, server, options);
    } catch (error) {
      server.close();
      throw error;
    }
  }

  async run(test: TestPage): Promise<PageRun> {
    const { redirected, timeouts } = this.#options;
    if (redirected) {
      if (this.#rig.agent.over) throw new Error(`the agent has ended:\n${this.#rig.agent.tail()}`);
      await this.#listen();
    }
    const began = Date.now();
    const limit = (test.long ? LONG_MS : TIMEOUT_MS) * timeouts + GRACE_MS;
    const page = await this.#rig.context.newPage();
    const reported = this.#server.results(this.#ready());
    const crash = new Promise<Results>((resolve) => {
      page.once("crash", () => resolve({ harness: "CRASH", tests: new Map() }));
    });
    let results: Results;
    try {
      // A page that never ends loading may report nevertheless.
      page.goto(this.#server.url(test.address)).catch(() => {});
      results = await within(limit, "report", Promise.race([reported, crash]));
    } catch (error) {
      if (!(error instanceof TooLate)) throw error;
      results = { harness: "NONE", tests: new Map() };
    }
    const seconds = (Date.now() - began) / 1000;
    const counted = redirected ? await this.#players() : NO_PLAYERS;
    await page.close();
    if (redirected) await this.#deviceIsFree();
    return {
      ...results,
      ...counted,
      seconds,
    };
  }

  /** The device has the page's first player: those that follow are the tests' own. */
  async #ready(): Promise<void> {
    if (!this.#options.redirected) return;
    const { status } = this.#rig;
    try {
      await status.now.until("player of the page", ({ items }) => items.length > 0, READY_MS);
    } catch (error) {
      // The page's tests say what comes of it, without items.
      if (!(error instanceof TooLate)) throw error;
    }
    await this.#listen();
  }

  /** Counts from now on what pages report of their players to the extension's worker. */
  async #listen(): Promise<void> {
    const worker = await this.#rig.worker();
    await worker.evaluate((port) => {
      const isFirst = globalThis.players === undefined;
      globalThis.players = new Map();
      if (!isFirst) return;
      chrome.runtime.onConnect.addListener(({ name, onMessage, sender }) => {
        if (name !== port) return;
        onMessage.addListener((messages: FrameMessage[]) => {
          for (const message of messages) {
            if (message.type !== "report" || message.plays === "gone") continue;
            const key = `${sender?.documentId} ${message.player}`;
            const known = globalThis.players?.get(key) ?? { redirected: false, reasons: [] };
            if (message.plays === "device") known.redirected = true;
            else if (message.reason) known.reasons.push(message.reason.code);
            globalThis.players?.set(key, known);
          }
        });
      });
    }, FRAME_PORT);
  }

  async #players(): Promise<Players> {
    const worker = await this.#rig.worker();
    const all = await worker.evaluate(() => [...(globalThis.players?.values() ?? [])]);
    return {
      players: all.length,
      redirected: all.filter((one) => one.redirected).length,
      reasons: [...new Set(all.flatMap((one) => one.reasons))],
    };
  }

  async #deviceIsFree(): Promise<void> {
    const isFree = ({ items }: { items: unknown[] }) => items.length === 0;
    try {
      await this.#rig.status.now.until("free device", isFree, GONE_MS);
    } catch (error) {
      // What is left is not counted for the next page.
      if (!(error instanceof TooLate)) throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#rig.stop();
    this.#server.close();
  }
}

declare global {
  /** In the extension's worker: the players since the last look, by document and number. */

  var players: Map<string, { redirected: boolean; reasons: string[] }> | undefined;
}
