// The entry of the rig: what to do, and that everything ends whatever happens.

import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { giveToAsker } from "./asker.ts";
import { registerCases } from "./cases/all.ts";
import { measure } from "./measure.ts";
import { PageError } from "./opening.ts";
import { type Options, readOptions, USAGE, UsageError } from "./options.ts";
import { play } from "./play.ts";
import { Rig, type RigOptions } from "./rig.ts";
import { elapse, TooLate } from "./wait.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TARGET = path.resolve(ROOT, process.env["CARGO_TARGET_DIR"] ?? "target");

/** What is to be stopped when this program is asked to end. */
const rigs = new Set<Rig>();

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
  for (const rig of [...rigs]) {
    rigs.delete(rig);
    await rig.stop();
  }
}

function rigOptions(options: Options, more: Partial<RigOptions> = {}): RigOptions {
  const binaries = path.join(TARGET, "debug");
  const [store, logs] = [path.join(TARGET, "rig/clips"), path.join(TARGET, "rig/logs")];
  return { rdp: options.rdp, xrdp: options.xrdp, binaries, store, logs, ...more };
}

/** Says what is wrong with a folder before anything is started for it. */
function checkFolder(name: string, folder: string): void {
  const isFolder = name !== "" && fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory();
  if (!isFolder) throw new UsageError(`no folder "${name}", nor an http or https URL`);
  const index = path.join(folder, "index.html");
  if (!fs.existsSync(index)) throw new UsageError(`no index.html in ${name}`);
}

/** A report that could not be written is better known before the page has been played. */
function checkReport(file: string): void {
  const folder = path.dirname(path.resolve(file));
  const isFile = !fs.statSync(file, { throwIfNoEntry: false })?.isDirectory();
  if (!isFile || !fs.existsSync(folder))
    throw new UsageError(`no report can be written to ${file}`);
}

function writeReport({ report, screenshots }: Options, text: string): void {
  if (report) {
    fs.writeFileSync(report, text);
    giveToAsker(report);
  }
  if (screenshots) giveToAsker(screenshots);
}

/** A page of this machine, where the browser looks anyway. */
function isUsual(url: string): boolean {
  return /^(127\.0\.0\.1|(.+\.)?localhost)$/.test(new URL(url).hostname);
}

/** A browser that has just been started is busy with itself so long: that is not the page's. */
const START_MS = 2_000;

async function playPage(options: Options): Promise<void> {
  const isUrl = /^https?:\/\//.test(options.page);
  if (isUrl && !URL.canParse(options.page)) throw new UsageError(`no URL: "${options.page}"`);
  const folder = path.resolve(options.page);
  if (!isUrl) checkFolder(options.page, folder);
  const rig = await Rig.start(
    rigOptions(options, { native: options.native, ...(isUrl ? {} : { pages: folder }) }),
    (one) => rigs.add(one),
  );
  const url = isUrl ? options.page : rig.server.url("/");
  const browser = await rig.browser(options.native, { anywhere: !isUsual(url) });
  await elapse(START_MS);
  const report = await play(rig, browser, url, {
    seconds: options.seconds,
    ...(options.screenshots ? { screenshots: options.screenshots } : {}),
  });
  const text = `${JSON.stringify(report, null, 2)}\n`;
  process.stdout.write(text);
  writeReport(options, text);
  if (options.keep) {
    process.stderr.write(
      `\nEverything keeps running.\n` +
        `  the device's screen:   DISPLAY=${rig.device.env["DISPLAY"]}\n` +
        `  the session's desktop: DISPLAY=:${rig.seat.display}` +
        `${rig.seat.authority ? ` XAUTHORITY=${rig.seat.authority}` : ""}\n` +
        `  a picture of either:   import -window root FILE.png   (with these variables)\n` +
        `  status of the agent:   XDG_RUNTIME_DIR=${rig.device.env["XDG_RUNTIME_DIR"]} ` +
        `${path.join(rig.options.binaries, "nearside")} status --watch\n` +
        `  logs:                  ${rig.ledger.folder}\n` +
        `To end it: Ctrl-C here, or kill ${process.pid}\n`,
    );
    await new Promise<void>((resolve) => browser.running.ended.then(() => resolve()));
  }
}

async function measureAll(options: Options): Promise<void> {
  const rig = await Rig.start(rigOptions(options), (one) => rigs.add(one));
  const text = `${JSON.stringify(await measure(rig, options.seconds), null, 2)}\n`;
  process.stdout.write(text);
  writeReport(options, text);
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.report) checkReport(options.report);
  if (options.screenshots) fs.mkdirSync(options.screenshots, { recursive: true });
  // In the cases the test runner hears of it, and goes on.
  if (options.mode !== "cases") process.once("uncaughtException", endWith);
  if (options.mode === "page") await playPage(options);
  else if (options.mode === "measure") await measureAll(options);
  else {
    // node:test runs them when this module has been read, and ends the rig after the last.
    const { native, filters, screenshots } = options;
    const adopt = (rig: Rig) => rigs.add(rig);
    registerCases(rigOptions(options, { native }), filters, screenshots, adopt);
    return;
  }
  await stopAll();
}

/** What is wrong outside of the rig takes no trace of the rig's. */
function explain(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n\n${USAGE}`;
  if (error instanceof PageError || error instanceof TooLate) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Ends everything after a fault in the rig itself. */
function endWith(error: unknown): void {
  process.stderr.write(`rig.sh: ${explain(error)}\n`);
  void stopAll().finally(() => process.exit(1));
}

try {
  await main();
} catch (error) {
  await stopAll();
  process.stderr.write(`rig.sh: ${explain(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
