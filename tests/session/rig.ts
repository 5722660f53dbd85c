// Everything that a page needs to be played from a remote session: put together here, taken apart
// by `stop`, also after a failure.
//
// ```text
//  session: Chromium + extension + nearside-host     device: xfreerdp + plugin, agent, stages
//     in an xrdp login session          ─── RDP ───     on a display of its own
//     or, without RDP, on a display     ── socket ──    the agent's channel socket
// ```

import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { EXTENSION_ID, HOST_NAME } from "../../host/extension/src/common/identity.ts";
import { giveAlone, giveToAsker } from "./asker.ts";
import { Browser, type BrowserOptions, processesNamed, type Redirection } from "./browser.ts";
import { type ClipName, clip } from "./clips.ts";
import { DESKTOP, Device, type Target } from "./device.ts";
import { killTree, Ledger, undoLeftovers } from "./ledger.ts";
import { LoginServer, type Seat } from "./login.ts";
import { startScreen } from "./place.ts";
import { Processes } from "./processes.ts";
import { PageServer } from "./server.ts";
import { eventually } from "./wait.ts";
import { Display } from "./x11.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const EXTENSION = path.join(ROOT, "host/extension");

export interface RigOptions {
  rdp: boolean;
  /** Where xrdp is installed. */
  xrdp: string;
  /** Folder of the built programs. */
  binaries: string;
  /** Folder where clips are kept. */
  store: string;
  /** Folder that has the programs' logs after the run. */
  logs: string;
  /** Served at `/` instead of the rig's own pages. */
  pages?: string;
  /** More arguments of the RDP client. */
  client?: string[];
  /** Without any part of Nearside. */
  native?: boolean;
}

/** The session has its device back within this time of its return. */
const CONNECTED_MS = 45_000;

/** The parts of host/src/status.rs that the rig reads. */
export interface HostStatus {
  connected: boolean;
  control_rtt_ms: { p50: number; p99: number; n: number };
}

export class Rig {
  readonly processes: Processes;
  readonly ledger: Ledger;
  readonly options: RigOptions;
  #device: Device | undefined;
  #login: LoginServer | undefined;
  #seat: Seat | undefined;
  #server: PageServer | undefined;
  #session: Display | undefined;
  #logs = 0;
  #stopped: Promise<void> | undefined;

  private constructor(options: RigOptions) {
    this.options = options;
    this.ledger = new Ledger();
    this.processes = new Processes(this.ledger);
  }

  static async start(options: RigOptions, adopt: (rig: Rig) => void = () => {}): Promise<Rig> {
    for (const folder of undoLeftovers()) {
      process.stderr.write(`cleared what a killed run left: ${folder}\n`);
    }
    const rig = new Rig(options);
    adopt(rig);
    try {
      await rig.#begin();
      return rig;
    } catch (error) {
      await rig.stop();
      throw error;
    }
  }

