/**
 * "Collect logs": from Start to Stop, extension, host and device, into one text.
 *
 * Owner: the service worker. What does not answer is left out of the text, and said so.
 */
import type { ExtensionMessage } from "../generated/messages.js";
import type { Log } from "./log.js";

const ANSWER_MS = 3000;
/** Lines taken of the host, and of the device; each at most this long. */
const MAX_LINES = 20_000;
const MAX_LENGTH = 2000;

/** One part's lines, which may never come. */
class Answer {
  readonly whole: Promise<readonly string[] | null>;
  readonly #lines: string[] = [];
  #resolve: (lines: readonly string[] | null) => void = () => {};

  constructor() {
    this.whole = new Promise((resolve) => {
      this.#resolve = resolve;
      setTimeout(resolve, ANSWER_MS, null);
    });
  }

  add(lines: readonly string[], last: boolean): void {
    for (const line of lines) this.#lines.push(String(line).slice(0, MAX_LENGTH));
    if (this.#lines.length > MAX_LINES) this.#lines.splice(0, this.#lines.length - MAX_LINES);
    if (last) this.#resolve(this.#lines);
  }
}

export class Collection {
  readonly #log: Log;
  readonly #toHost: (message: ExtensionMessage) => void;
  readonly #deviceHasLogs: () => boolean;
  #ofHost: Answer | null = null;
  #ofDevice: Answer | null = null;
  #running = false;

  /** `deviceHasLogs`: a device is connected that answers with its own lines. */
  constructor(log: Log, toHost: (message: ExtensionMessage) => void, deviceHasLogs: () => boolean) {
    this.#log = log;
    this.#toHost = toHost;
    this.#deviceHasLogs = deviceHasLogs;
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
    this.#ofHost?.add(lines, true);
  }

  /** Lines of the device's agent and stages; `last`: nothing follows. */
  deviceLines(lines: readonly string[], last: boolean): void {
    this.#ofDevice?.add(lines, last);
  }

  /** The text of all parts. */
  async stop(): Promise<string> {
    this.#running = false;
    const ofHost = new Answer();
    const ofDevice = this.#deviceHasLogs() ? new Answer() : null;
    this.#ofHost = ofHost;
    this.#ofDevice = ofDevice;
    this.#toHost({ type: "collect_logs", start: false });
    const [host, device] = await Promise.all([ofHost.whole, ofDevice?.whole]);
    this.#ofHost = null;
    this.#ofDevice = null;
    const none = "(no device that collects logs is connected)";
    return [
      "# Extension",
      ...this.#log.lines(),
      "",
      "# Host",
      ...(host ?? ["(the host did not answer)"]),
      "",
      "# Device",
      ...(device ?? [ofDevice ? "(the device did not answer)" : none]),
      "",
    ].join("\n");
  }
}
