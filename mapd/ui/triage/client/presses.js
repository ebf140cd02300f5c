// What is pressed in triage, and what it means there: keys, keys while a panel is open, a swipe, a selection.

import { perform } from "./acts.js";
import { actOf, keyOf, listen, scroll, scrolls } from "../keys.js";
import { PANELS } from "./panels.js";
import { selectedRange, stepBeside } from "./passage.js";

const SWIPE = 90; // px

// Hears keys, a thumb, a selection, and that the page is left.
export function hear(triage, signal) {
  const { root, outbox } = triage;
  const hearOn = (target, name, act) => target.addEventListener(name, act, { signal, passive: name === "touchstart" });
  let start = null; // where a finger touched the text
  hearOn(window, "pagehide", () => triage.flush());
  hearOn(window, "online", () => outbox.drain());
  hearOn(document, "selectionchange", () => select(triage));
  hearOn(root, "touchstart", ({ target, touches: [touch, second] }) => {
    start = !second && target.closest(".mapd-right") ? touch : null;
  });
  hearOn(root, "touchend", ({ changedTouches: [touch] }) => start && swipe(triage, start, touch));
  // A click leaves the focus where it is: the keys go on as before. A text may be selected, too.
  hearOn(root, "mousedown", (event) => event.target.closest(".mapd-act, .mapd-textline") && event.preventDefault());
  hearOn(root, "mouseup", () => document.querySelector(".mapd-scroll:focus")?.blur());
  hearOn(root, "click", ({ target }) => {
    if (target.closest(".mapd-rare")) triage.isFootOpen = false;
    if (target.closest("button")) triage.draw();
  });
  listen(triage.take, { signal });
}

// Returns whether the key is the page's.
export function takeKey(triage, key, event) {
  triage.draw();
  return (triage.panel ? takePanelKey : takePageKey)(triage, key, event);
}

function takePageKey(triage, key, event) {
  if (key === "Escape") {
    triage.root.querySelector(":focus")?.blur();
    return false;
  }
  if (scrolls(key, event)) return scrollText(triage, key, event);
  const act = actOf(key);
  if (!act || (event.shiftKey && key.length > 1)) return false;
  if (event.repeat) return true; // a key that is held down is one press
  perform(triage, act, key);
  return true;
}

function takePanelKey(triage, key, event) {
  const { name } = triage.panel;
  const box = triage.root.querySelector(".mapd-panel");
  const choices = PANELS[name](triage).choices ?? [];
  const choice = choices.find((other) => other.key === key);
  const isPressed = !event.repeat && (key.length === 1 || actOf(key));
  if (key === "Escape") triage.panel = null;
  else if (key === "Tab") return focusField(box, event);
  else if (!choice && scrolls(key, event)) scroll(box, key, event);
  else if (name === "reject" && key.startsWith("Arrow")) {
    triage.step = stepBeside(triage.text.text.text, triage.step, key === "ArrowLeft" ? -1 : 1);
  } else if (!isPressed) return false;
  else if (choice) choice.press();
  else if (key === keyOf(name)) triage.panel = null;
  else if (actOf(key)) {
    const offer = choices.length ? `${choices.map((other) => other.key).join(" ")} choose, ` : "";
    triage.message = `“${key}” means nothing while this is open: ${offer}Esc closes it`;
  } else return false;
  return true;
}

// The first Tab leads to the panel's field.
function focusField(box, { shiftKey, target }) {
  const field = box.querySelector(".mapd-field");
  if (shiftKey || !field || (box.contains(target) && target !== box)) return false;
  field.focus();
  return true;
}

// The text in focus is scrolled wherever the focus is, but for another text that was tabbed to.
function scrollText({ root, isOneColumn }, key, event) {
  const { target } = event;
  if (target.matches?.(".mapd-scroll:focus-visible:not(.mapd-focus)")) return false;
  const isOfFrame = target.ownerDocument !== document;
  if (target !== document.body && !root.contains(target) && !isOfFrame) return false;
  const work = root.querySelector(".mapd-work");
  scroll(isOneColumn ? work : root.querySelector(".mapd-focus") ?? work, key, event);
  return true;
}

function select(triage) {
  const { root, text } = triage;
  const block = root.querySelector(".mapd-focus > .mapd-text");
  const range = text && selectedRange(block, text.text, document.getSelection());
  if (range) triage.step = range;
}

// To the right accepts, to the left asks why. Two fingers zoom, and in a zoomed page one moves.
function swipe(triage, start, end) {
  const [x, y] = [end.clientX - start.clientX, end.clientY - start.clientY];
  if (visualViewport.scale > 1.01 || triage.panel || !document.getSelection().isCollapsed) return;
  if (Math.abs(x) < SWIPE || Math.abs(y) > SWIPE / 2) return;
  perform(triage, x > 0 ? "accept" : "reject");
}
