// What opens over the page: choices by key, a field, a list. Drawn anew from what triage holds.
//
//   { title, choices: [{ key, words, press }], field: { act, kind, target, label, … }, contents }

import { FIELDS, decide, decideClass, reject } from "./acts.js";
import { drawButton, drawHistory } from "./card.js";
import { element } from "./dom.js";
import { TRIAGE, nameOf } from "../keys.js";
import { count, formatDay, join, note, pluralize } from "./words.js";

// What a panel shows of the page as a whole, not of the card: it stays when a card arrives.
export const OF_PAGE = ["help", "acts", "class"];

export const PANELS = {
  reject(triage) {
    const { kind, text: { text } } = triage.text;
    const { start, end } = triage.step ?? {};
    const press = (reason) => () => reject(triage, reason);
    return {
      title: `reject this ${kind}: why?`,
      choices: [...chooseReasons(triage, kind, press), { key: "0", words: "no reason", press: press(null) }],
      contents: note(triage.step ? `False step: “${text.slice(start, end).slice(0, 120)}”`
        : "Select the false step in the text to mark it, or choose it with ← →."),
    };
  },
  attempt: (triage) => ({
    title: "the student’s attempt",
    ...decideTarget(triage, "attempt", "or type the answer that the student gave", (press) => [
      { key: "1", words: "not a mistake: the student is right", press: press("reject") },
      { key: "2", words: "a mistake", press: press("accept", { stays: triage.card.about !== "attempt" }) },
    ]),
  }),
  question: (triage) => ({
    title: "the question and its gold answer",
    ...decideTarget(triage, "question", "or type the right gold answer", (press) =>
      chooseReasons(triage, "question", (reason) => press("reject", { reason }))),
  }),
  answer: (triage) => ({
    title: "this rationale’s own answer was misread",
    field: correct("rationale", triage.text.uid, "its answer is"),
  }),
  note: ({ subject: { target: { uid: target }, kind } }) => ({
    title: `note on this ${kind}`,
    field: {
      act: "note", kind, target, rows: 4, label: "saved with your next decision on it", save: "save the note alone",
    },
  }),
  repair(triage) {
    const { text: { text, cut }, uid: target, kind } = triage.text;
    if (cut) return { title: "repair", contents: note("This text is too long to repair here.") };
    return {
      title: "your corrected copy",
      field: {
        act: "repair", kind, target, rows: 14, start: text, save: "save the copy",
        label: "it replaces the text, under your name; the old one is rejected",
      },
    };
  },
  class(triage) {
    const { contents: size } = triage.panel;
    if (!size) return { title: "the whole class", contents: note("counting …") };
    const { texts, takes, reject } = size;
    const most = takes < texts ? ` One act takes the first ${count(takes)}.` : "";
    const press = (verdict, reason) => () => decideClass(triage, verdict, reason, size);
    return {
      title: `${pluralize(texts, "text")} of this class ${texts === 1 ? "is" : "are"} waiting`,
      choices: takes ? [
        { key: "1", words: `reject all: ${reject.words}`, press: press("reject", reject.reason) },
        { key: "2", words: "accept all", press: press("accept", null) },
      ] : [],
      contents: note(`One undo takes all of it back.${most}`),
    };
  },
  history: (triage) => ({
    title: "history: who decided what",
    contents: triage.panel.contents ? drawHistory(triage.panel.contents, triage) : note("loading …"),
  }),
  acts(triage) {
    const acts = triage.trail.last;
    return {
      title: "your last ten decisions",
      choices: acts.map(({ words, home, at: moment }, at) => ({
        key: String((at + 1) % 10), press: () => triage.visit(home),
        words: join([words, home.number && `question ${home.number}`, moment && formatDay(moment)]),
      })),
      contents: note(acts.length ? "A digit opens the text, where you can decide anew; u undoes the newest."
        : "You have decided nothing yet."),
    };
  },
  help: () => ({
    title: "keys",
    contents: element("dl.mapd-keys", [
      ...TRIAGE.map(([key, , words]) => [element("kbd", nameOf(key)), words]),
      [element("kbd", "Space ↑ ↓"), "scroll the text, as do PageUp, PageDown, Home and End"],
      ["swipe", "on a touch screen: to the right accepts, to the left asks why you reject"],
    ].map(([key, words]) => [element("dt", key), element("dd", words)])),
  }),
};

const chooseReasons = (triage, kind, press) =>
  (triage.reasons[kind] ?? []).map(({ key, words, code }) => ({ key, words, press: press(code) }));

// Decisions on the question or the attempt: some of its own, a withdrawal, a correction.
function decideTarget(triage, kind, label, choose) {
  const { uid: target, said: word } = triage.card[kind];
  const press = (act, fields) => () => decide(triage, act, { kind, target, ...fields });
  const withdrawal = { key: "w", words: "withdraw what I said", press: press("withdraw", { stays: true }) };
  return { choices: [...choose(press), ...(word ? [withdrawal] : [])], field: correct(kind, target, label) };
}

const correct = (kind, target, label) => ({ act: "correct", kind, target, label, save: "save" });

const drawKey = (key, words) => [element("kbd", key), element("span", words)];

export function drawPanel(triage) {
  const { name } = triage.panel;
  const { title, choices = [], field, contents } = PANELS[name](triage);
  const attributes = { role: "dialog", tabindex: "-1", "data-panel": name, "aria-label": title };
  const drawChoice = ({ key, words, press }) => drawButton(press, drawKey(key, words), { "data-choice": key });
  return element("div.mapd-panel", { ...attributes, identity: triage.panel },
    element("div.mapd-panel-head", element("b", title),
      drawButton(() => { triage.panel = null; }, drawKey("Esc", "close"))),
    choices.length > 0 && element("div.mapd-choices", choices.map(drawChoice)),
    field && drawField(field, triage),
    contents && element("div.mapd-panel-body", contents));
}

// Enter sends what stands in a line, Ctrl+Enter what stands in more.
function drawField({ act, kind, target, label, rows, start = "", save }, triage) {
  const { drafts, meta: { longest } } = triage;
  const name = FIELDS[act];
  const send = (input) => {
    const words = input.value.trim();
    const fields = { kind, target, [act === "note" ? "note" : "value"]: words, stays: true };
    if (words && words !== start.trim()) decide(triage, act, fields);
  };
  const keep = ({ currentTarget: { value } }) => {
    if (drafts.keep(name, target, value === start ? "" : value)) return;
    triage.message = "the browser’s storage is full: keep this page open until you have decided";
    triage.draw();
  };
  const sendByKey = (event) => {
    const { key, currentTarget: input, isComposing, shiftKey, ctrlKey, metaKey } = event;
    if (key !== "Enter" || isComposing || shiftKey || (rows && !ctrlKey && !metaKey)) return;
    event.preventDefault();
    send(input);
  };
  return element("label.mapd-labelled", element("span", label),
    element(rows ? "textarea.mapd-field" : "input.mapd-field", {
      maxlength: longest[name], rows, autocomplete: "off", "data-field": name,
      value: drafts.of(name, target) || start, onkeydown: sendByKey, oninput: keep,
    }),
    drawButton((event) => send(event.currentTarget.previousSibling), drawKey(rows ? "Ctrl+Enter" : "Enter", save)));
}
