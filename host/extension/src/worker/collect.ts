/**
 * "Collect logs": from Start to Stop, extension and host, into one text.
 *
 * Owner: the service worker. A host that does not answer is left out of the text.
 */
import type { ExtensionMessage } from "../generated/messages.js";
import type { Log } from "./log.js";

const ANSWER_MS = 3000;
/** Lines taken of the host; each at most this long. */
const MAX_LINES = 20_000;
const MAX_LENGTH = 2000;

export class Collection {
  readonly #log: Log;
  readonly #toHost: (message: ExtensionMessage) => void;
  #answered: ((lines: readonly string[]) => void) | null = null;
  #running = false;

  constructor(log: Log, toHost: (message: ExtensionMessage) => void) {
    this.#log = log;
    this.#toHost = toHost;
  }

  get running(): boolean {
    return this.#running;
  }

  start(): void {
    this.#running = true;
    this.#log.clear();
    this.#log.write(`log: begun, extension ${chrome.runtime.getManifest().version}`);
    this.#toHost({ type: "collect_logs", start: true });
  }

  /** A host that was started meanwhile has not heard of it. */
  hostStarted(): void {
    if (this.#running) this.#toHost({ type: "collect_logs", start: true });
  }

  hostLines(lines: readonly string[]): void {
    this.#answered?.(lines);
  }

  /** The text of both. */
  async stop(): Promise<string> {
    this.#running = false;
    const answer = new Promise<readonly string[] | null>((resolve) => {
      this.#answered = resolve;
      setTimeout(resolve, ANSWER_MS, null);
    });
    this.#toHost({ type: "collect_logs", start: false });
    const lines = await answer;
    this.#answered = null;
    const host = lines === null ? ["(the host did not answer)"] : lines.slice(-MAX_LINES);
    return [
      "# Extension",
      ...this.#log.lines(),
      "",
      "# Host",
      ...host.map((line) => String(line).slice(0, MAX_LENGTH)),
      "",
    ].join("\n");
  }
}
