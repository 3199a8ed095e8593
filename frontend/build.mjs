// Brings what the browser needs from npm into build/static/vendor/, bundled where it comes in pieces. Same input, same bytes.

import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const vendor = process.env.STATEWARD_VENDOR ?? join(here, "..", "build", "static", "vendor");
const lock = JSON.parse(await readFile(join(here, "package-lock.json"), "utf8"));
const version = (name) => lock.packages[`node_modules/${name}`].version;
const licences = new Set();

async function copy(name, file, as) {
  await mkdir(join(vendor, dirname(as)), { recursive: true });
  await copyFile(join(here, "node_modules", name, file), join(vendor, as));
  licences.add(name);
}

function packageOf(path) {
  const parts = path.split("node_modules/").at(-1).split("/");
  return parts[0].startsWith("@") ? `${parts[0]}/${parts[1]}` : parts[0];
}

async function bundleEditor() {
  const result = await build({
    absWorkingDir: here,
    entryPoints: ["src/editor.js"],
    outfile: join(vendor, "editor", "editor.js"),
    bundle: true,
    format: "esm",
    minify: true,
    target: "es2022",
    legalComments: "none",
    metafile: true,
  });
  for (const path of Object.keys(result.metafile.inputs)) {
    if (path.includes("node_modules/")) licences.add(packageOf(path));
  }
}

async function writeLicences() {
  const texts = [];
  for (const name of [...licences].sort()) {
    const about = lock.packages[`node_modules/${name}`];
    const file = await readFile(join(here, "node_modules", name, "LICENSE"), "utf8").catch(() => `${about.license}\n`);
    texts.push(`${name} ${about.version} (${about.license})\n\n${file.trim()}\n`);
  }
  await writeFile(join(vendor, "LICENCES.txt"), texts.join(`\n${"-".repeat(80)}\n\n`));
}

await rm(vendor, { recursive: true, force: true });
await mkdir(vendor, { recursive: true });
await copy("plotly.js-basic-dist-min", "plotly-basic.min.js", "plotly/plotly-basic.min.js");
await bundleEditor();
await writeLicences();
await writeFile(
  join(vendor, "versions.json"),
  `${JSON.stringify(Object.fromEntries([...licences].sort().map((name) => [name, version(name)])), null, 2)}\n`,
);
