// Programs that a run starts. Each leads a process group of its own and is in the ledger from its
// start to its end; output goes to a log file in the run's folder.
//
// Owner: the `Processes` of a run; `endAll` ends the newest first.

import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import type { Duplex } from "node:stream";
import { killTree, type Ledger } from "./ledger.ts";
import { elapse, STEP_MS, within } from "./wait.ts";

export interface Command {
  name: string;
  program: string;
  arguments?: string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Runs as this user instead. */
  user?: { uid: number; gid: number };
  /** More descriptors, from 3 on, as pipes. */
  pipes?: number;
}

/** A program that was asked to end gets so long, in milliseconds, before it is killed. */
const PATIENCE_MS = 3_000;

export class Processes {
  readonly #ledger: Ledger;
  readonly #running: Running[] = [];
  #started = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  start(command: Command): Running {
    this.#ledger.check();
    this.#started += 1;
    const log = path.join(this.#ledger.folder, `${this.#started}-${command.name}.log`);
    const running = new Running(command, log, (pid) => {
      this.#ledger.removeProcess(pid);
      this.#running.splice(this.#running.indexOf(running), 1);
    });
    if (running.pid !== undefined) this.#ledger.addProcess(running.pid);
    this.#running.push(running);
    return running;
  }

  /** Runs a program to its end. Returns what it said on standard output. */
  async run(command: Command, limitMs = STEP_MS): Promise<string> {
    const running = this.start(command);
    try {
      const code = await within(limitMs, `end of ${command.name}`, running.ended);
      if (code !== 0) throw new Error(`${command.name} ended with ${code}:\n${running.tail()}`);
      return running.text();
    } finally {
      await running.end();
    }
  }

  async endAll(): Promise<void> {
    // One that cannot be ended, e.g. in the midst of I/O, is no reason to leave the others.
    for (const running of [...this.#running].reverse()) await running.end().catch(() => {});
  }
}

export class Running {
  readonly name: string;
  readonly log: string;
  /** Exit code, or 128 and the signal's number as shells say it; -1 if it did not start. */
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #listeners = new Set<() => void>();
  #over = false;

  constructor(command: Command, log: string, onEnd: (pid: number) => void) {
    this.name = command.name;
    this.log = log;
    const pipes = Array.from({ length: command.pipes ?? 0 }, () => "pipe" as const);
    const stdio: StdioOptions = ["ignore", "pipe", "pipe", ...pipes];
    this.#child = spawn(command.program, command.arguments ?? [], {
      cwd: command.cwd ?? "/",
      detached: true,
      env: command.env ?? process.env,
      stdio,
      ...command.user,
    });
    const file = fs.createWriteStream(log);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      let rest = "";
      stream?.setEncoding("utf8").on("data", (text: string) => {
        // Its last words may come after its end.
        if (file.writable) file.write(text);
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        this.#lines.push(...lines);
        for (const look of [...this.#listeners]) look();
      });
    }
    const pid = this.#child.pid;
    this.ended = new Promise((resolve) => {
      this.#child.on("error", (error) => {
        this.#lines.push(`${command.program}: ${error.message}`);
        resolve(-1);
      });
      // Output comes before `close`, not before `exit`; but helpers may hold it open for ever.
      this.#child.on("exit", (code, signal) => {
        this.#over = true;
        if (pid !== undefined) onEnd(pid);
        for (const look of [...this.#listeners]) look();
        setImmediate(() => {
          file.end();
          resolve(code ?? 128 + (signal === "SIGKILL" ? 9 : 15));
        });
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Descriptor `index` of the extra pipes. */
  pipe(index: number): Duplex {
    const stream = this.#child.stdio[index];
    if (!stream) throw new Error(`${this.name} has no descriptor ${index}`);
    return stream as Duplex;
  }

  text(): string {
    return this.#lines.join("\n");
  }

  /** The last lines, for error messages. */
  tail(): string {
    return this.#lines.slice(-30).join("\n");
  }

  /** The first line, from `since` on, that matches; an error when the program ends before. */
  async line(pattern: RegExp, limitMs = STEP_MS, since = 0): Promise<RegExpExecArray> {
    let next = since;
    let look = () => {};
    const found = new Promise<RegExpExecArray>((resolve, reject) => {
      look = () => {
        for (; next < this.#lines.length; next += 1) {
          const match = pattern.exec(this.#lines[next] ?? "");
          if (match) return resolve(match);
        }
        if (this.#over) reject(new Error(`${this.name} has ended:\n${this.tail()}`));
      };
    });
    this.#listeners.add(look);
    look();
    try {
      return await within(limitMs, `${pattern} from ${this.name}`, found, () => this.tail());
    } finally {
      this.#listeners.delete(look);
    }
  }

  /** Number of lines so far, for `line`. */
  get lines(): number {
    return this.#lines.length;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.pid !== undefined && !this.#over) process.kill(this.pid, signal);
  }

  /** Asks it to end, kills it with all it started if it does not. */
  async end(): Promise<void> {
    const { pid } = this;
    if (pid === undefined) return;
    if (!this.#over) {
      try {
        // A stopped program hears nothing.
        process.kill(-pid, "SIGCONT");
        process.kill(-pid, "SIGTERM");
      } catch {
        // Its group has ended meanwhile.
      }
      await Promise.race([this.ended, elapse(PATIENCE_MS)]);
    }
    killTree(pid);
    await within(PATIENCE_MS, `end of ${this.name}`, this.ended);
  }
}
