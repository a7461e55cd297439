// Bundles src/ into dist/: one static index.html for every camera, cameras.html
// for their list, and the assets of both under content-hashed names, so that
// they may be cached for ever. hls.js is a chunk of its own, fetched only when
// it is needed. Fails when the page grows too large.

import { readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Compressed, for a phone on a bad network. */
const MAX_FIRST_BYTES = 90_000;
const MAX_ALL_BYTES = 250_000;

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");

await rm(dist, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["main.ts", "watch.css", "cameras.ts", "cameras.css", "icon.svg"].map((file) => `src/${file}`),
  outdir: "dist/assets",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  // Spring 2022 and later.
  target: ["chrome100", "firefox100", "safari15.4"],
  loader: { ".svg": "copy" },
  // Already minified by its authors, harder than here.
  alias: { "hls.js/light": "hls.js/dist/hls.light.min.mjs" },
  bundle: true,
  format: "esm",
  splitting: true,
  minify: true,
  metafile: true,
  legalComments: "inline",
  logLevel: "warning",
});

const outputs = Object.entries(metafile.outputs);
const outputOf = (source) => {
  const found = outputs.find(([, output]) => output.entryPoint === source);
  if (!found) throw new Error(`the bundle has no output for ${source}`);
  return found[0];
};

/** Writes a page with the final names of its assets; returns these. */
async function writePage(file) {
  const named = [];
  const template = await readFile(join(here, "src", file), "utf8");
  const page = template.replace(/(src|href)="\.\/([\w.]+)"/g, (_, attribute, source) => {
    named.push(outputOf(`src/${source}`));
    return `${attribute}="/assets/${basename(named.at(-1))}"`;
  });
  await writeFile(join(dist, file), page);
  return named;
}

// What a phone loads before the first picture: the page and what it names, and
// what these import at once.
const eager = new Set(["dist/index.html"]);
const addEager = (path) => {
  eager.add(path);
  for (const { path: imported, kind } of metafile.outputs[path].imports) {
    if (kind === "import-statement" && !eager.has(imported)) addEager(imported);
  }
};
for (const path of await writePage("index.html")) addEager(path);
await writePage("cameras.html");

let firstBytes = 0;
let allBytes = 0;
for (const file of ["dist/index.html", "dist/cameras.html", ...outputs.map(([path]) => path)]) {
  const bytes = await readFile(join(here, file));
  const gzip = gzipSync(bytes, { level: 9 }).length;
  allBytes += gzip;
  if (eager.has(file)) firstBytes += gzip;
  console.log(
    `${file}  ${bytes.length} bytes, ${gzip} gzip${eager.has(file) ? ", before the first picture" : ""}`,
  );
}
console.log(`${firstBytes} bytes gzip before the first picture, ${allBytes} in all`);
if (firstBytes > MAX_FIRST_BYTES || allBytes > MAX_ALL_BYTES) {
  throw new Error(`too large: at most ${MAX_FIRST_BYTES} and ${MAX_ALL_BYTES} bytes`);
}
