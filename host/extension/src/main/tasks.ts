/**
 * A queue of tasks in order, as the media element task source: what is queued runs later,
 * never inside the caller, and is not throttled in hidden tabs.
 */
import { addListener, postToPort, startPort } from "./natives.js";
import { push } from "./primordials.js";

let queue: (() => void)[] = [];
let port: MessagePort | null = null;

function run(): void {
  const tasks = queue;
  queue = [];
  for (let at = 0; at < tasks.length; at++) {
    try {
      tasks[at]?.();
    } catch {
      // A listener's errors are reported by the browser; ours must not stop the others.
    }
  }
}

function opened(): MessagePort {
  const channel = new NativeMessageChannel();
  addListener(channel.port1, "message", run);
  startPort(channel.port1);
  return channel.port2;
}

const NativeMessageChannel = MessageChannel;

/** Runs `task` after everything that was queued before. */
export function queueTask(task: () => void): void {
  if (queue.length === 0) {
    port ??= opened();
    postToPort(port, null, []);
  }
  push(queue, task);
}