  async #begin(): Promise<void> {
    const { rdp, binaries, native, store } = this.options;
    fs.mkdirSync(store, { recursive: true });
    this.#server = await PageServer.start({
      ...{ "/clips/": store, "/lib/": path.join(EXTENSION, "node_modules") },
      "/": this.options.pages ?? path.join(ROOT, "tests/session/pages"),
    });
    this.#device = await Device.start(this.ledger, this.processes, binaries);
    if (!native) await this.device.startAgent();
    if (rdp) {
      if (!native) this.device.installPlugin();
      this.#login = await LoginServer.start(this.ledger, this.processes, this.options.xrdp);
      await this.connect();
      this.#seat = await this.#login.seat();
    } else {
      this.#seat = await this.#localSeat();
    }
    this.#session = await Display.open(this.seat.display, this.seat.authority);
  }

  /** A seat without a login: a display of this user's. */
  async #localSeat(): Promise<Seat> {
    const screen = await startScreen(this.processes, "1024x768");
    const home = path.join(this.ledger.folder, "home");
    fs.mkdirSync(home, { mode: 0o700 });
    const channel = this.options.native
      ? {}
      : { NEARSIDE_CHANNEL: `unix:${this.device.channelSocket}` };
    const env = {
      PATH: process.env["PATH"],
      LANG: "C.UTF-8",
      HOME: home,
      XDG_RUNTIME_DIR: home,
      DISPLAY: `:${screen.number}`,
      ...channel,
    };
    return { env, home, display: screen.number };
  }

  get device(): Device {
    return required(this.#device, "device");
  }

  get seat(): Seat {
    return required(this.#seat, "session");
  }

  get server(): PageServer {
    return required(this.#server, "page server");
  }

  /** The session's desktop as it is there, before RDP. */
  get session(): Display {
    return required(this.#session, "session's display");
  }

  /** Only with RDP. */
  get login(): LoginServer {
    return required(this.#login, "login server");
  }

  get target(): Target {
    const { port, account } = this.login;
    return { port, user: account.name, password: account.password };
  }

  /** Connects the RDP client, to the session that is there if there is one. */
  async connect(more: string[] = [], desktop = DESKTOP): Promise<void> {
    const plugin = this.options.native ? [] : ["/dvc:nearside"];
    const all = [...plugin, ...(this.options.client ?? []), ...more];
    await this.device.connect(this.target, all, desktop);
  }

  /** Starts a browser in the session; `native`: without the extension. */
  async browser(native = this.options.native, options: BrowserOptions = {}): Promise<Browser> {
    const redirection = native ? undefined : this.#installed();
    return Browser.start(this.processes, this.seat, { redirection, ...options });
  }

  /** `nearside-host` where the session's user can run it. */
  get hostProgram(): string {
    return this.#installed().host;
  }

  /** What `nearside-host status --json` says in the session; nothing while no browser uses it,
   *  or while it hangs. */
  async hostStatus(): Promise<HostStatus | undefined> {
    const { user, env } = this.seat;
    const command = {
      name: "host-status",
      program: this.hostProgram,
      arguments: ["status", "--json"],
      env,
      ...(user ? { user } : {}),
    };
    const said = await this.processes.run(command).catch(() => undefined);
    return said ? (JSON.parse(said) as HostStatus) : undefined;
  }

  /** Waits until the host has the device, which it looks for in growing intervals. */
  async untilConnected(): Promise<void> {
    const isConnected = async () => ((await this.hostStatus())?.connected ? true : undefined);
    await eventually("device for the session", isConnected, CONNECTED_MS, () => "", 500);
  }

  /** The session's parts of Nearside, where the session's user can read them. */
  #installed(): Redirection {
    const folder = path.join(this.ledger.folder, "installed");
    const extension = path.join(folder, "extension");
    const host = path.join(folder, "nearside-host");
    if (!fs.existsSync(folder)) {
      fs.mkdirSync(folder, { mode: 0o755 });
      fs.cpSync(path.join(EXTENSION, "dist"), extension, { recursive: true });
      fs.copyFileSync(path.join(this.options.binaries, "nearside-host"), host);
      fs.chmodSync(host, 0o755);
      fs.chmodSync(folder, 0o755);
    }
    return { extension, host, hostName: HOST_NAME, extensionId: EXTENSION_ID };
  }

  /** The path of a clip on the page server. */
  async clip(name: ClipName): Promise<string> {
    const { folder, entry } = await clip(this.processes, this.options.store, name);
    return `/clips/${path.basename(folder)}/${entry}`;
  }

  /** Writes what was seen of something to a log beside those of the programs. */
  log(name: string, entries: unknown[]): void {
    this.#logs += 1;
    const file = path.join(this.ledger.folder, `${name}-${this.#logs}.log`);
    fs.writeFileSync(file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  }

  /** What the programs said, where it outlives the run's folder. */
  #keepLogs(): void {
    const kept = this.options.logs;
    fs.rmSync(kept, { recursive: true, force: true });
    fs.mkdirSync(kept, { recursive: true });
    for (const folder of [this.ledger.folder, path.join(this.ledger.folder, "xrdp")]) {
      const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
      for (const name of names.filter((one) => one.endsWith(".log"))) {
        fs.copyFileSync(path.join(folder, name), path.join(kept, name));
      }
    }
  }

  /** Ends everything. Called again it waits for the same end. */
  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #end(): Promise<void> {
    this.ledger.close();
    // Without a user of its own the session's programs are known by their surroundings.
    const hosts = this.#seat ? processesNamed(this.#seat, "nearside-host") : [];
    this.#server?.close();
    this.#session?.close();
    this.#device?.display.close();
    try {
      await this.processes.endAll();
      for (const pid of hosts) killTree(pid);
      this.#keepLogs();
      for (const kept of [this.options.store, this.options.logs]) {
        giveToAsker(kept);
        giveAlone(path.dirname(kept));
      }
    } finally {
      this.ledger.undo();
    }
  }
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the rig has no ${what} yet`);
  return value;
}
