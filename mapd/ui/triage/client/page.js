// The page as it is now: a bar, the card with what opens over it, the actions; where there is no card, why.

import { chooseQueue } from "./acts.js";
import { drawAct, drawButton, drawFocus, drawMistake } from "./card.js";
import { element } from "./dom.js";
import { drawPanel } from "./panels.js";
import { count, nameHolders, note, pluralize } from "./words.js";

export function drawPage(triage) {
  const { card, text, meta, notices, panel, isBesideOpen, frames } = triage;
  const place = text ? `${text.kind} ${text.number} of ${text.of}` : "no explanation";
  return element("div.mapd-triage",
    drawBar(triage),
    element("div.mapd-notices", { role: "alert" }, notices.map((notice) => drawNotice(notice, triage))),
    element(`div.mapd-work${isBesideOpen ? ".mapd-two" : ""}`,
      card ? [drawMistake(triage), drawFocus(triage)] : element("div.mapd-empty", drawEmpty(triage)),
      isBesideOpen && element("aside.mapd-beside", { "aria-label": "guidelines" },
        frames.draw("guidelines", "the guidelines", meta?.guidelines?.uid)),
      panel && drawPanel(triage)),
    drawFoot(triage),
    element("span.mapd-hidden", { role: "status" }, card && `${place}, mistake ${card.number ?? ""}`));
}

function drawBar(triage) {
  const { meta, card, may, panel } = triage;
  const { waiting, decided, skipped, all, by_lot: isByLot, draw, judge } = meta?.queue ?? {};
  const place = card ? PLACES[card.where](card) : "";
  const skips = skipped ? ` ${count(skipped)} skipped,` : "";
  const drawToggle = (act, words, isPressed) => drawAct(triage, act, words, { "aria-pressed": isPressed?.toString() });
  return element("div.mapd-top", drawQueues(triage),
    element("div.mapd-progress", place && element("b", place), all > 0 && [
      element("span.mapd-bar", { "aria-hidden": "true" }, element("i", { style: `width: ${(100 * decided) / all}%` })),
      note(`${count(decided)} decided,${skips} ${count(waiting)} left`),
    ]),
    element("div.mapd-tools",
      isByLot && drawToggle("draw", `another draw (this is ${draw})`),
      meta?.queue.class && may && drawToggle("class", "whole class", panel?.name === "class"),
      meta?.guidelines && drawToggle("guidelines",
        triage.isNewGuidelines ? "guidelines · new" : "guidelines", triage.isBesideOpen),
      meta && drawToggle("judge", "judge first", judge === "first"),
      drawToggle("help", "keys", panel?.name === "help")));
}

const PLACES = {
  queue: ({ number, all }) => (number === null ? "" : `${count(number)} of ${count(all)}`),
  decided: () => "decided: it has left this queue",
  outside: () => "not in this queue",
};

function drawQueues(triage) {
  const { meta, counts, place } = triage;
  const current = meta?.queue;
  const others = counts?.queues ?? [];
  const isListed = !current || others.some(({ name }) => name === current.name);
  const queues = isListed ? others : [current, ...others];
  const drawQueue = ({ name, title, waiting }) =>
    element("option", { value: name }, `${title ?? "this queue"} · ${count(waiting)} left`);
  const onchange = ({ target }) => {
    target.blur();
    chooseQueue(triage, target.value);
  };
  const value = current?.name ?? place.queue ?? "";
  return element("select.mapd-queue", { "aria-label": "queue", title: current?.order, value, onchange },
    queues.map((queue) => drawQueue(queue.name === current?.name ? current : queue)));
}

function drawNotice(notice, triage) {
  const { line, isCalm, open } = notice;
  const dismiss = () => { triage.notices = triage.notices.filter((other) => other !== notice); };
  return element(`div.mapd-notice${isCalm ? "" : ".mapd-error"}`, { identity: line },
    element("span", line), open && drawButton(open, "look at it"),
    drawButton(dismiss, "×", { "aria-label": "dismiss" }));
}

const RARE = "mapd-act.mapd-rare"; // behind “more” where the screen is narrow

