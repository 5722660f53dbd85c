// A login session on this machine, reached over RDP on the loopback interface: xrdp and its
// session manager with copies of their settings, and a throw-away user with a password.
//
// Needs root. The session says itself when it is ready and what its environment is: its start
// script writes that into the user's home. Without systemd; where the machine runs a session
// manager already (it has one fixed port), that one is used.

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import type { Ledger } from "./ledger.ts";
import { connects, freePort, listens } from "./place.ts";
import type { Processes, Running } from "./processes.ts";
import { eventually, STEP_MS, Watched } from "./wait.ts";

/** Where programs of the remote side run: as whom, with which surroundings. */
export interface Seat {
  user?: { uid: number; gid: number };
  env: NodeJS.ProcessEnv;
  home: string;
  display: number;
  authority?: string;
}

export interface Account {
  name: string;
  password: string;
  uid: number;
  gid: number;
  home: string;
}

const PREFERRED_PORT = 33_890;

/** Where sesman serves: 0.9 at a port, which its settings name, 0.10 at a socket. */
const SESMAN_PORT = 3350;
const SESMAN_SOCKET = "/run/xrdp/sockdir/sesman.socket";

/** Debian's. */
const SOCKSETUP = "/usr/share/xrdp/socksetup";

/** Written last by the session's start script: `NAME=value` pairs, each ended by a zero byte. */
const READY_FILE = "session-ready";

/** The session's start script: a window manager that says when it manages. */
const XSESSION = `#!/bin/sh
export XDG_RUNTIME_DIR="$HOME/run"
mkdir -p -m 0700 "$XDG_RUNTIME_DIR"
openbox --startup 'sh -c "env -0 >$HOME/${READY_FILE}.next; mv $HOME/${READY_FILE}.next $HOME/${READY_FILE}"' &
# The session goes on when another window manager takes over.
exec sleep infinity
`;

export class LoginServer {
  readonly port: number;
  readonly account: Account;
  readonly #processes: Running[];
  readonly #folder: string;

  private constructor(port: number, account: Account, processes: Running[], folder: string) {
    this.#folder = folder;
    this.port = port;
    this.account = account;
    this.#processes = processes;
  }

  /** `prefix` is where xrdp is installed. */
  static async start(ledger: Ledger, processes: Processes, prefix: string): Promise<LoginServer> {
    const account = createAccount(ledger);
    const { uid, gid } = account;
    try {
      await processes.run({ name: "access", program: "/bin/true", user: { uid, gid } });
    } catch {
      throw new Error("users other than root cannot run programs: is the folder / closed to them?");
    }
    const folder = path.join(ledger.folder, "xrdp");
    fs.mkdirSync(folder);
    // Folders of the sockets between xrdp's parts; made by systemd elsewhere, by 0.10 itself.
    if (fs.existsSync(SOCKSETUP)) {
      await processes.run({ name: "socksetup", program: "sh", arguments: [SOCKSETUP] });
    }
    const settings = path.join(prefix, "etc/xrdp");
    const started: Running[] = [];
    const start = async (
      name: string,
      file: string,
      serves: (running: Running) => Promise<boolean>,
    ) => {
      const program = path.join(prefix, "sbin", name);
      const running = processes.start({ name, program, arguments: ["-n", "-c", file] });
      started.push(running);
      if (await serves(running)) return;
      throw new Error(`${name} does not listen:\n${running.tail()}\n${lastLines(folder)}`);
    };
    const usesPort = /^ListenPort=\d+$/m.test(read(path.join(settings, "sesman.ini")));
    const runs = usesPort
      ? await listens(SESMAN_PORT)
      : prefix === "/" && (await connects({ path: SESMAN_SOCKET }));
    if (!runs) {
      const file = copySettings(settings, "sesman.ini", folder, []);
      await start("xrdp-sesman", file, (running) =>
        usesPort ? listens(SESMAN_PORT, running) : saysSo(`${file}.log`, running),
      );
    }
    const port = await freePort(PREFERRED_PORT);
    const address: [RegExp, string] = [/^port=3389$/m, `port=tcp://127.0.0.1:${port}`];
    const file = copySettings(settings, "xrdp.ini", folder, [address]);
    await start("xrdp", file, (running) => listens(port, running));
    return new LoginServer(port, account, started, folder);
  }

