/** What the user asks for on the device, carried out as the page's own controls would. */
import type { PlayerCommand } from "../generated/messages.js";
import type { Control } from "./control.js";
import { call, wrapMethod } from "./disguise.js";
import { native } from "./natives.js";
import { apply, max, min, SafeMap } from "./primordials.js";

/** The page's handlers for media keys. */
const handlers = new SafeMap<string, MediaSessionActionHandler>();

function handled(action: MediaSessionAction): boolean {
  const handler = handlers.get(action);
  if (!handler) return false;
  try {
    apply(handler, undefined, [{ action }]);
  } catch {
    // The page's own error.
  }
  return true;
}

export function steer(control: Control, command: PlayerCommand): void {
  const { element } = control;
  switch (command.type) {
    case "play":
      if (!handled("play")) control.promises.ignore(control.play());
      return;
    case "pause":
      if (!handled("pause")) control.pause();
      return;
    case "seek":
      control.seek(command.to_micros / 1e6);
      return;
    case "volume":
      native.volume.set(element, min(1, max(0, command.volume)));
      native.muted.set(element, command.muted);
      return;
    case "rate":
      native.playbackRate.set(element, command.rate);
      return;
    case "loop":
      native.loop.set(element, command.enabled);
      return;
    default:
      return;
  }
}

export function installSteering(): void {
  if (typeof MediaSession !== "function") return;
  wrapMethod(MediaSession.prototype, "setActionHandler", (original, self, args) => {
    const result = call(original, self, args);
    const action = args[0];
    const handler = args[1];
    if (typeof action === "string") {
      if (typeof handler === "function") handlers.set(action, handler as MediaSessionActionHandler);
      else handlers.delete(action);
    }
    return result;
  });
}
