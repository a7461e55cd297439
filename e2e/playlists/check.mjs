// Reads the playlists that are named as arguments with hls-parser in its strict
// mode. Prints one JSON object with how many it read, and what is wrong.

import { readFileSync } from "node:fs";
import * as HLS from "hls-parser";

HLS.setOptions({ strictMode: true });

const complaints = [];
let parts = 0;
for (const path of process.argv.slice(2)) {
  try {
    const playlist = HLS.parse(readFileSync(path, "utf8"));
    for (const segment of playlist.segments) parts += segment.parts.length;
  } catch (error) {
    complaints.push(`${path}: ${error.message}`);
  }
}
console.log(JSON.stringify({ playlists: process.argv.length - 2, parts, complaints }));
