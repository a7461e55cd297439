// Saves the picture on screen as a file, named by camera and time of capture.

import { element } from "../element";

const JPEG_QUALITY = 0.92;

/** What is on screen: the video, or the still under it while that shows nothing; and its date. */
export interface Shown {
  readonly video: HTMLVideoElement;
  readonly still: HTMLCanvasElement;
  taken(): number | null;
}

/** Wires the button. */
export function offerSnapshot(button: HTMLButtonElement, camera: string, shown: Shown): void {
  button.addEventListener("click", async () => {
    const name = snapshotName(camera, shown.taken() ?? Date.now());
    const saved = await savePicture(shown, name);
    element("announcement").textContent = saved ? `Saved ${name}.` : "There is no picture to save.";
    const root = document.documentElement;
    root.removeAttribute("data-flash");
    // The next frame: an animation begins anew only after a look without it.
    requestAnimationFrame(() => root.toggleAttribute("data-flash", saved));
  });
}

/** "garden-2026-11-21-15-30-12.jpg", by the reader's clock on the wall. */
export function snapshotName(camera: string, unixMs: number, timeZone?: string): string {
  // Swedish dates are ISO 8601.
  const date = new Intl.DateTimeFormat("sv-SE", {
    dateStyle: "short",
    timeStyle: "medium",
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(unixMs);
  return `${camera}-${date.replace(/[ :]/g, "-")}.jpg`;
}

/** Offers what is shown as a download; false when that is nothing. */
async function savePicture({ video, still }: Shown, name: string): Promise<boolean> {
  const empty = video.videoWidth === 0;
  const canvas = empty ? still : document.createElement("canvas");
  if (!empty) {
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d")?.drawImage(video, 0, 0);
  }
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", JPEG_QUALITY));
  if (!blob) return false;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // Not at once: Safari begins to read it later.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return true;
}
