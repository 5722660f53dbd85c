// Runs pages of web-platform-tests twice, in Chromium as it is and redirected, and says side by
// side what came of it. The tests are not part of this repository: they are named on the
// command line.

import * as fs from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import {
  type Comparison,
  compare,
  HEAD,
  isSame,
  listOf,
  type Round,
  rowOf,
  sentenceOf,
  sumOf,
} from "./compare.ts";
import { findPages, type TestPage } from "./pages.ts";
import { Side } from "./side.ts";

export const USAGE = `usage: tests/wpt.sh --wpt DIR [--folder FOLDER] [--filter TEXT] [--again N]
                    [--timeouts N] [--report FILE.json]

--wpt       a checkout of web-platform-tests: resources, common, media and the folder of the tests
--folder    which tests (default media-source)
--filter    only pages whose address holds this
--again     runs what differs so many times more, to tell chance from difference (default 2)
--timeouts  lets tests take so many times as long as usual (default 2)
--report    writes all results to a file, too

Prints a line a page: passed of all tests native and redirected, how many tests differ, how many
players the page had and how many of them were on the device. The exit code is 1 when a test differs.`;

class UsageError extends Error {}

interface Options {
  wpt: string;
  folder: string;
  filter: string;
  again: number;
  timeouts: number;
  report: string | undefined;
}

function readOptions(words: string[]): Options {
  const { values } = parse(words);
  const folder = (values.folder ?? "media-source").replace(/^\/+|\/+$/g, "");
  const wpt = path.resolve(values.wpt ?? "");
  if (values.wpt === undefined) throw new UsageError("--wpt is missing");
  for (const part of ["resources/testharness.js", folder]) {
    if (!fs.existsSync(path.join(wpt, part))) throw new UsageError(`no ${part} in ${wpt}`);
  }
  return {
    wpt,
    folder,
    filter: values.filter ?? "",
    again: count("--again", values.again ?? "2", 0),
    timeouts: count("--timeouts", values.timeouts ?? "2", 1),
    report: values.report,
  };
}

function parse(words: string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: words,
      options: {
        wpt: text,
        folder: text,
        filter: text,
        again: text,
        timeouts: text,
        report: text,
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function count(name: string, word: string, least: number): number {
  const number = Number(word);
  if (!Number.isInteger(number) || number < least) {
    throw new UsageError(`${name} takes a number from ${least}`);
  }
  return number;
}

const sides: Side[] = [];

for (const [signal, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
] as const) {
  process.once(signal, () => {
    process.stderr.write(`\n${signal}: ending what was started\n`);
    void stopAll().finally(() => process.exit(128 + number));
  });
}

async function stopAll(): Promise<void> {
  for (const side of sides.splice(0)) await side.stop();
}

async function start(options: Options, redirected: boolean): Promise<Side> {
  const { wpt: root, timeouts } = options;
  const side = await Side.start({ root, redirected, timeouts });
  sides.push(side);
  return side;
}

async function runPage(
  native: Side,
  redirected: Side,
  page: TestPage,
  again: number,
): Promise<Comparison> {
  const round = async (): Promise<Round> => ({
    native: await native.run(page),
    redirected: await redirected.run(page),
  });
  const rounds: [Round, ...Round[]] = [await round()];
  for (let more = 0; more < again && !rounds.some(isSame); more += 1) rounds.push(await round());
  return compare(page.address, rounds);
}

async function run(options: Options): Promise<number> {
  const pages = findPages(options.wpt, options.folder, options.filter);
  if (pages.length === 0) throw new UsageError("no such test page");
  const native = await start(options, false);
  const redirected = await start(options, true);
  const all: Comparison[] = [];
  process.stdout.write(`${HEAD}\n`);
  for (const page of pages) {
    const one = await runPage(native, redirected, page, options.again);
    all.push(one);
    process.stdout.write(`${rowOf(one)}\n`);
  }
  const sum = sumOf(all);
  const lists = all.map(listOf).filter((list) => list !== "");
  process.stdout.write(`\n${lists.map((list) => `${list}\n`).join("")}${sentenceOf(sum)}\n`);
  if (options.report !== undefined) {
    fs.writeFileSync(options.report, `${JSON.stringify({ sum, pages: all }, null, 2)}\n`);
  }
  return all.some((one) => one.different.length > 0) ? 1 : 0;
}

async function main(): Promise<number> {
  const words = process.argv.slice(2);
  if (words.includes("--help") || words.includes("-h")) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  try {
    return await run(readOptions(words));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`wpt.sh: ${error.message}\n${USAGE}\n`);
    return 2;
  } finally {
    await stopAll();
  }
}

process.exit(await main());
