/** The page's world's end of the bridge (isolated/bridge_protocol.ts). */
import { BOOT_EVENT, type IsolatedMessage, type MainMessage } from "../isolated/bridge_protocol.js";
import {
  addListener,
  dispatch,
  messageData,
  NativeEvent,
  postToPort,
  startPort,
} from "./natives.js";
import { random } from "./primordials.js";

const NativeSubmitEvent = SubmitEvent;
const numberToString = Number.prototype.toString;

export class Bridge {
  readonly #port: MessagePort;
  readonly #elementEvent: string;

  constructor(receive: (message: IsolatedMessage) => void) {
    const channel = new MessageChannel();
    this.#port = channel.port1;
    this.#elementEvent = `nearside-${Reflect.apply(numberToString, random(), [36])}`;
    const boot = new MessageEvent(BOOT_EVENT, { ports: [channel.port2], data: this.#elementEvent });
    dispatch(window, boot);
    addListener(this.#port, "message", (event) => {
      receive(messageData.get(event as MessageEvent) as IsolatedMessage);
    });
    startPort(this.#port);
  }

  post(message: MainMessage, transfer: Transferable[] = []): void {
    postToPort(this.#port, message, transfer);
  }

  /** A port's messages would wait until the dialog is closed. */
  dialog(open: boolean): void {
    dispatch(window, new NativeEvent(`${this.#elementEvent}-${open ? "open" : "shut"}`));
  }

  watch(player: number, element: HTMLElement): void {
    const init = { __proto__: null, submitter: element } as SubmitEventInit;
    dispatch(window, new NativeSubmitEvent(this.#elementEvent, init));
    this.post({ type: "watch", player });
  }
}
