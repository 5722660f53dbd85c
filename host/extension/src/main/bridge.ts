/**
 * The page's world's end of the bridge (isolated/bridge_protocol.ts).
 *
 * What a task of the page's gives rise to goes over at its end, all at once and before any
 * other task: a message for each of its own would wait behind what the page does next.
 */
import { BOOT_EVENT, type IsolatedMessage, type MainMessage } from "../isolated/bridge_protocol.js";
import {
  addListener,
  dispatch,
  messageData,
  microtask,
  NativeEvent,
  postToPort,
  startPort,
} from "./natives.js";
import { push, random } from "./primordials.js";
import { queueTask } from "./tasks.js";

const NativeSubmitEvent = SubmitEvent;
const NativeMessageEvent = MessageEvent;
const numberToString = Number.prototype.toString;

export class Bridge {
  /** Kept alive: nobody else holds it. */
  readonly #port: MessagePort;
  readonly #name: string;
  readonly #receive: (message: IsolatedMessage) => void;
  #batch: MainMessage[] = [];
  #isHeard = true;

  constructor(receive: (message: IsolatedMessage) => void) {
    this.#receive = receive;
    const channel = new MessageChannel();
    this.#port = channel.port1;
    this.#name = `nearside-${Reflect.apply(numberToString, random(), [36])}`;
    const boot = new MessageEvent(BOOT_EVENT, { ports: [channel.port2], data: this.#name });
    dispatch(window, boot);
    addListener(this.#port, "message", (event) => {
      receive(messageData.get(event as MessageEvent) as IsolatedMessage);
    });
    startPort(this.#port);
  }

  post(message: MainMessage): void {
    if (!this.#isHeard) return;
    push(this.#batch, message);
    if (this.#batch.length === 1) microtask(() => this.#flush());
  }

  #flush(): void {
    const data = this.#batch;
    if (data.length === 0) return;
    this.#batch = [];
    const init = { __proto__: null, data, cancelable: true } as MessageEventInit;
    const isHeard = !dispatch(window, new NativeMessageEvent(`${this.#name}-messages`, init));
    if (!isHeard && this.#isHeard) this.#lose();
  }

  /** The page has opened its document anew, and nobody listens. */
  #lose(): void {
    this.#isHeard = false;
    postToPort(this.#port, null, []);
    queueTask(() => this.#receive({ type: "link_lost" }));
  }

  /** The task does not end before the dialog is closed. */
  dialog(open: boolean): void {
    this.#flush();
    dispatch(window, new NativeEvent(`${this.#name}-${open ? "open" : "shut"}`));
  }

  watch(player: number, element: HTMLElement): void {
    this.#handOver(element);
    this.post({ type: "watch", player });
  }

  explain(element: HTMLElement, message: string): void {
    this.#handOver(element);
    this.post({ type: "explain", message });
  }

  #handOver(element: HTMLElement): void {
    const init = { __proto__: null, submitter: element } as SubmitEventInit;
    dispatch(window, new NativeSubmitEvent(this.#name, init));
  }
}
