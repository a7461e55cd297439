// Saves the picture on screen as a file, named by camera and time of capture.

import { element } from "../element";

const JPEG_QUALITY = 0.92;

/** Wires the button; `taken` tells the date of the picture on screen. */
export function offerSnapshot(
  button: HTMLButtonElement,
  video: HTMLVideoElement,
  camera: string,
  taken: () => number | null,
): void {
  button.addEventListener("click", async () => {
    const name = snapshotName(camera, taken() ?? Date.now());
    const saved = await savePicture(video, name);
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

/** Offers what the video shows as a download; false when it shows nothing. */
async function savePicture(video: HTMLVideoElement, name: string): Promise<boolean> {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
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
