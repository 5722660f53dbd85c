/**
 * Chromium with the built extension, nearside-host and a real agent that draws off-screen, on
 * this machine and without RDP: started together, ended together, also after a failure.
 *
 * The host speaks to the agent's channel socket. Everything lies in one folder of its own;
 * pages, players and clips come from a server on the loopback interface. The parts that
 * start and end programs are those of tests/session.
 */
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type BrowserContext, chromium, type Page, type Worker } from "playwright-core";
import { type ClipName, clip } from "../../../../tests/session/clips.ts";
import { Ledger, pids, undoLeftovers } from "../../../../tests/session/ledger.ts";
import { Processes, type Running } from "../../../../tests/session/processes.ts";
import { PageServer } from "../../../../tests/session/server.ts";
import { StatusStream } from "../../../../tests/session/status.ts";
import { elapse, STEP_MS } from "../../../../tests/session/wait.ts";
import { EXTENSION_ID, HOST_NAME } from "../../src/common/identity.js";

const EXTENSION = fileURLToPath(new URL("../../", import.meta.url));
const ROOT = path.resolve(EXTENSION, "../..");
const TARGET = process.env["CARGO_TARGET_DIR"] ?? path.join(ROOT, "target");
const BINARIES = path.join(TARGET, "debug");
const STORE = path.join(TARGET, "rig/clips");

export interface RigOptions {
  /** Without an agent from the start. */
  agent?: boolean;
  /** The device's settings; all sites are on unless it says otherwise. */
  settings?: Record<string, boolean>;
  /** Without nearside-host. */
  host?: boolean;
  /** Without the extension. */
  extension?: boolean;
  /** More switches for the browser. */
  switches?: readonly string[];
  /** Pages are as large as the browser's window leaves them. */
  inWindow?: boolean;
  /** The browser's language of colours. */
  colorScheme?: "light" | "dark";
}

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-component-update",
  "--disable-sync",
  "--window-size=1280,900",
  // Pages are on this machine, and nothing else is to be asked for.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

/** What is to be ended when the runner ends a file whose time is over; it waits for its end. */
const running = new Set<BrowserRig>();
const ENDING_MS = 10_000;

process.once("SIGTERM", () => {
  const stopped = Promise.allSettled([...running].map((rig) => rig.stop()));
  void Promise.race([stopped, elapse(ENDING_MS)]).finally(() => process.exit(1));
});

export class BrowserRig {
  readonly processes: Processes;
  readonly #ledger = new Ledger();
  readonly #options: RigOptions;
  #server: PageServer | undefined;
  #context: BrowserContext | undefined;
  #status: StatusStream | undefined;
  #agent: Running | undefined;

