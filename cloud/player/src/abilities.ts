// What this browser can play, and how it must be treated.

import type { Abilities } from "./choice";

type MediaSourceClass = typeof MediaSource;

/** What every camera's codec is at least. */
const BASELINE = "avc1.42e01e";

/** iPhones have only the managed one; where both exist the plain one leaves the buffer to the page. */
export function mediaSourceClass(): MediaSourceClass | null {
  const { MediaSource, ManagedMediaSource } = globalThis as {
    MediaSource?: MediaSourceClass;
    ManagedMediaSource?: MediaSourceClass;
  };
  return MediaSource ?? ManagedMediaSource ?? null;
}

export function browserAbilities(video: HTMLVideoElement, codec: string = BASELINE): Abilities {
  const type = mp4Type(codec);
  return {
    mediaSource: mediaSourceClass()?.isTypeSupported(type) ?? false,
    nativeHls: video.canPlayType("application/vnd.apple.mpegurl") !== "" && video.canPlayType(type) !== "",
    nativeDates: "getStartDate" in video,
  };
}

export function mp4Type(codec: string): string {
  return `video/mp4; codecs="${codec}"`;
}

/** WebKit, by what only it has. */
export const IS_WEBKIT =
  "ManagedMediaSource" in globalThis || "webkitSetPresentationMode" in videoPrototype();

function videoPrototype(): object {
  return globalThis.HTMLVideoElement?.prototype ?? {};
}
