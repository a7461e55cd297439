// The sheet for sharing: the link as a QR code and as text, and the system's
// own sheet where there is one. The link comes from the service, because the
// page's address carries none; it is for watching only.

import { chunk } from "../chunk";
import { deadline } from "../deadline";
import { element } from "../element";

const DEADLINE_MS = 8000;

/** Wires the button and the sheet; `url` answers with the link's path. */
export function offerShare(button: HTMLButtonElement, camera: string, url: string): void {
  const sheet = element<HTMLDialogElement>("share-sheet");
  const link = element<HTMLInputElement>("share-link");
  const copy = element<HTMLButtonElement>("share-copy");
  const send = element<HTMLButtonElement>("share-system");
  const say = (words: string) => {
    element("share-words").textContent = words;
  };

  button.addEventListener("click", async () => {
    show(null);
    say("Asking for the link …");
    sheet.showModal();
    try {
      const address = await fetchLink(url);
      const { generate } = await chunk(() => import("lean-qr"));
      generate(address).toCanvas(element<HTMLCanvasElement>("share-code"), { off: [255, 255, 255] });
      show(address);
      say("Whoever opens this link can watch this camera, and nothing more.");
    } catch {
      say("The service did not give the link. Try again.");
    }
  });

  function show(address: string | null): void {
    link.value = address ?? "";
    link.hidden = address === null;
    element("share-code").hidden = address === null;
    // Both need a secure context.
    copy.hidden = address === null || !("clipboard" in navigator);
    send.hidden = address === null || !("share" in navigator);
    // The best way to pass it on stands out.
    copy.classList.toggle("first", send.hidden);
  }

  link.addEventListener("focus", () => link.select());
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(link.value);
      say("Copied.");
    } catch {
      link.focus();
      say("Copy the link from the line below.");
    }
  });
  send.addEventListener("click", () => {
    navigator.share({ title: camera, url: link.value }).catch(() => undefined);
  });
  element("share-close").addEventListener("click", () => sheet.close());
  sheet.addEventListener("click", (event) => {
    // The backdrop is the dialog itself; what it holds covers the rest.
    if (event.target === sheet && outside(sheet, event)) sheet.close();
  });
}

async function fetchLink(url: string): Promise<string> {
  const response = await fetch(url, { cache: "no-store", signal: deadline(DEADLINE_MS) });
  const { path } = (await response.json()) as { path: string };
  return new URL(path, location.origin).href;
}

function outside(sheet: HTMLElement, { clientX, clientY }: MouseEvent): boolean {
  const { left, right, top, bottom } = sheet.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}
