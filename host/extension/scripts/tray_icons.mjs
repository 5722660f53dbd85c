/**
 * Draws the device's tray icons, `assets/icons/tray/*.png`, from `assets/icons/*.svg`. They are
 * kept beside the drawings, because the agent is built without this tool; a test compares.
 *
 * `node scripts/tray_icons.mjs`
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Resvg } from "@resvg/resvg-js";

export const FOLDER = resolve(dirname(fileURLToPath(import.meta.url)), "../../../assets/icons");
/** Of a panel at 100 % and at 200 %. */
const SIZES = [22, 44];
const STATES = ["not-loaded", "failed", "loaded", "video", "call", "video-call"];

/** The icons by their file names. */
export function trayIcons() {
  return STATES.flatMap((state) => {
    const svg = readFileSync(join(FOLDER, `${state}.svg`), "utf8");
    return SIZES.map((size) => {
      const image = new Resvg(svg, { fitTo: { mode: "width", value: size } }).render();
      return [`tray/${state}-${size}.png`, image.asPng()];
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(join(FOLDER, "tray"), { recursive: true });
  for (const [name, png] of trayIcons()) writeFileSync(join(FOLDER, name), png);
}
