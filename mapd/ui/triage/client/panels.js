// What opens over the page: choices by key, a field, a list. Each is made of what triage hands over, and drawn anew with it.
//
//   { title, choices: [{ key, words, press }], field: { name, target, label, save }, body }

import { decide, decideClass, reject } from "./acts.js";
import { drawHistory } from "./card.js";
import { note } from "./chips.js";
import { stepsOf } from "./decisions.js";
import { element } from "./dom.js";
import { TRIAGE, nameOf } from "../keys.js";
import { count, day, plural } from "./words.js";

const withdrawal = (triage, kind, { uid: target }) => ({
  key: "w", words: "withdraw what I said", press: () => decide(triage, "withdraw", { kind, target }, true),
});

export const PANELS = {
  reject(triage) {
    const { kind } = triage.text;
    const reasons = triage.reasons[kind] ?? [];
    const marked = triage.step ? triage.text.text.text.slice(triage.step.start, triage.step.end) : "";
    return {
      title: `reject this ${kind}: why?`,
      choices: [
        ...reasons.map(({ key, words, code }) => ({ key, words, press: () => reject(triage, code) })),
        { key: "0", words: "no reason", press: () => reject(triage, null) },
      ],
      body: note(marked ? `False step: “${marked.slice(0, 120)}”` : "Select the false step in the text to mark it, or choose it with ← →."),
    };
  },
  attempt(triage) {
    const { attempt, about } = triage.card;
    const press = (act, stays) => () => decide(triage, act, { kind: "attempt", target: attempt.uid }, stays);
    return {
      title: "the student’s attempt",
      choices: [
        { key: "1", words: "not a mistake: the student is right", press: press("reject", false) },
        { key: "2", words: "a mistake", press: press("accept", about !== "attempt") },
        ...(attempt.said ? [withdrawal(triage, "attempt", attempt)] : []),
      ],
      field: value(triage, "attempt", attempt, "or type the answer that the student gave"),
    };
  },
  question(triage) {
    const { question } = triage.card;
    return {
      title: "the question and its gold answer",
      choices: [
        ...triage.reasons.question.map(({ key, words, code }) => ({
          key, words, press: () => decide(triage, "reject", { kind: "question", target: question.uid, reason: code }),
        })),
        ...(question.said ? [withdrawal(triage, "question", question)] : []),
      ],
      field: value(triage, "question", question, "or type the right gold answer"),
    };
  },
  answer: (triage) => ({
    title: "this rationale’s own answer was misread",
    choices: [],
    field: value(triage, "rationale", triage.text, "its answer is"),
  }),
  note(triage) {
    const { target, kind } = triage.subject;
    return {
      title: `note on this ${kind}`,
      choices: [],
      field: {
        name: "note", target: target.uid, label: "saved with your next decision on it", rows: 4, longest: triage.longest.note ?? 2000,
        save: "save the note alone", press: (words) => decide(triage, "note", { kind, target: target.uid, note: words }, true),
      },
    };
  },
  repair(triage) {
    const { text, uid, kind } = triage.text;
    if (text.cut) return { title: "repair", choices: [], body: note("This text is too long to repair here.") };
    return {
      title: "your corrected copy",
      choices: [],
      field: {
        name: "repair", target: uid, label: "it replaces the text, under your name; the old one is rejected", rows: 14, start: text.text,
        longest: triage.longest.repair ?? 20_000, save: "save the copy",
        press: (words) => decide(triage, "repair", { kind, target: uid, value: words }, true),
      },
    };
  },
  class(triage) {
    const counted = triage.classPanel;
    if (!counted) return { title: "the whole class", choices: [], body: note("counting …") };
    const press = (word, reason) => () => decideClass(triage, word, reason, counted);
    const rest = counted.takes < counted.texts ? ` One act takes the first ${count(counted.takes)}.` : "";
    return {
      title: `${plural(counted.texts, "text")} of this class ${counted.texts === 1 ? "is" : "are"} waiting`,
      choices: counted.takes ? [
        { key: "1", words: `reject all: ${counted.reject.words}`, press: press("reject", counted.reject.reason) },
        { key: "2", words: "accept all", press: press("accept", null) },
      ] : [],
      body: note(`One undo takes all of it back.${rest}`),
    };
  },
  history: (triage) => ({
    title: "history: who decided what",
    choices: [],
    body: triage.past ? drawHistory(triage.past, triage.view) : note("loading …"),
  }),
  acts: (triage) => ({
    title: "your last ten decisions",
    choices: triage.trail.last.map((act, at) => ({
      key: at < 9 ? String(at + 1) : "0",
      words: `${act.words}${act.home.question ? ` · question ${act.home.question}` : ""}${act.at ? ` · ${day(act.at)}` : ""}`,
      press: () => triage.visit(act.home),
    })),
    body: note(triage.trail.last.length ? "A digit opens the text, where you can decide anew; u undoes the newest." : "You have decided nothing yet."),
  }),
  help: () => ({
    title: "keys",
    choices: [],
    body: element("dl", { class: "mapd-keys" }, TRIAGE.map(([key, , words]) => [
      element("dt", {}, element("kbd", {}, nameOf(key))), element("dd", {}, words)]),
    element("dt", {}, element("kbd", {}, "Space ↑ ↓")), element("dd", {}, "scroll the text, as do PageUp, PageDown, Home and End"),
    element("dt", {}, "swipe"), element("dd", {}, "on a touch screen: to the right accepts, to the left asks why you reject")),
  }),
};

