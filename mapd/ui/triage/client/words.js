// The words that the page is written in, and its small signs: verdicts, checks, teachers, votes. Colours, signs and
// their words are those of mapd/ui/kit/theme.py, which the page hands over; a colour is never the only sign.

import { element } from "./dom.js";

export const count = (number) => number.toLocaleString("en");
export const pluralize = (number, word, words = `${word}s`) => `${count(number)} ${number === 1 ? word : words}`;

export const join = (parts, by = " · ") => parts.filter(Boolean).join(by);

const formatTime = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
export const formatDay = (at) => `${new Date(at).toLocaleDateString("sv")} ${formatTime(at)}`;

// A reason's code in words, as the project names it.
export const nameReason = (code, about, reasons) =>
  reasons[about]?.find((reason) => reason.code === code)?.words ?? code.replaceAll("_", " ");

const VERBS = {
  accept: "accepted", reject: "rejected", correct: "answer corrected to", skip: "skipped",
  rest: "accepted", repair: "repaired", withdraw: "withdrew",
};
const OTHER_VERBS = {
  attempt: { accept: "a mistake", reject: "not a mistake" },
  question: { accept: "question is fine", reject: "question is wrong", correct: "gold corrected to" },
};

// What was decided, in words: "rejected · false step · step marked". `marks`: how many.
export function nameDecision({ decision, reason, value, marks }, about, reasons) {
  const verb = OTHER_VERBS[about]?.[decision] ?? VERBS[decision] ?? decision;
  if (decision === "correct") return `${verb} ${value}`;
  return join([verb, reason && nameReason(reason, about, reasons), marks && "step marked"]);
}

// Who has how many of the queue's mistakes open, and since when: "bea has 2 open since 09:12".
export const nameHolders = (people) => people.map(({ person, mistakes, since }) =>
  `${person} has ${mistakes ?? "this"} open since ${formatTime(since)}`).join(", ");

export const label = (words) => element("span.mapd-label", words);
export const note = (...words) => element("span.mapd-note", ...words);

let look; // { looks: { accepted: ["accepted", "✓", "#0f8060"], … }, teachers: ["#0072B2", …], person: "#…" }
export const dress = (appearance) => { look = appearance; };

export function chip(kind, more = "") {
  const [word, mark, colour] = look.looks[kind];
  return element("span.mapd-chip", { "--c": colour, title: word },
    element("span.mapd-sign", { "aria-hidden": "true" }, mark), word, more && note(more));
}

export function sign(state) {
  const [word, mark, colour] = look.looks[state];
  return element("span.mapd-sign", { "--c": colour, role: "img", "aria-label": word, title: word }, mark);
}

// A teacher in its colour; a person, who has no place among the teachers, has none of their own.
export function teacherChip({ name, place }, mark = "") {
  const colour = place === null ? look.person : look.teachers[place % look.teachers.length];
  return element("span.mapd-chip", { "--c": colour, title: name },
    element("span.mapd-swatch"), element("span.mapd-name", mark + name));
}

// A vote of 1-5; no vote is said in words, never drawn as 0.
export const dots = (score) => (score === null ? note("no vote ")
  : element("span.mapd-dots", { title: `${score} of 5` }, `${"●".repeat(score)}${"○".repeat(5 - score)} ${score}`));

// What the committee decided by; "" where nothing did: a rationale without a vote, a feedback without a fit of its own.
export function figure({ mean, p, verdict }, digits = 2) {
  if (mean === null && (p === null || verdict === "undecided")) return "";
  return p === null ? mean.toFixed(digits) : `P ${p.toFixed(2)}`;
}

// What counts of a text. The figure is the committee's: it stands beside its own verdict alone.
export function verdictChips({ conflict, overridden, verdict, committee }) {
  if (conflict) return chip("conflict");
  if (overridden) return [chip("overridden"), chip(verdict)];
  return chip(verdict, figure(committee));
}
