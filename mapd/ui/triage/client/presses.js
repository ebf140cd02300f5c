// What is pressed in triage, and what it means where it is pressed: keys, keys while a panel is open, a swipe, a selection.

import { perform } from "./acts.js";
import { textsOf } from "./decisions.js";
import { actOf, keyOf, listen, scroll, scrolls } from "../keys.js";
import { stepBeside } from "./panels.js";
import { selectedRange } from "./passage.js";
import { plural } from "./words.js";

const SWIPE = 90; // px

// Hears keys, a thumb, a selection; returns what ends it.
export function hear(triage) {
  const { frames, screen, outbox } = triage;
  let start = null; // where a finger touched the text
  const take = (key, event) => takeKey(triage, key, event);
  const ends = [
    listen(take),
    frames.listen(take),
    on(window, "pagehide", () => triage.flush()),
    on(window, "online", () => outbox.drain()),
    on(window, "storage", () => outbox.read()),
    on(document, "selectionchange", () => select(triage)),
    on(screen.right, "touchstart", ({ touches: [touch, more] }) => { start = more ? null : touch; }, { passive: true }),
    on(screen.right, "touchend", ({ changedTouches: [touch] }) => swipe(triage, start, touch)),
  ];
  return () => ends.forEach((end) => end());
}

function on(target, name, act, options) {
  target.addEventListener(name, act, options);
  return () => target.removeEventListener(name, act, options);
}

// Returns whether the key is ours.
function takeKey(triage, key, event) {
  if (triage.panel) return takePanelKey(triage, key, event);
  if (key === "Escape") return blur(triage);
  if (scrolls(key, event)) return scrollText(triage, key, event);
  const act = actOf(key);
  if (!act || event.shiftKey && key.length > 1) return false;
  if (event.repeat) return true; // a key that is held down is one press
  if (act === "text") digit(triage, Number(key));
  else perform(triage, act);
  return true;
}

function takePanelKey(triage, key, event) {
  const { panel } = triage.screen;
  if (key === "Escape") {
    triage.close();
    triage.draw();
    return true;
  }
  if (key === "Tab") {
    const field = panel.querySelector(".mapd-field");
    if (event.shiftKey || !field || panel.contains(event.target) && event.target !== panel) return false;
    field.focus();
    return true;
  }
  const choice = triage.choices.find((one) => one.key === key);
  if (scrolls(key, event) && !choice) {
    scroll(panel, key, event);
    return true;
  }
  if (triage.panel === "reject" && ["ArrowLeft", "ArrowRight"].includes(key)) {
    triage.step = stepBeside(triage.text.text.text, triage.step, key === "ArrowLeft" ? -1 : 1);
    triage.redrawPanel();
    return true;
  }
  if (event.repeat || key.length > 1 && !actOf(key)) return false;
  if (choice) choice.press();
  else if (key === keyOf(triage.panel)) {
    triage.close();
    triage.draw();
  } else if (actOf(key)) {
    const keys = triage.choices.map((one) => one.key).join(" ");
    triage.say(`“${key}” means nothing while this is open: ${keys && `${keys} choose, `}Esc closes it`);
  } else return false;
  return true;
}

function scrollText(triage, key, event) {
  if (event.target.matches?.(".mapd-scroll:focus-visible:not(.mapd-focus)")) return false; // the browser scrolls it
  if (event.target !== document.body && !triage.root.contains(event.target) && event.target.ownerDocument === document) return false;
  const { work, right } = triage.screen;
  scroll(triage.isOneColumn ? work : right.querySelector(".mapd-focus") ?? work, key, event);
  return true;
}

function blur(triage) {
  if (triage.root.contains(document.activeElement)) document.activeElement.blur();
  return false;
}

function digit(triage, number) {
  const { card } = triage;
  if (!card) return triage.say("no mistake is open");
  const texts = [...textsOf(card, "rationale"), ...textsOf(card, "feedback")];
  const text = texts[number - 1];
  if (text) triage.enter(text.uid);
  else triage.say(`this mistake has ${plural(texts.length, "text")}: there is no ${number}`);
}

function select(triage) {
  const body = triage.screen.right.querySelector(".mapd-focus > .mapd-text");
  const range = body && selectedRange(body, document.getSelection());
  if (range) triage.step = range;
}

// To the right accepts, to the left asks for the reason of a rejection. Two fingers zoom, and in a zoomed page one moves.
function swipe(triage, start, end) {
  if (!start || visualViewport.scale > 1.01) return;
  const [x, y] = [end.clientX - start.clientX, end.clientY - start.clientY];
  if (Math.abs(x) < SWIPE || Math.abs(y) > SWIPE / 2 || !document.getSelection().isCollapsed || triage.panel) return;
  perform(triage, x > 0 ? "accept" : "reject");
}
