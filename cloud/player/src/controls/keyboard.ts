// Listens to the keyboard, unless the visitor wants no shortcuts: single keys
// get in the way of speech control (WCAG 2.1.4). The list of keys stands
// beside the switch.

import { element, tag } from "../element";
import { type Action, actionFor, SHORTCUTS } from "./keys";

const STORED_AS = "zerocam.shortcuts";

/** Carries out what keys ask for, and fills the list of keys. */
export function offerKeys(actions: Record<Action, () => void>): void {
  const wanted = element<HTMLInputElement>("shortcuts");
  wanted.checked = stored() !== "off";
  wanted.addEventListener("change", () => store(wanted.checked ? "on" : "off"));
  element("keys").append(
    ...SHORTCUTS.map(([, key, words]) => {
      const item = tag("li", "", "");
      item.append(tag("span", "", words), tag("kbd", "", key));
      return item;
    }),
  );
  document.addEventListener("keydown", (press) => {
    if (!wanted.checked || press.defaultPrevented || document.querySelector("dialog[open]")) return;
    const action = actionFor(press, document.activeElement?.tagName ?? "BODY");
    if (action === null) return;
    press.preventDefault();
    actions[action]();
  });
}

/** Browsers that keep nothing for a page throw. */
function stored(): string | null {
  try {
    return localStorage.getItem(STORED_AS);
  } catch {
    return null;
  }
}

function store(value: string): void {
  try {
    localStorage.setItem(STORED_AS, value);
  } catch {
    // It holds until the page is closed.
  }
}
