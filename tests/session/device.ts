// The device in front of the user: a screen, a speaker, a window manager, the agent, and the RDP
// client with the plugin. All of it in the run's folder and on a display of its own.

import * as fs from "node:fs";
import * as path from "node:path";
import type { Ledger } from "./ledger.ts";
import { startScreen } from "./place.ts";
import type { Processes, Running } from "./processes.ts";
import { StatusStream } from "./status.ts";
import { STEP_MS, within } from "./wait.ts";
import { Display, type Rect, type Window } from "./x11.ts";

/** Size of the device's screen and of the remote desktop in pixels. */
export const SCREEN = "1280x960";
export const DESKTOP = { width: 1024, height: 768 };

/** What the RDP client is to connect to. */
export interface Target {
  port: number;
  user: string;
  password: string;
}

export class Device {
  readonly display: Display;
  readonly env: NodeJS.ProcessEnv;
  readonly #ledger: Ledger;
  readonly #processes: Processes;
  readonly #binaries: string;
  #agent: Running | undefined;
  #client: Running | undefined;
  #status: StatusStream | undefined;
  #desktop = DESKTOP;

  private constructor(
    ledger: Ledger,
    processes: Processes,
    binaries: string,
    display: Display,
    env: NodeJS.ProcessEnv,
  ) {
    this.#ledger = ledger;
    this.#processes = processes;
    this.#binaries = binaries;
    this.display = display;
    this.env = env;
  }

  /** `binaries` is the folder with `nearside`, its parts and the plugin. */
  static async start(ledger: Ledger, processes: Processes, binaries: string): Promise<Device> {
    const screen = await startScreen(processes, SCREEN);
    const home = path.join(ledger.folder, "device");
    const runtime = path.join(home, "run");
    fs.mkdirSync(runtime, { recursive: true, mode: 0o700 });
    const env = {
      PATH: process.env["PATH"],
      LANG: "C.UTF-8",
      HOME: home,
      XDG_RUNTIME_DIR: runtime,
      XDG_CONFIG_HOME: path.join(home, "config"),
      DISPLAY: `:${screen.number}`,
      RUST_LOG: process.env["RUST_LOG"] ?? "info",
    };
    const display = await Display.open(screen.number);
    const device = new Device(ledger, processes, binaries, display, env);
    await Promise.all([device.#startSound(), device.#startWindowManager()]);
    return device;
  }

  async #startSound(): Promise<void> {
    const server = this.#processes.start({
      name: "pulseaudio",
      program: "pulseaudio",
      arguments: [
        ...["--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "-n", "-vvv"],
        ...["-L", "module-native-protocol-unix auth-anonymous=1"],
        // Without `norewinds` it plays nothing for the first two seconds.
        ...["-L", "module-null-sink sink_name=speaker norewinds=1 rate=48000 channels=2"],
      ],
      env: this.env,
    });
    await server.line(/Daemon startup complete/);
  }

  async #startWindowManager(): Promise<void> {
    const manager = this.#processes.start({
      name: "openbox",
      program: "openbox",
      arguments: ["--startup", "echo manages"],
      env: this.env,
    });
    await manager.line(/^manages$/);
  }

  get runtime(): string {
    return path.join(this.env["XDG_RUNTIME_DIR"] ?? "", "nearside");
  }

  get channelSocket(): string {
    return path.join(this.runtime, "channel.sock");
  }

  get agent(): Running {
    if (!this.#agent) throw new Error("the agent was not started");
    return this.#agent;
  }

  get status(): StatusStream {
    if (!this.#status) throw new Error("the agent was not started");
    return this.#status;
  }

  async startAgent(settings: Record<string, boolean> = {}): Promise<void> {
    const folder = path.join(this.env["XDG_CONFIG_HOME"] ?? "", "nearside");
    fs.mkdirSync(folder, { recursive: true });
    const all = { video_all_sites: true, ...settings };
    fs.writeFileSync(path.join(folder, "settings.json"), JSON.stringify(all));
    // The rig's media are on this machine: the device may fetch from there.
    const policy = path.join(folder, "device-policy.json");
    fs.writeFileSync(policy, JSON.stringify({ allow_private_addresses: true }));
    const agent = this.#processes.start({
      name: "agent",
      program: path.join(this.#binaries, "nearside"),
      arguments: ["agent", "--device-policy", policy],
      env: this.env,
    });
    this.#agent = agent;
    await agent.line(/^ready$/);
    const before = this.#status;
    this.#status = await StatusStream.open(path.join(this.runtime, "control.sock"));
    before?.close();
  }

  /** The stages' and the agent's process ids, as the agent says them. */
  async pids(role: string): Promise<number[]> {
    const { processes } = this.status.now.value;
    return processes.filter((one) => one.role === role).map((one) => one.pid);
  }

  /** Puts the plugin where this machine's RDP client looks for it. */
  installPlugin(): void {
    const triplet = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
    const source = path.join(this.#binaries, "libnearside_rdp.so");
    this.#ledger.placeFile(`/usr/lib/${triplet}/freerdp2/libnearside-client.so`, source);
  }

  get client(): Running {
    if (!this.#client) throw new Error("the RDP client was not started");
    return this.#client;
  }

  /** Connects; `more` are further arguments of xfreerdp. Waits for its window. `desktop` is the
   *  size that the remote desktop will have. */
  async connect(target: Target, more: string[] = [], desktop = DESKTOP): Promise<void> {
    this.#desktop = desktop;
    const { width, height } = desktop;
    this.#client = this.#processes.start({
      name: "xfreerdp",
      program: "xfreerdp",
      arguments: [
        ...[`/v:127.0.0.1:${target.port}`, `/u:${target.user}`, `/p:${target.password}`],
        ...["/cert:ignore", "/sec:tls", `/size:${width}x${height}`],
        ...["-wallpaper", "/network:lan", "/log-level:WARN"],
        ...more,
      ],
      env: this.env,
    });
    await this.clientWindow();
  }

  /** Ends the connection from the user's side; the session goes on. */
  async disconnect(): Promise<void> {
    await this.client.end();
  }

  /** The window in which the RDP client shows the session. */
  async clientWindow(): Promise<Window> {
    const search = async (): Promise<Window> => {
      for (;;) {
        for (const one of await this.display.tree()) {
          const isClient = one.viewable && one.rect.width > 100 && (await this.#isClients(one.id));
          if (isClient) return one;
        }
        if (this.client.over) throw new Error(`xfreerdp has ended:\n${this.client.tail()}`);
        // X tells of new windows only those who select it at each parent: looking is simpler.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    return within(STEP_MS, "window of the RDP client", search(), () => this.client.tail());
  }

  async #isClients(window: number): Promise<boolean> {
    const pid = await this.display.property(window, "_NET_WM_PID").catch(() => Buffer.alloc(0));
    return pid.length === 4 && pid.readUInt32LE(0) === this.client.pid;
  }

  /** Windows of others inside the RDP client's: redirected pictures, the lowest first. */
  async overlays(): Promise<Window[]> {
    const client = await this.clientWindow();
    const inside = await this.display.tree(client.id);
    return inside.filter((one) => one.viewable);
  }

  /** Where a rectangle of the remote desktop lies on the device's screen. */
  async local(remote: Rect): Promise<Rect> {
    const { rect } = await this.clientWindow();
    const x = rect.width / this.#desktop.width;
    const y = rect.height / this.#desktop.height;
    return {
      x: rect.x + remote.x * x,
      y: rect.y + remote.y * y,
      width: remote.width * x,
      height: remote.height * y,
    };
  }
}
