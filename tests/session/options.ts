// The rig's command line.

import * as path from "node:path";
import { parseArgs } from "node:util";

export const USAGE = `usage: tests/rig.sh [--native] [--no-rdp] [--screenshots DIR] [CASE...]
                    all cases, or those whose names hold one of the words
       tests/rig.sh --page DIR|URL [--seconds N] [--report FILE.json] [--screenshots DIR]
                    [--native] [--no-rdp] [--keep]
       tests/rig.sh --measure [--report FILE.json] [--seconds N]
       with --xrdp PREFIX: that of another build

--page         serves DIR (its index.html) on the loopback interface, or takes a URL; opens it in
               the session's browser, plays it, and reports what was redirected and how it looked
--seconds      ends after so long when the page's media have not ended (default 60)
--report       writes the report to a file, too
--screenshots  keeps pictures of the device's screen and of the session's desktop
--native       without redirection
--no-rdp       without an RDP connection: the browser reaches the agent over a local socket
--xrdp         xrdp as installed in PREFIX (its sbin and etc/xrdp), 0.9 or 0.10
--keep         leaves everything running, and says how to look at it and how to end it
--measure      redirected and native playback side by side: processor time, first picture, ...`;

export interface Options {
  mode: "cases" | "page" | "measure";
  /** Only cases whose names hold one of these. */
  filters: string[];
  page: string;
  seconds: number;
  report?: string;
  screenshots?: string;
  native: boolean;
  rdp: boolean;
  /** Where xrdp is installed. */
  xrdp: string;
  keep: boolean;
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {}

export function readOptions(words: string[]): Options {
  const { values, positionals } = parse(words);
  const mode = values.page !== undefined ? "page" : values.measure ? "measure" : "cases";
  if (mode !== "cases" && positionals.length > 0) {
    throw new UsageError(`what is "${positionals[0]}"?`);
  }
  const seconds = Number(values.seconds ?? 60);
  if (!Number.isFinite(seconds) || seconds <= 0) throw new UsageError("--seconds takes a number");
  if (mode === "measure" && (values.native || values["no-rdp"])) {
    throw new UsageError("--measure compares, over RDP");
  }
  if (mode !== "page" && values.keep) throw new UsageError("--keep belongs to --page");
  return {
    mode,
    filters: positionals,
    page: values.page ?? "",
    seconds,
    ...(values.report === undefined ? {} : { report: values.report }),
    ...(values.screenshots === undefined ? {} : { screenshots: path.resolve(values.screenshots) }),
    native: values.native ?? false,
    rdp: !values["no-rdp"],
    xrdp: path.resolve(values.xrdp ?? "/"),
    keep: values.keep ?? false,
  };
}

function parse(words: string[]) {
  try {
    return parseArgs({
      args: words,
      allowPositionals: true,
      options: {
        page: { type: "string" },
        seconds: { type: "string" },
        report: { type: "string" },
        screenshots: { type: "string" },
        native: { type: "boolean" },
        "no-rdp": { type: "boolean" },
        xrdp: { type: "string" },
        keep: { type: "boolean" },
        measure: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