  private constructor(options: RigOptions) {
    this.#options = options;
    this.processes = new Processes(this.#ledger);
  }

  static async start(options: RigOptions = {}): Promise<BrowserRig> {
    undoLeftovers();
    const rig = new BrowserRig(options);
    running.add(rig);
    try {
      fs.mkdirSync(STORE, { recursive: true });
      rig.#server = await PageServer.start({
        "/clips/": STORE,
        "/lib/": path.join(EXTENSION, "node_modules"),
        "/session/": path.join(ROOT, "tests/session/pages"),
        "/": path.join(EXTENSION, "tests/browser/pages"),
      });
      if (options.agent ?? true) await rig.startAgent();
      await rig.#startBrowser();
      return rig;
    } catch (error) {
      await rig.stop();
      throw error;
    }
  }

  get context(): BrowserContext {
    return there(this.#context, "browser");
  }

  get agent(): Running {
    return there(this.#agent, "agent");
  }

  /** What the agent says of itself. */
  get status(): StatusStream {
    return there(this.#status, "agent");
  }

  /** Address of a page in tests/browser/pages, or of anything else that is served. */
  url(path: string): string {
    return there(this.#server, "page server").url(path);
  }

  /** The path of a clip on the page server; made at its first use. */
  async clip(name: ClipName): Promise<string> {
    const { folder, entry } = await clip(this.processes, STORE, name);
    return `/clips/${path.basename(folder)}/${entry}`;
  }

  /** Where what the server has at `address` lies. */
  fileOf(address: string): string {
    return path.join(STORE, address.replace("/clips/", ""));
  }

  async startAgent(): Promise<void> {
    const settings = { video_all_sites: true, ...this.#options.settings };
    fs.writeFileSync(path.join(this.#runtime, "settings.json"), JSON.stringify(settings));
    // Media by URL are on this machine: the device may fetch from there.
    const policy = path.join(this.#runtime, "device-policy.json");
    fs.writeFileSync(policy, JSON.stringify({ allow_private_addresses: true }));
    const agent = this.processes.start({
      name: "agent",
      program: path.join(BINARIES, "nearside"),
      arguments: ["agent", "--headless", "--device-policy", policy],
      env: {
        PATH: process.env["PATH"],
        HOME: this.#folder("device"),
        NEARSIDE_RUNTIME_DIR: this.#runtime,
        RUST_LOG: process.env["RUST_LOG"] ?? "info",
      },
    });
    this.#agent = agent;
    await agent.line(/^ready$/);
    this.#status?.close();
    this.#status = await StatusStream.open(path.join(this.#runtime, "control.sock"));
  }

  get #runtime(): string {
    return this.#folder("device/run");
  }

  #folder(name: string): string {
    const folder = path.join(this.#ledger.folder, name);
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  async #startBrowser(): Promise<void> {
    const home = this.#folder("session");
    const profile = this.#folder("session/profile");
    if (this.#options.host ?? true) writeHostManifest(profile);
    const hasExtension = this.#options.extension ?? true;
    const extension = hasExtension ? [`--load-extension=${path.join(EXTENSION, "dist")}`] : [];
    this.#context = await chromium.launchPersistentContext(profile, {
      executablePath: "/usr/bin/chromium",
      // Playwright's own way of running without a display knows no extensions.
      headless: false,
      args: [...FLAGS, ...extension, ...(this.#options.switches ?? [])],
      ignoreDefaultArgs: ["--disable-extensions", "--hide-scrollbars"],
      colorScheme: this.#options.colorScheme ?? "light",
      viewport: this.#options.inWindow ? null : { width: 1000, height: 700 },
      env: {
        PATH: process.env["PATH"] ?? "",
        LANG: "C.UTF-8",
        HOME: home,
        XDG_RUNTIME_DIR: home,
        NEARSIDE_CHANNEL: `unix:${path.join(this.#runtime, "channel.sock")}`,
      },
    });
  }

  /** What the first item's page shows on the device, as a PNG file. */
  async screenshot(): Promise<string> {
    const page = this.status.now.value.items[0]?.page;
    if (page === undefined) throw new Error("nothing is on the device");
    const file = path.join(this.#runtime, "screenshot.png");
    const socket = net.connect(path.join(this.#runtime, "control.sock"));
    const answer = once(socket, "data", { signal: AbortSignal.timeout(STEP_MS) });
    socket.write(`${JSON.stringify({ type: "screenshot", page, path: file })}\n`);
    const reply = JSON.parse(String((await answer)[0]));
    socket.destroy();
    if (reply.type !== "done") throw new Error(`no screenshot: ${reply.message}`);
    return file;
  }

  /** The extension's service worker, started if it is not running. */
  async worker(): Promise<Worker> {
    const { context } = this;
    return context.serviceWorkers()[0] ?? (await context.waitForEvent("serviceworker"));
  }

  /** A new tab on `address`, which may be a path of the page server. */
  async open(address: string): Promise<Page> {
    // A page that is loaded before the extension stays as it is until it is loaded again.
    await this.worker();
    const page = await this.context.newPage();
    await page.goto(address.startsWith("/") ? this.url(address) : address);
    return page;
  }

  /** The browser's number of the tab that shows `page`. */
  async tabOf(page: Page): Promise<number> {
    const worker = await this.worker();
    const id = await worker.evaluate(async (url) => {
      const tabs = await chrome.tabs.query({});
      return tabs.find((tab) => tab.url === url)?.id ?? null;
    }, page.url());
    if (id === null) throw new Error(`no tab shows ${page.url()}`);
    return id;
  }

  /** The popup for the tab of `page`, as a page of its own. */
  async popup(page: Page): Promise<Page> {
    return this.popupOf(await this.tabOf(page));
  }

  async popupOf(tab: number): Promise<Page> {
    const popup = await this.context.newPage();
    await popup.setViewportSize({ width: 376, height: 640 });
    await popup.goto(`chrome-extension://${EXTENSION_ID}/popup.html?tab=${tab}`);
    return popup;
  }

  /** The tooltip of the icon in the tab of `page`: headline, reason, next step. */
  async tooltip(page: Page): Promise<string> {
    const tab = await this.tabOf(page);
    const worker = await this.worker();
    return worker.evaluate((tabId) => chrome.action.getTitle({ tabId }), tab);
  }

  /** The processes of this rig's nearside-host: one a port, and the one that has the channel. */
  hosts(): number[] {
    const channel = `NEARSIDE_CHANNEL=unix:${path.join(this.#runtime, "channel.sock")}`;
    return pids().filter((pid) => {
      const isHost = path.basename(wordsOf(pid, "cmdline")[0] ?? "").startsWith("nearside-host");
      return isHost && wordsOf(pid, "environ").includes(channel);
    });
  }

  /** Those of them that only copy, one a port. */
  relays(): number[] {
    return this.hosts().filter((pid) => {
      const [program, part] = wordsOf(pid, "cmdline");
      // One that is ending has no words.
      return program && part !== "broker";
    });
  }

  async stop(): Promise<void> {
    running.delete(this);
    this.#status?.close();
    await this.#context?.close();
    for (const pid of this.hosts()) process.kill(pid, "SIGTERM");
    this.#server?.close();
    await this.processes.endAll();
    this.#ledger.undo();
  }
}

/** Tells the browser how to start the host. */
/** proc(5): what a process was started with; nothing of one that has ended, or of another user. */
function wordsOf(pid: number, kind: "cmdline" | "environ"): string[] {
  try {
    return fs.readFileSync(`/proc/${pid}/${kind}`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function writeHostManifest(profile: string): void {
  const folder = path.join(profile, "NativeMessagingHosts");
  fs.mkdirSync(folder, { recursive: true });
  const manifest = {
    name: HOST_NAME,
    description: "Nearside",
    path: path.join(BINARIES, "nearside-host"),
    type: "stdio",
    allowed_origins: [`chrome-extension://${EXTENSION_ID}/`],
  };
  fs.writeFileSync(path.join(folder, `${HOST_NAME}.json`), JSON.stringify(manifest));
}

function there<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the rig has no ${what}`);
  return value;
}
