// What a run has changed on the machine, on disk, so that the next run can undo it when this one
// was killed: processes, the user, files put in system folders.
//
// One JSON file in the run's folder, rewritten whole before each change takes place.
// INVARIANT: a process is ended only if its start time is the one that was written down: a pid
// that went to another program is left alone.

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

interface Entries {
  runner: Identity;
  processes: Identity[];
  users: string[];
  /** Files in system folders, with the copy of what was there before, if any. */
  files: { path: string; before: string | null }[];
}

/** A process and when it began, in clock ticks since boot. */
export interface Identity {
  pid: number;
  began: string;
}

const PREFIX = "nearside-rig-";

export class Ledger {
  readonly folder: string;
  readonly #entries: Entries;
  #closed = false;

  /** Begins a run: a folder of its own that other users may pass through, not list. */
  constructor() {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), PREFIX));
    fs.chmodSync(this.folder, 0o711);
    const runner = identity(process.pid);
    if (!runner) throw new Error("/proc does not show this process");
    this.#entries = { runner, processes: [], users: [], files: [] };
    this.#write();
  }

  addProcess(pid: number): void {
    const known = identity(pid);
    if (!known) return;
    this.#entries.processes.push(known);
    this.#write();
  }

  removeProcess(pid: number): void {
    // The last ones are heard of when all has been undone.
    if (!fs.existsSync(this.folder)) return;
    const { processes } = this.#entries;
    this.#entries.processes = processes.filter((one) => one.pid !== pid);
    this.#write();
  }

  addUser(name: string): void {
    this.check();
    this.#entries.users.push(name);
    this.#write();
  }

  /** Puts a file into a system folder; `undo` brings back what was there. */
  placeFile(target: string, source: string): void {
    this.check();
    let before: string | null = null;
    if (fs.existsSync(target)) {
      before = path.join(this.folder, `before-${this.#entries.files.length}`);
      fs.copyFileSync(target, before);
    }
    this.#entries.files.push({ path: target, before });
    this.#write();
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.rmSync(target, { force: true });
    fs.copyFileSync(source, target);
    fs.chmodSync(target, 0o644);
  }

  /** The run ends: whoever is still at work is refused to change anything more. */
  close(): void {
    this.#closed = true;
  }

  /** Throws when the run is ending. */
  check(): void {
    if (this.#closed) throw new Error("the rig is ending");
  }

  /** Undoes everything, also what an own process has not been told to undo; then the folder. */
  undo(): void {
    undo(this.#entries);
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  #write(): void {
    const file = path.join(this.folder, "ledger.json");
    fs.writeFileSync(`${file}.next`, JSON.stringify(this.#entries));
    fs.renameSync(`${file}.next`, file);
  }
}

/** Undoes what runs left that no longer run. Returns their folders. */
export function undoLeftovers(): string[] {
  const found: string[] = [];
  for (const name of fs.readdirSync(os.tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = path.join(os.tmpdir(), name);
    // A folder of that name by somebody else is none of ours.
    if (fs.lstatSync(folder).uid !== process.getuid?.()) continue;
    let entries: Entries;
    try {
      entries = JSON.parse(fs.readFileSync(path.join(folder, "ledger.json"), "utf8")) as Entries;
    } catch {
      continue;
    }
    if (isRunning(entries.runner)) continue;
    undo(entries);
    fs.rmSync(folder, { recursive: true, force: true });
    found.push(folder);
  }
  return found;
}

function undo(entries: Entries): void {
  for (const one of [...entries.processes].reverse()) {
    if (isRunning(one)) killTree(one.pid);
  }
  for (const user of entries.users) removeUser(user);
  for (const file of [...entries.files].reverse()) {
    fs.rmSync(file.path, { force: true });
    if (file.before) fs.copyFileSync(file.before, file.path);
  }
}

/** Kills a process, what it started, and the process group that it leads. */
export function killTree(pid: number): void {
  const all = [pid, ...descendants(pid)];
  for (const target of [-pid, ...all]) {
    try {
      process.kill(target, "SIGKILL");
    } catch {
      // It has ended already, or leads no group.
    }
  }
}

/** Ends every process of a throw-away user, then removes it. Its home is in the run's folder. */
export function removeUser(name: string): void {
  let uid: number;
  try {
    uid = Number(execFileSync("id", ["-u", name], { stdio: ["ignore", "pipe", "ignore"] }));
  } catch {
    return;
  }
  // Asked first: an X server that is killed leaves its display number taken.
  for (let round = 0; round < 100; round += 1) {
    const pids = processesOf(uid);
    if (pids.length === 0) break;
    for (const pid of pids) {
      try {
        process.kill(pid, round < 30 ? "SIGTERM" : "SIGKILL");
      } catch {
        // It has ended already.
      }
    }
    // The kernel takes them away one after the other.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  for (const folder of ["/tmp", "/tmp/.X11-unix", "/run/xrdp/sockdir"]) removeOf(uid, folder);
  execFileSync("userdel", ["--force", name], { stdio: "ignore" });
}

/** Removes what a user has put directly into a folder: locks and sockets of displays. */
function removeOf(uid: number, folder: string): void {
  if (!fs.existsSync(folder)) return;
  for (const name of fs.readdirSync(folder)) {
    const file = path.join(folder, name);
    try {
      if (fs.lstatSync(file).uid === uid) fs.rmSync(file, { recursive: true, force: true });
    } catch {
      // Gone by itself.
    }
  }
}

/** Living processes of a user. */
export function processesOf(uid: number): number[] {
  return pids().filter((pid) => {
    try {
      return fs.statSync(`/proc/${pid}`).uid === uid && stat(pid)?.state !== "Z";
    } catch {
      return false;
    }
  });
}

/** All living descendants of a process. */
export function descendants(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const pid of pids()) {
    const parent = stat(pid)?.parent;
    if (parent === undefined) continue;
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found: number[] = [];
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    const below = children.get(pid) ?? [];
    found.push(...below);
    open.push(...below);
  }
  return found;
}

export function pids(): number[] {
  return fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

export interface Stat {
  state: string;
  parent: number;
  /** User and system time of the process and of its children that have been waited for, ticks. */
  ticks: number;
  began: string;
}

/** proc(5), /proc/pid/stat; `undefined` once the process is gone. */
export function stat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The name in parentheses may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parent] = fields;
  const began = fields[19];
  if (state === undefined || parent === undefined || began === undefined) return undefined;
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { state, parent: Number(parent), ticks, began };
}

function identity(pid: number): Identity | undefined {
  const known = stat(pid);
  return known && { pid, began: known.began };
}

function isRunning(one: Identity): boolean {
  const now = stat(one.pid);
  // One that nobody has waited for is still listed.
  return now?.began === one.began && now.state !== "Z";
}
