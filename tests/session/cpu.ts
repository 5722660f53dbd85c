// Processor time of programs, from /proc: a process with all that it has started, living or
// waited for.

import { execFileSync } from "node:child_process";
import { descendants, processesOf, stat } from "./ledger.ts";

let ticksASecond: number | undefined;

function seconds(ticks: number): number {
  ticksASecond ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return ticks / ticksASecond;
}

/**
 * A counter over a set of processes that may grow. A child that ends is in the time of the parent
 * that waited for it, so the difference of the sums is right as long as the roots live.
 */
export class CpuCounter {
  readonly #list: () => Iterable<number>;
  readonly #before: number;

  private constructor(list: () => Iterable<number>) {
    this.#list = list;
    this.#before = this.#ticks();
  }

  /** Counts the processes that `list` names, from now on. */
  static of(list: () => Iterable<number>): CpuCounter {
    return new CpuCounter(list);
  }

  /** Counts all of a user's processes, and some trees besides, from now on. */
  static ofUser(uid: number, roots: number[]): CpuCounter {
    return new CpuCounter(() => [
      ...processesOf(uid),
      ...roots.flatMap((root) => [root, ...descendants(root)]),
    ]);
  }

  #ticks(): number {
    let sum = 0;
    for (const pid of new Set(this.#list())) sum += stat(pid)?.ticks ?? 0;
    return sum;
  }

  seconds(): number {
    return seconds(this.#ticks() - this.#before);
  }
}
