// The keyboard: which key does what, as a table. Pure; `main.ts` carries it out.

export type Action = "pause" | "back" | "forward" | "live" | "fullscreen" | "in-picture" | "snapshot";

/** [action, its key as on a keyboard, what it does] */
export const SHORTCUTS: readonly (readonly [Action, string, string])[] = [
  ["pause", "K", "Pause, play"],
  ["back", "←", "10 seconds back"],
  ["forward", "→", "10 seconds forward"],
  ["live", "L", "Live"],
  ["fullscreen", "F", "Full screen"],
  ["in-picture", "P", "Picture in picture"],
  ["snapshot", "S", "Save this picture"],
];

const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  [" ", "pause"],
  ["k", "pause"],
  ["arrowleft", "back"],
  ["arrowright", "forward"],
  ["l", "live"],
  ["f", "fullscreen"],
  ["p", "in-picture"],
  ["s", "snapshot"],
]);

export interface Press {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
}

/** What a key press means; `focus` is the tag of the element that has the focus, and that comes first. */
export function actionFor({ key, ctrlKey, altKey, metaKey }: Press, focus: string): Action | null {
  if (ctrlKey || altKey || metaKey) return null;
  if (focus === "INPUT" || focus === "SELECT") return null;
  if (key === " " && focus !== "BODY") return null;
  return ACTIONS.get(key.toLowerCase()) ?? null;
}
