/**
 * Makes dist/, the folder that the browser loads: four bundles, the popup's page, icons as
 * PNG from assets/icons/*.svg, and the manifest with the package's version.
 *
 * `node scripts/build.mjs [--out DIR]`. Nothing is fetched; what is not named here is not
 * in the extension.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Resvg } from "@resvg/resvg-js";
import { build } from "esbuild";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const icons = resolve(root, "../../assets/icons");
const { values } = parseArgs({ options: { out: { type: "string" } } });
const out = resolve(values.out ?? join(root, "dist"));

/** Name in assets/icons and the sizes the browser asks for. */
const ICONS = {
  nearside: [16, 32, 48, 128],
  "not-loaded": [16, 32, 48],
  failed: [16, 32, 48],
  loaded: [16, 32, 48],
  video: [16, 32, 48],
};

const readJson = (path) => JSON.parse(readFileSync(join(root, path), "utf8"));
const writeJson = (path, value) =>
  writeFileSync(join(out, path), `${JSON.stringify(value, null, 2)}\n`);

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "icons"), { recursive: true });

await build({
  absWorkingDir: root,
  entryPoints: {
    main: "src/main/index.ts",
    isolated: "src/isolated/index.ts",
    worker: "src/worker/index.ts",
    popup: "src/popup/index.ts",
  },
  outdir: out,
  bundle: true,
  format: "iife",
  target: "chrome120",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
});

for (const name of ["popup.html", "popup.css"]) {
  cpSync(join(root, "src/popup", name), join(out, name));
}
cpSync(join(root, "managed_schema.json"), join(out, "managed_schema.json"));
writeJson("manifest.json", {
  ...readJson("manifest.json"),
  version: readJson("package.json").version,
});
for (const [name, sizes] of Object.entries(ICONS)) {
  const svg = readFileSync(join(icons, `${name}.svg`));
  for (const size of sizes) {
    const png = new Resvg(svg, { fitTo: { mode: "width", value: size } }).render().asPng();
    writeFileSync(join(out, "icons", `${name}-${size}.png`), png);
  }
}
