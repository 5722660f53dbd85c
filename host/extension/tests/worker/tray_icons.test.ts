/** The device's tray icons are those that are drawn: `node scripts/tray_icons.mjs` makes them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
// @ts-expect-error a script without types
import { FOLDER, trayIcons } from "../../scripts/tray_icons.mjs";

test("the tray's icons are up to date", () => {
  for (const [name, png] of trayIcons() as [string, Buffer][]) {
    assert.ok(readFileSync(join(FOLDER as string, name)).equals(png), name);
  }
});
