// The page's fixed parts: a bar above, the card, a panel over it, the actions below. Made once, changed in place, so that
// the focus and a finger stay where they are.

import { chooseQueue, perform } from "./acts.js";
import { bar } from "./chips.js";
import { element, fill } from "./dom.js";
import { keyButton } from "./card.js";
import { keyOf } from "../keys.js";
import { count, saveLine } from "./words.js";

const SEEN_LATE = 300; // ms: what is saved sooner needs no word
const WIDE = ["repair", "note", "redo", "acts", "history"]; // behind “more” where the screen is narrow

export class Screen {
  #notices = [];
  #late = null; // the timer that says how much isn’t saved yet

  constructor(root, triage) {
    this.triage = triage;
    this.select = element("select", { class: "mapd-queue", "aria-label": "queue", onchange: () => chooseQueue(triage, this.select.value) });
    this.progress = element("div", { class: "mapd-progress" });
    this.tools = element("div", { class: "mapd-tools" });
    this.notices = element("div", { class: "mapd-notices", role: "alert" });
    this.left = element("div", { class: "mapd-left" });
    this.right = element("section", { class: "mapd-box mapd-right", "aria-label": "text to judge" });
    this.beside = element("aside", { class: "mapd-beside", "aria-label": "guidelines", hidden: true });
    this.panel = element("div", { class: "mapd-panel", role: "dialog", tabindex: "-1", hidden: true });
    this.empty = element("div", { class: "mapd-empty", hidden: true });
    this.work = element("div", { class: "mapd-work" }, this.left, this.right, this.beside, this.empty, this.panel);
    this.told = element("span", { class: "mapd-told", role: "status" });
    this.saved = element("span", { class: "mapd-saved", "aria-live": "polite" });
    this.place = element("span", { class: "mapd-hidden", role: "status" });
    this.more = element("button", { type: "button", class: "mapd-act mapd-more-acts", "aria-expanded": "false", onclick: () => this.#unfold() }, "more");
    this.buttons = Object.fromEntries(["back", "ahead", "accept", "reject", "rest", "skip", "repair", "note", "undo", "redo", "acts", "history"]
      .map((act) => [act, keyButton(keyOf(act), " ", () => perform(triage, act), { "data-act": act })]));
    for (const name of WIDE) this.buttons[name].classList.add("mapd-rare");
    const { back, ahead, accept, reject, rest, skip, repair, note, undo, redo, acts, history } = this.buttons;
    this.foot = element("div", { class: "mapd-foot", role: "toolbar", "aria-label": "decide" },
      back, ahead, accept, reject, rest, skip, repair, note, undo, redo,
      element("span", { class: "mapd-words" }, this.told, this.saved), acts, history, this.more);
    root.append(element("div", { class: "mapd-triage" },
      element("div", { class: "mapd-top" }, this.select, this.progress, this.tools), this.notices, this.work, this.foot, this.place));
    // A click leaves the focus where it is: the keys go on as before. A text may be selected all the same.
    root.addEventListener("mousedown", (event) => { if (event.target.closest(".mapd-act, .mapd-textline")) event.preventDefault(); });
    root.addEventListener("mouseup", () => { if (document.activeElement?.matches(".mapd-scroll")) document.activeElement.blur(); });
    root.addEventListener("click", (event) => { if (event.target.closest(".mapd-rare")) this.#unfold(false); });
  }

  #unfold(open = !this.foot.classList.contains("mapd-open")) {
    this.foot.classList.toggle("mapd-open", open);
    this.more.setAttribute("aria-expanded", String(open));
  }

  // -- the bar --------------------------------------------------------------------------------------------------------

  drawTop({ meta, counts, card, place, may, isBesideOpen, isNewGuidelines, panel }) {
    this.#drawQueues(meta, counts, place);
    const { waiting = 0, decided = 0, skipped = 0, all = 0, by_lot: byLot, draw, judge } = meta?.queue ?? {};
    const where = card ? WHERE[card.where](card) : "";
    fill(this.progress, where && element("b", {}, where), all > 0 && [bar(decided, all),
      element("span", { class: "mapd-note" }, `${count(decided)} decided, ${skipped ? `${count(skipped)} skipped, ` : ""}${count(waiting)} left`)]);
    const toggle = (act, words, pressed) => keyButton(keyOf(act), words, () => perform(this.triage, act), {
      "data-act": act, "aria-pressed": pressed === null ? null : String(pressed) });
    fill(this.tools,
      byLot && toggle("draw", `another draw (this is ${draw})`, null),
      meta?.queue.class && may && toggle("class", "whole class", panel === "class"),
      meta?.hasGuidelines && toggle("guidelines", isNewGuidelines ? "guidelines · new" : "guidelines", isBesideOpen),
      meta && toggle("judge", "judge first", judge === "first"),
      toggle("help", "keys", panel === "help"));
  }

  #drawQueues(meta, counts, place) {
    if (document.activeElement === this.select) return; // somebody chooses
    const known = counts?.queues ?? [];
    const here = meta?.queue;
    const listed = here && !known.some(({ name }) => name === here.name) ? [here, ...known] : known;
    const named = listed.map((queue) => ({ ...queue, ...(here?.name === queue.name ? here : {}) }));
    const text = ({ title, waiting }) => `${title ?? "this queue"} · ${count(waiting)} left`;
    const key = JSON.stringify(named.map((queue) => [queue.name, text(queue)]));
    if (this.select.dataset.listed !== key) {
      this.select.dataset.listed = key;
      fill(this.select, named.map((queue) => element("option", { value: queue.name }, text(queue))));
    }
    this.select.value = here?.name ?? place.queue ?? "";
  }

  // -- the actions ----------------------------------------------------------------------------------------------------

  drawFoot({ card, text, may, isAttempt, isRevealed, subject, rest, trail, drafts }) {
    const accepted = subject?.said?.decision === "accept";
    const set = (act, words, { on = true, primary = false } = {}) => {
      const button = this.buttons[act];
      button.lastChild.textContent = words;
      button.hidden = !on;
      button.classList.toggle("mapd-primary", primary);
    };
    const judging = Boolean(card) && may;
    const draft = (name, of) => (of && drafts.has(name, of.uid) ? " · not saved" : "");
    set("back", "", { on: Boolean(card) });
    set("ahead", "", { on: Boolean(card) });
    const accept = isRevealed ? (accepted ? "keep accepted" : "accept instead") : "accept";
    const reject = isRevealed ? (accepted ? "reject instead" : "another reason") : "reject";
    set("accept", isAttempt ? "a mistake" : accept, { on: judging, primary: !isRevealed });
    set("reject", isAttempt ? "not a mistake" : reject, { on: judging });
    set("rest", isRevealed ? "go on" : `accept ${count(rest)} waiting`, { on: judging && (isRevealed || rest > 0), primary: isRevealed });
    set("skip", "skip", { on: judging && !isRevealed });
    set("repair", `repair${draft("repair", text)}`, { on: judging && Boolean(text) && !text.covered });
    set("note", `note${draft("note", subject?.target)}`, { on: judging });
    set("undo", "undo", { on: may });
    set("redo", "redo", { on: may && Boolean(trail.redoable) });
    set("acts", "last decisions", { on: may });
    set("history", "history", { on: Boolean(card) });
    this.buttons.undo.title = trail.undoable ? `takes back: ${trail.undoable.words}` : "";
    this.buttons.back.setAttribute("aria-label", "the mistake before");
    this.buttons.ahead.setAttribute("aria-label", "the next mistake");
    this.more.hidden = !card;
  }

  // What is saved sooner than it can be read is only "saving …".
  drawSaved(outbox) {
    const isTrouble = Boolean(outbox.stop || outbox.fault);
    const show = (words) => fill(this.saved, element("span", { class: isTrouble ? "mapd-trouble" : "mapd-note" }, words),
      outbox.stop && element("button", { type: "button", class: "mapd-act", onclick: () => location.reload() }, "reload"));
    if (outbox.entries.length && !isTrouble && this.#late === null) {
      show("saving …");
      this.#late = setTimeout(() => show(saveLine(outbox)), SEEN_LATE);
    } else if (isTrouble || !outbox.entries.length) {
      clearTimeout(this.#late);
      this.#late = null;
      show(`${isTrouble || outbox.entries.length ? "" : "✓ "}${saveLine(outbox)}`);
    }
  }

  // What stands already isn't drawn anew: a screen reader would say it again.
  drawNotices(notices, dismiss) {
    if (notices === this.#notices) return;
    this.#notices = notices;
    fill(this.notices, notices.map((notice) => element("div", { class: `mapd-notice${notice.isCalm ? "" : " mapd-error"}` },
      element("span", {}, notice.line),
      notice.open && element("button", { type: "button", class: "mapd-act", onclick: notice.open }, notice.words ?? "look at it"),
      element("button", { type: "button", class: "mapd-act", "aria-label": "dismiss", onclick: () => dismiss(notice) }, "×"))));
  }
}

const WHERE = {
  queue: ({ number, all }) => (number === null ? "" : `${count(number)} of ${count(all)}`),
  decided: () => "decided: it has left this queue",
  outside: () => "not in this queue",
};
