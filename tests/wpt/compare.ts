// Compares what a page reported in the two browsers, and says it as a table.
//
// Tests of media in a browser are not steady, so a test that differed is run again in both:
// it is `different` when no round was the same, `unsteady` when one was.

import type { PageRun } from "./side.ts";

/** One round: the page in each browser. */
export interface Round {
  readonly native: PageRun;
  readonly redirected: PageRun;
}

export interface Difference {
  readonly test: string;
  /** Statuses by round. */
  readonly native: readonly string[];
  readonly redirected: readonly string[];
  /** What the redirected test said in the first round. */
  readonly message: string;
}

export interface Comparison {
  readonly page: string;
  readonly tests: number;
  readonly nativePasses: number;
  readonly redirectedPasses: number;
  readonly different: readonly Difference[];
  readonly unsteady: readonly Difference[];
  readonly players: number;
  readonly redirected: number;
  readonly reasons: readonly string[];
  readonly seconds: { readonly native: number; readonly redirected: number };
}

/** In place of a test's name: what the page as a whole came to. */
const WHOLE = "(the page)";

export function isSame({ native, redirected }: Round): boolean {
  return [...namesIn([native, redirected])].every(
    (name) => statusOf(native, name) === statusOf(redirected, name),
  );
}

/** `rounds` is not empty; the first one's counts are those of the table. */
export function compare(page: string, rounds: readonly [Round, ...Round[]]): Comparison {
  const [{ native, redirected }] = rounds;
  const different: Difference[] = [];
  const unsteady: Difference[] = [];
  for (const name of namesIn(rounds.flatMap((round) => [round.native, round.redirected]))) {
    const statuses = {
      native: rounds.map((round) => statusOf(round.native, name)),
      redirected: rounds.map((round) => statusOf(round.redirected, name)),
    };
    const same = rounds.map((_, at) => statuses.native[at] === statuses.redirected[at]);
    if (same[0]) continue;
    const message = redirected.tests.get(name)?.message ?? "";
    (same.includes(true) ? unsteady : different).push({ test: name, ...statuses, message });
  }
  return {
    page,
    tests: new Set([...native.tests.keys(), ...redirected.tests.keys()]).size,
    nativePasses: passes(native),
    redirectedPasses: passes(redirected),
    different,
    unsteady,
    players: redirected.players,
    redirected: redirected.redirected,
    reasons: redirected.reasons,
    seconds: { native: native.seconds, redirected: redirected.seconds },
  };
}

function namesIn(runs: readonly PageRun[]): Set<string> {
  return new Set([WHOLE, ...runs.flatMap((run) => [...run.tests.keys()])]);
}

function statusOf(run: PageRun, name: string): string {
  return name === WHOLE ? run.harness : (run.tests.get(name)?.status ?? "MISSING");
}

function passes(run: PageRun): number {
  return [...run.tests.values()].filter(({ status }) => status === "PASS").length;
}

export const HEAD = row([
  "native",
  "redirected",
  "differ",
  "unsteady",
  "players",
  "on device",
  "page",
]);

export function rowOf(one: Comparison): string {
  return row([
    `${one.nativePasses}/${one.tests}`,
    `${one.redirectedPasses}/${one.tests}`,
    `${one.different.length || ""}`,
    `${one.unsteady.length || ""}`,
    `${one.players}`,
    `${one.redirected}`,
    one.page,
  ]);
}

function row(cells: readonly string[]): string {
  const widths = [8, 11, 7, 9, 8, 10];
  return cells.map((cell, at) => cell.padStart(widths[at] ?? 0)).join("  ");
}

/** The tests that differ, one paragraph a page. */
export function listOf(one: Comparison): string {
  const lines = [
    ...one.different.map((difference) => lineOf("different", difference)),
    ...one.unsteady.map((difference) => lineOf("unsteady", difference)),
  ];
  return lines.length === 0 ? "" : `${one.page}\n${lines.join("\n")}\n`;
}

function lineOf(kind: string, { test, native, redirected, message }: Difference): string {
  const statuses = `${native.join(",")} -> ${redirected.join(",")}`;
  return `  ${kind}: ${statuses}: ${test}${message && `\n      ${message}`}`;
}

export interface Sum {
  pages: number;
  tests: number;
  same: number;
  unsteady: number;
  different: number;
  nativePasses: number;
  redirectedPasses: number;
  players: number;
  redirected: number;
  /** Pages of which the device had at least one player. */
  redirectedPages: number;
}

/** A page's own result counts as different when it is, but not among its tests. */
export function sumOf(all: readonly Comparison[]): Sum {
  const sum = (value: (one: Comparison) => number) =>
    all.reduce((total, one) => total + value(one), 0);
  const inTests = (list: readonly Difference[]) => list.filter(({ test }) => test !== WHOLE).length;
  const tests = sum((one) => one.tests);
  const [different, unsteady] = [
    sum((one) => inTests(one.different)),
    sum((one) => inTests(one.unsteady)),
  ];
  return {
    pages: all.length,
    tests,
    same: tests - different - unsteady,
    unsteady,
    different,
    nativePasses: sum((one) => one.nativePasses),
    redirectedPasses: sum((one) => one.redirectedPasses),
    players: sum((one) => one.players),
    redirected: sum((one) => one.redirected),
    redirectedPages: all.filter((one) => one.redirected > 0).length,
  };
}

export function sentenceOf(sum: Sum): string {
  return (
    `${sum.same} of ${sum.tests} tests of ${sum.pages} pages the same, ` +
    `${sum.unsteady} in some rounds, ${sum.different} in none; ` +
    `passed ${sum.nativePasses} native, ${sum.redirectedPasses} redirected; ` +
    `${sum.redirected} of ${sum.players} players on the device, of ${sum.redirectedPages} pages`
  );
}
