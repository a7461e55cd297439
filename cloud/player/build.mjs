// Bundles src/ into dist/: one static index.html for every camera and its
// assets under content-hashed names, so that they may be cached for ever.
// hls.js is a chunk of its own, fetched only by browsers that use it.

import { readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");

await rm(dist, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.ts", "src/style.css", "src/icon.svg"],
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
const nameOf = (source) => {
  const found = outputs.find(([, output]) => output.entryPoint === source);
  if (!found) throw new Error(`the bundle has no output for ${source}`);
  return `/assets/${basename(found[0])}`;
};

const template = await readFile(join(here, "src/index.html"), "utf8");
const page = template.replace(/(src|href)="\.\/([\w.]+)"/g, (_, attribute, file) => {
  return `${attribute}="${nameOf(`src/${file}`)}"`;
});
await writeFile(join(dist, "index.html"), page);

for (const file of ["dist/index.html", ...outputs.map(([path]) => path)]) {
  const bytes = await readFile(join(here, file));
  const gzip = gzipSync(bytes, { level: 9 }).length;
  console.log(`${file}  ${bytes.length} bytes, ${gzip} gzip`);
}