function value(triage, kind, target, label) {
  return {
    name: "value", target: target.uid, label, longest: triage.longest.value ?? 200, save: "save", isLine: true,
    press: (words) => decide(triage, "correct", { kind, target: target.uid, value: words }, true),
  };
}

// The range of the step before or behind the marked one.
export function stepBeside(text, step, by) {
  const steps = stepsOf(text);
  if (!steps.length) return null;
  const at = steps.findIndex(({ start, end }) => step && start === step.start && end === step.end);
  return steps[at < 0 ? (by > 0 ? 0 : steps.length - 1) : (at + by + steps.length) % steps.length];
}

export function drawPanel({ title, choices, field, body }, { close, drafts, onkept }) {
  return [
    element("div", { class: "mapd-panel-head" }, element("b", {}, title),
      element("button", { type: "button", class: "mapd-act", onclick: close }, element("kbd", {}, "Esc"), element("span", {}, "close"))),
    choices.length > 0 && element("div", { class: "mapd-choices" }, choices.map(({ key, words, press }) => element("button", {
      type: "button", class: "mapd-act", "data-choice": key, onclick: press }, element("kbd", {}, key), element("span", {}, words)))),
    field && drawField(field, drafts, onkept),
    body && element("div", { class: "mapd-panel-body" }, body),
  ];
}

function drawField(field, drafts, onkept) {
  const { name, target, label, rows, start = "", longest, save, press, isLine } = field;
  const attributes = { maxlength: longest, rows, class: "mapd-field", "data-field": name, autocomplete: "off" };
  const input = element(isLine ? "input" : "textarea", attributes);
  input.value = drafts.of(name, target) || start;
  const send = () => {
    const words = input.value.trim();
    if (words && words !== start.trim()) press(words);
  };
  input.addEventListener("input", () => onkept(drafts.keep(name, target, input.value === start ? "" : input.value)));
  input.addEventListener("keydown", (event) => {
    const isSent = event.key === "Enter" && !event.isComposing && !event.shiftKey && (isLine || event.ctrlKey || event.metaKey);
    if (isSent) {
      event.preventDefault();
      send();
    }
  });
  const key = isLine ? "Enter" : "Ctrl+Enter";
  return element("label", { class: "mapd-labelled" }, element("span", {}, label), input,
    element("button", { type: "button", class: "mapd-act", onclick: send }, element("kbd", {}, key), element("span", {}, save)));
}

