// Chromium in the remote session, as the session's user, on a profile of its own.

import * as fs from "node:fs";
import * as path from "node:path";
import { DevTools } from "./devtools.ts";
import { processesOf } from "./ledger.ts";
import type { Seat } from "./login.ts";
import { Page } from "./page.ts";
import type { Processes, Running } from "./processes.ts";
import { STEP_MS, within } from "./wait.ts";

/** What is installed for the remote user; absent for native playback. */
export interface Redirection {
  /** Folder of the unpacked extension. */
  extension: string;
  /** Path of `nearside-host`. */
  host: string;
  /** What native messaging knows the host as. */
  hostName: string;
  /** Id of the extension, from its manifest's key. */
  extensionId: string;
}

export interface BrowserOptions {
  redirection?: Redirection | undefined;
  /** Media may play without a click. */
  autoplay?: boolean;
  /** `devicePixelRatio`. */
  scale?: number;
  env?: NodeJS.ProcessEnv;
  /** More switches. */
  switches?: readonly string[];
  /** May ask other machines for what its pages need. */
  anywhere?: boolean;
}

/** The browser's window covers this part of the desktop. */
const WINDOW = { x: 0, y: 0, width: 1000, height: 740 };

const LOOPBACK = ["127.0.0.1", "localhost", "*.localhost"]
  .map((name) => `EXCLUDE ${name}`)
  .join(", ");

let profiles = 0;

export class Browser {
  readonly devtools: DevTools;
  readonly running: Running;
  readonly #pages = new Set<Page>();

  private constructor(devtools: DevTools, running: Running) {
    this.devtools = devtools;
    this.running = running;
  }

  static async start(
    processes: Processes,
    seat: Seat,
    options: BrowserOptions = {},
  ): Promise<Browser> {
    profiles += 1;
    const profile = path.join(seat.home, `profile-${profiles}`);
    fs.mkdirSync(profile, { mode: 0o700 });
    if (options.redirection) writeHostManifest(profile, options.redirection);
    if (seat.user) giveTo(profile, seat.user);
    const running = processes.start({
      name: "chromium",
      program: "chromium",
      arguments: [...flags(profile, seat, options), "about:blank"],
      env: { ...seat.env, ...options.env },
      cwd: seat.home,
      ...(seat.user ? { user: seat.user } : {}),
      pipes: 2,
    });
    const devtools = new DevTools(running.pipe(3), running.pipe(4));
    await within(STEP_MS, "Chromium", devtools.send("Browser.getVersion"), () => running.tail());
    return new Browser(devtools, running);
  }

  /** True once it has ended, or does not hear any more. */
  get ended(): boolean {
    return this.running.over || this.devtools.ended;
  }

  async page(): Promise<Page> {
    const page = await Page.create(this.devtools);
    this.#pages.add(page);
    return page;
  }

  /** Closes all tabs that `page` opened. */
  async closePages(): Promise<void> {
    await Promise.all([...this.#pages].map((page) => page.close()));
    this.#pages.clear();
  }

  /** Asks it to close as a person would, so that the profile is whole. */
  async close(): Promise<void> {
    await this.devtools.send("Browser.close").catch(() => {});
    await this.running.end();
  }
}

function flags(profile: string, seat: Seat, options: BrowserOptions): string[] {
  const { x, y, width, height } = WINDOW;
  const all = [
    `--user-data-dir=${profile}`,
    "--remote-debugging-pipe",
    ...["--no-first-run", "--no-default-browser-check", "--disable-component-update"],
    ...["--disable-sync", "--disable-quic", "--password-store=basic", "--disable-gpu"],
    `--window-position=${x},${y}`,
    `--window-size=${width},${height}`,
  ];
  const { redirection, autoplay, scale, anywhere, switches = [] } = options;
  all.push(...switches);
  // Pages on this machine are on no other, and nothing else is to be asked for.
  if (!anywhere) all.push(`--host-resolver-rules=MAP * ~NOTFOUND, ${LOOPBACK}`);
  if (redirection) all.push(`--load-extension=${redirection.extension}`);
  if (autoplay) all.push("--autoplay-policy=no-user-gesture-required");
  if (scale) all.push(`--force-device-scale-factor=${scale}`);
  // Root has no sandbox; nor has anybody where user namespaces are forbidden.
  if (!seat.user || !mayHaveNamespaces()) all.push("--no-sandbox");
  return all;
}

function mayHaveNamespaces(): boolean {
  const allowed = (file: string) => {
    try {
      return fs.readFileSync(file, "utf8").trim() !== "0";
    } catch {
      return true;
    }
  };
  const isRestricted = () => {
    try {
      const file = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
      return fs.readFileSync(file, "utf8").trim() === "1";
    } catch {
      return false;
    }
  };
  return (
    allowed("/proc/sys/kernel/unprivileged_userns_clone") &&
    allowed("/proc/sys/user/max_user_namespaces") &&
    !isRestricted()
  );
}

/** Tells the browser how to start the host, in its profile. */
function writeHostManifest(profile: string, redirection: Redirection): void {
  const folder = path.join(profile, "NativeMessagingHosts");
  fs.mkdirSync(folder);
  const manifest = {
    name: redirection.hostName,
    description: "Nearside",
    path: redirection.host,
    type: "stdio",
    allowed_origins: [`chrome-extension://${redirection.extensionId}/`],
  };
  fs.writeFileSync(path.join(folder, `${redirection.hostName}.json`), JSON.stringify(manifest));
}

function giveTo(file: string, user: { uid: number; gid: number }): void {
  fs.chownSync(file, user.uid, user.gid);
  if (!fs.statSync(file).isDirectory()) return;
  for (const name of fs.readdirSync(file)) giveTo(path.join(file, name), user);
}

/** Living processes of the seat by their program's name: started there, whoever's child. */
export function processesNamed(seat: Seat, name: string): number[] {
  const uid = seat.user?.uid ?? process.getuid?.() ?? 0;
  return processesOf(uid).filter((pid) => {
    try {
      const isNamed = path.basename(fs.readlinkSync(`/proc/${pid}/exe`)) === name;
      const surroundings = fs.readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      return isNamed && surroundings.includes(`HOME=${seat.home}`);
    } catch {
      return false;
    }
  });
}
