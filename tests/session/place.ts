// What a run needs of the machine for itself: a folder, free ports and displays.

import * as fs from "node:fs";
import * as net from "node:net";
import { stat } from "./ledger.ts";
import type { Processes, Running } from "./processes.ts";
import { STEP_MS } from "./wait.ts";

/** Displays that the rig may take; login sessions get theirs, from :10 on, from sesman. */
const DISPLAYS = { first: 70, last: 99 };

export interface Screen {
  number: number;
  server: Running;
}

/** Starts an X server of the run's own and waits until it serves. */
export async function startScreen(processes: Processes, size: string): Promise<Screen> {
  for (let number = DISPLAYS.first; number <= DISPLAYS.last; number += 1) {
    if (isTaken(number)) continue;
    const server = processes.start({
      name: "xvfb",
      program: "Xvfb",
      arguments: [
        `:${number}`,
        "-screen",
        "0",
        `${size}x24`,
        "-nolisten",
        "tcp",
        "-noreset",
      ].concat(["-displayfd", "1"]),
    });
    try {
      await server.line(new RegExp(`^${number}$`));
      return { number, server };
    } catch (error) {
      // Somebody else may have taken the number in between.
      if (!server.over) throw error;
    }
  }
  throw new Error(`no free display from :${DISPLAYS.first} to :${DISPLAYS.last}`);
}

/** A display's lock names its server; a server takes over what a dead one left. */
function isTaken(number: number): boolean {
  try {
    const pid = Number(fs.readFileSync(`/tmp/.X${number}-lock`, "latin1"));
    return stat(pid) !== undefined;
  } catch {
    return fs.existsSync(`/tmp/.X11-unix/X${number}`);
  }
}

/** A TCP port of the loopback interface that nobody listens on, `preferred` if possible. */
export async function freePort(preferred: number): Promise<number> {
  for (const port of [preferred, 0]) {
    const server = net.createServer();
    const got = await new Promise<number | undefined>((resolve) => {
      server.once("error", () => resolve(undefined));
      server.listen(port, "127.0.0.1", () => resolve((server.address() as net.AddressInfo).port));
    });
    if (got !== undefined) {
      await new Promise((resolve) => server.close(resolve));
      return got;
    }
  }
  throw new Error("no free port on the loopback interface");
}

/** True once somebody listens there; false after the step's limit or when `server` has ended. */
export async function listens(port: number, server?: Running): Promise<boolean> {
  const until = Date.now() + (server ? STEP_MS : 0);
  for (;;) {
    for (const address of ["127.0.0.1", "::1"]) {
      if (await connects({ port, host: address })) return true;
    }
    if (until <= Date.now() || server?.over) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function connects(to: net.NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(to);
    const say = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once("connect", () => say(true));
    socket.once("error", () => say(false));
  });
}