  /** Processes of xrdp itself; those of the session belong to the account's user. */
  get roots(): number[] {
    return this.#processes.flatMap((one) => (one.pid === undefined ? [] : [one.pid]));
  }

  /** The session, once it has begun. */
  async seat(limitMs = STEP_MS): Promise<Seat> {
    const { home, uid, gid } = this.account;
    const file = path.join(home, READY_FILE);
    const begun = new Watched(fs.existsSync(file));
    const watcher = fs.watch(home, () => {
      begun.value = fs.existsSync(file);
    });
    try {
      begun.value = fs.existsSync(file);
      const describe = () => lastLines(this.#folder);
      await begun.until("login session", (isThere) => isThere, limitMs, describe);
    } finally {
      watcher.close();
    }
    const env: NodeJS.ProcessEnv = {};
    for (const pair of fs.readFileSync(file, "utf8").split("\0")) {
      const equals = pair.indexOf("=");
      if (equals > 0) env[pair.slice(0, equals)] = pair.slice(equals + 1);
    }
    const display = Number(/^:(\d+)/.exec(env["DISPLAY"] ?? "")?.[1]);
    if (Number.isNaN(display)) throw new Error("the session does not say its display");
    await untilReached(env["XRDP_SOCKET_PATH"] ?? "/run/xrdp/sockdir", display);
    const authority = env["XAUTHORITY"] ?? path.join(home, ".Xauthority");
    return { user: { uid, gid }, env, home, display, authority };
  }
}

function createAccount(ledger: Ledger): Account {
  const name = `nearside-rig${process.pid}`;
  const home = path.join(ledger.folder, "home");
  const password = randomBytes(12).toString("hex");
  ledger.addUser(name);
  const options = ["--no-create-home", "--home-dir", home, "--shell", "/bin/sh"];
  execFileSync("useradd", [...options, name], { stdio: "inherit" });
  execFileSync("chpasswd", { input: `${name}:${password}\n` });
  const [uid, gid] = ["-u", "-g"].map((option) =>
    Number(execFileSync("id", [option, name], { encoding: "utf8" })),
  );
  if (uid === undefined || gid === undefined) throw new Error(`no user ${name}`);
  fs.mkdirSync(home, { mode: 0o700 });
  fs.writeFileSync(path.join(home, ".xsession"), XSESSION, { mode: 0o755 });
  fs.chownSync(home, uid, gid);
  fs.chownSync(path.join(home, ".xsession"), uid, gid);
  return { name, password, uid, gid, home };
}

/** xrdp 0.10 reaches a new session's channel server up to two seconds after the session's start;
 *  that server listens for it until then. */
async function untilReached(folder: string, display: number): Promise<void> {
  const isThere = (name: string) => fs.existsSync(path.join(folder, `${name}_${display}`));
  const isReached = async () =>
    (isThere("xrdpapi") && !isThere("xrdp_chansrv_socket")) || undefined;
  await eventually("connection to the session's channel server", isReached);
}

/** True once sesman 0.10's log says that it listens; false when it ends instead. */
function saysSo(log: string, sesman: Running): Promise<boolean> {
  const look = async () => {
    if (sesman.over) return false;
    return fs.existsSync(log) && /now listening on/.test(read(log)) ? true : undefined;
  };
  return eventually("session manager", look);
}

function read(file: string): string {
  return fs.readFileSync(file, "utf8");
}

/** The ends of the logs in a folder. */
function lastLines(folder: string): string {
  const logs = fs.readdirSync(folder).filter((name) => name.endsWith(".log"));
  const tail = (name: string) => {
    const lines = fs.readFileSync(path.join(folder, name), "utf8").trimEnd().split("\n");
    return [`${name}:`, ...lines.slice(-15)].join("\n");
  };
  return logs.map(tail).join("\n");
}

/** Copies an installed settings file; its log goes to a file beside the copy. */
function copySettings(
  from: string,
  name: string,
  folder: string,
  changes: [RegExp, string][],
): string {
  let text = read(path.join(from, name));
  const common: [RegExp, string][] = [
    [/^LogFile=.*$/gm, `LogFile=${path.join(folder, name)}.log`],
    [/^EnableSyslog=.*$/gm, "EnableSyslog=false"],
  ];
  for (const [pattern, replacement] of [...common, ...changes]) {
    text = text.replace(pattern, replacement);
  }
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
}
