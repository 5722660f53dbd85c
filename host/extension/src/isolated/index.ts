/**
 * Runs beside the page, in each frame: the bridge between the page's world and the worker,
 * and the eye for where videos lie. Its JavaScript is its own, the page cannot touch it.
 */
import { type FrameMessage, PRESENT } from "../frame_protocol.js";
import { onMoved } from "./address.js";
import { BOOT_EVENT, type IsolatedMessage, type MainMessage } from "./bridge_protocol.js";
import { foresee } from "./foresight.js";
import { answerFrames } from "./layout/frames.js";
import { Tracker } from "./layout/tracker.js";
import { explain } from "./note.js";
import { Places } from "./places.js";
import { countAsPlayed } from "./played.js";
import { Wakeful } from "./wakeful.js";
import { WorkerPort } from "./worker_port.js";

let tracker: Tracker | null = null;
const trackerOfFrame = () => {
  tracker ??= new Tracker();
  return tracker;
};

/** Joins the page's world, which holds the other end of `bridge`, and the worker. */
function join(bridge: MessagePort, name: string): void {
  const elements: HTMLMediaElement[] = [];
  let places: Places | null = null;
  let wakeful: Wakeful | null = null;
  const toMain = (message: IsolatedMessage) => bridge.postMessage(message);

  const port = new WorkerPort(
    (message) => {
      if (message.type === "player") places?.playerEvent(message.player, message.event);
      toMain(message);
      if (message.type === "page_ready") places?.repeat();
    },
    () => toMain({ type: "link_lost" }),
  );
  const ofFrame = (message: FrameMessage) => port.post(message);

  foresee(() => port.connect());
  onMoved((url) => port.post({ type: "moved", url }));

  addEventListener(
    name,
    (event) => {
      event.stopImmediatePropagation();
      const element = (event as SubmitEvent).submitter;
      if (element instanceof HTMLMediaElement) elements.push(element);
    },
    true,
  );

  for (const [change, open] of [
    ["open", true],
    ["shut", false],
  ] as const) {
    const said = (event: Event) => {
      event.stopImmediatePropagation();
      ofFrame({ type: "dialog", open });
      port.flush();
    };
    addEventListener(`${name}-${change}`, said, true);
  }

  const fromMain = (message: MainMessage) => {
    switch (message.type) {
      case "connect":
        port.connect();
        return;
      case "watch": {
        const element = elements.shift();
        places ??= new Places(trackerOfFrame(), ofFrame, (player, reason) =>
          toMain({ type: "player", player, event: { type: "failed", position_micros: 0, reason } }),
        );
        if (element) places.watch(message.player, element);
        return;
      }
      case "explain": {
        const element = elements.shift();
        if (element instanceof HTMLVideoElement) explain(element, message.message);
        return;
      }
      case "unwatch":
        wakeful?.moves(message.player, "paused");
        places?.unwatch(message.player);
        return;
      case "motion":
        wakeful ??= new Wakeful();
        wakeful.moves(message.player, message.motion);
        places?.moves(message.player, message.motion);
        return;
      case "player":
        if (message.command.type === "open" && message.command.source.type === "url")
          countAsPlayed();
        ofFrame(message);
        return;
      default:
        ofFrame(message);
    }
  };
  addEventListener(
    `${name}-messages`,
    (event) => {
      event.stopImmediatePropagation();
      event.preventDefault();
      for (const message of (event as MessageEvent<MainMessage[]>).data) fromMain(message);
    },
    true,
  );
  bridge.onmessage = () => port.end();
}

answerFrames(trackerOfFrame);
chrome.runtime.onMessage.addListener((message, _sender, answer) => {
  if (message === PRESENT) answer(true);
});
addEventListener(
  BOOT_EVENT,
  (event) => {
    event.stopImmediatePropagation();
    const { ports, data } = event as MessageEvent<unknown>;
    const bridge = ports[0];
    if (bridge && typeof data === "string") join(bridge, data);
  },
  { capture: true, once: true },
);
