/**
 * A queue of tasks in order, as the media element task source: what is queued runs later,
 * never inside the caller, each as a task of its own (promises settle in between), and is
 * not throttled in hidden tabs.
 */
import { addListener, postToPort, startPort } from "./natives.js";
import { push } from "./primordials.js";

const NativeMessageChannel = MessageChannel;
let queue: (() => void)[] = [];
let next = 0;
let port: MessagePort | null = null;

function runOne(): void {
  if (next === queue.length) return;
  const task = queue[next];
  next += 1;
  if (next === queue.length) {
    queue = [];
    next = 0;
  }
  task?.();
}

function opened(): MessagePort {
  const channel = new NativeMessageChannel();
  addListener(channel.port1, "message", runOne);
  startPort(channel.port1);
  return channel.port2;
}

/** Runs `task` after everything that was queued before. */
export function queueTask(task: () => void): void {
  port ??= opened();
  push(queue, task);
  postToPort(port, null, []);
}

/** Runs `task` after what is queued, now where that is nothing: the browser's order stays. */
export function afterQueued(task: () => void): void {
  if (next === queue.length) task();
  else queueTask(task);
}

/** Runs what was queued so far, in order: the page hears next what the browser queued later. */
export function runQueued(): void {
  for (let left = queue.length - next; left > 0; left--) runOne();
}
