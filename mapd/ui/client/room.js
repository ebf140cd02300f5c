// The room vote's keys press streamlit's own buttons, and the field that waits for the room's hands has the focus.
// See scripts.py.

import { listen, scroll, scrolls } from "./keys.js";

const NAMES = { Enter: "enter", ArrowLeft: "left", ArrowRight: "right" };
const WAITS = '[class*="st-key-hotfocus_"]';
const FRAME = '[class*="st-key-mapd_rendered_"]';
let latest; // the name of the field that had the focus last
let isTyped = false; // whether something was typed there

const button = (key) => document.querySelector(
  `[class*="st-key-hot_${CSS.escape(NAMES[key] ?? key)}_"] button:enabled`);
const isUntouched = (node) => !isTyped && node.closest?.(WAITS) !== null;

function take(key, event) {
  if (!document.querySelector(".st-key-mapd_room_hands")) return false;
  if (scrolls(key, event) && event.target === document.body) { // nothing that scrolls has the focus
    scroll(document.querySelector('[data-testid="stMain"]'), key, event);
    return true;
  }
  const target = button(key);
  if (!event.repeat) target?.click();
  return Boolean(target);
}

function giveFocus() {
  const place = document.querySelector(WAITS);
  const name = place?.className.match(/st-key-hotfocus_\S+/)[0];
  const field = place?.querySelector("input");
  if (name === latest || (place && !field)) return;
  [latest, isTyped] = [name, false];
  const at = document.activeElement;
  const isFree = at === document.body || at?.closest('[class*="st-key-hot_"], [data-testid="stForm"]');
  if (!field || !isFree) return;
  field.focus();
  field.select();
}

listen(take, { isOurs: (key, node) => ["ArrowLeft", "ArrowRight"].includes(key) && isUntouched(node) });
document.addEventListener("input", ({ target }) => {
  if (target.closest?.(WAITS)) isTyped = true;
}, true);
new MutationObserver(giveFocus).observe(document.body, { subtree: true, childList: true, attributeFilter: ["class"] });
giveFocus();

// A rendered text is a frame: with the focus in it, its keys are pressed in there.
window.addEventListener("blur", () => {
  const frame = document.activeElement;
  if (frame?.closest(FRAME)) listen(take, { on: frame.contentWindow });
});
