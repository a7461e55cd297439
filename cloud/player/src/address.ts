// What the page's own address says: which camera, and where its media and API
// are. The same page serves `/watch/{camera}/` and `/t/{token}/watch/{camera}/`;
// the addresses are relative, so a token in the path is inherited.

import type { Sources } from "./engine";

export interface Address {
  readonly camera: string;
  readonly sources: Sources;
  /** The last picture, as a video of one frame, relative to the page. */
  readonly still: string;
  /** Status JSON, relative to the page. */
  readonly status: string;
  /** The statuses of all cameras that this visitor may see, relative to the page. */
  readonly cameras: string;
  /** Where a wish to start or stop is posted, relative to the page. */
  readonly desired: string;
  /** What answers with a link to pass on, relative to the page. */
  readonly link: string;
}

/** Reads `location.pathname`; null when it names no camera. */
export function readAddress(path: string): Address | null {
  const camera = /^(?:\/t\/[^/]+)?\/watch\/([A-Za-z0-9._~-]+)\/$/.exec(path)?.[1];
  if (camera === undefined) return null;
  return {
    camera,
    sources: { instant: "live.mp4", lowLatency: "index.m3u8", plain: "plain.m3u8" },
    still: "still.mp4",
    status: `../../api/cameras/${camera}`,
    cameras: "../../api/cameras",
    desired: `../../api/cameras/${camera}/desired`,
    link: `../../api/cameras/${camera}/link`,
  };
}