function drawFoot(triage) {
  const { card, text, may, subject, isRevealed, trail, drafts, outbox, isFootOpen, message } = triage;
  const isJudging = Boolean(card) && may;
  const waiting = triage.rest.length;
  const draftOf = (field, target) => (drafts.of(field, target.uid).trim() ? " · not saved" : "");
  const [accept, reject] = namesOfVerdicts(triage);
  const undoes = trail.undoable && `takes back: ${trail.undoable.words}`;
  const drawRare = (act, words) => drawAct(triage, act, words, {}, RARE);
  const drawVerdict = (act, words, isPrimary) =>
    drawAct(triage, act, words, {}, `mapd-act${isPrimary ? ".mapd-primary" : ""}`);
  return element(`div.mapd-foot${isFootOpen ? ".mapd-open" : ""}`, { role: "toolbar", "aria-label": "decide" },
    card && drawAct(triage, "back", "", { "aria-label": "the mistake before" }),
    card && drawAct(triage, "ahead", "", { "aria-label": "the next mistake" }),
    isJudging && [
      drawVerdict("accept", accept, !isRevealed), drawVerdict("reject", reject),
      isRevealed ? drawVerdict("rest", "go on", true)
        : [waiting > 0 && drawVerdict("rest", `accept ${count(waiting)} waiting`), drawAct(triage, "skip", "skip")],
      text && !text.covered && drawRare("repair", `repair${draftOf("repair", text)}`),
      drawRare("note", `note${draftOf("note", subject.target)}`),
    ],
    may && drawAct(triage, "undo", "undo", { title: undoes }),
    may && trail.redoable && drawRare("redo", "redo"),
    element("span.mapd-words",
      element("span.mapd-told", { role: "status" }, message),
      element("span.mapd-saved", { "aria-live": "polite" },
        element(outbox.stop || outbox.fault ? "span.mapd-trouble" : "span.mapd-note", outbox.line),
        outbox.stop && drawButton(() => location.reload(), "reload"))),
    may && drawRare("acts", "last decisions"),
    card && drawRare("history", "history"),
    card && drawButton(() => { triage.isFootOpen = !isFootOpen; }, "more",
      { "aria-expanded": String(isFootOpen) }, "mapd-act.mapd-more-acts"));
}

function namesOfVerdicts({ card, isRevealed, subject: { target } }) {
  if (card?.about === "attempt") return ["a mistake", "not a mistake"];
  if (!isRevealed) return ["accept", "reject"];
  return target.said.decision === "accept" ? ["keep accepted", "reject instead"] : ["accept instead", "another reason"];
}

// Where there is no card: nothing waits, others have it, it can't be read now, or the page is closed.
function drawEmpty(triage) {
  const { meta, trouble, outbox, trail } = triage;
  if (outbox.stop) return [element("h2", "This page is closed."), element("p", outbox.stop)];
  if (trouble) {
    const { length } = outbox.entries;
    const unsaved = length ? ` ${pluralize(length, "decision")} of yours will be saved then.` : "";
    const isJudged = trail.last.length > 0 && !triage.isOpening;
    return [
      element("h2", isJudged ? "You have judged all that was fetched." : "The mistake can’t be read now."),
      element("p", `${trouble}: trying again. More comes as soon as the server answers.${unsaved}`),
    ];
  }
  if (triage.isLoading) return element("p.mapd-note", "loading …");
  const { name: current, all, skipped, decided } = meta.queue;
  const others = meta.others.length > 0;
  const queues = (triage.counts?.queues ?? []).filter(({ name, waiting }) => waiting && name !== current);
  const part = `${count(decided)} decided, ${count(skipped)} skipped by you`;
  return [
    element("h2", others ? "Nothing is free in this queue." : !all ? "Nothing is in this queue."
      : !skipped ? `All ${count(all)} are decided.` : `Nothing waits for you here: ${part}.`),
    others && element("p", `${nameHolders(meta.others)}. What they leave undecided comes back; Enter looks again.`),
    meta.lacking && element("p", meta.lacking),
    queues.length > 0 && [
      element("p", "These queues wait:"),
      element("div.mapd-choices", queues.map(({ name, title, waiting }) =>
        drawButton(() => chooseQueue(triage, name), element("span", `${title ?? name} · ${count(waiting)}`)))),
    ],
  ];
}
