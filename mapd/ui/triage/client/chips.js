// The small signs of a card: verdicts, checks, teachers, votes. Colours, signs and words are those of
// mapd/ui/kit/theme.py, which the page hands over; a colour is never the only sign.

import { element } from "./dom.js";

let looks = {};
let colours = [];
let colourOfPeople = "";

// { looks: { accepted: ["accepted", "✓", "#0f8060"], … }, teachers: ["#0072B2", …], person: "#…" }
export function dress({ looks: verdicts, teachers, person }) {
  [looks, colours, colourOfPeople] = [verdicts, teachers, person];
}

export const label = (words) => element("span.mapd-label", words);
export const note = (...words) => element("span.mapd-note", ...words);

export function chip(kind, more = "") {
  const [word, mark, colour] = looks[kind];
  return element("span.mapd-chip", { "--c": colour, title: word },
    element("span.mapd-sign", { "aria-hidden": "true" }, mark), word, more && note(more));
}

export function sign(state) {
  const [word, mark, colour] = looks[state];
  return element("span.mapd-sign", { "--c": colour, role: "img", "aria-label": word, title: word }, mark);
}

// A teacher in its colour; a person, who has no place among the teachers, has none of their own.
export function teacherChip({ name, place }, mark = "") {
  const colour = place === null ? colourOfPeople : colours[place % colours.length];
  return element("span.mapd-chip", { "--c": colour, title: name },
    element("span.mapd-swatch"), element("span.mapd-name", mark + name));
}

// A vote of 1-5; no vote is said in words, never drawn as 0.
export function dots(score) {
  if (score === null) return note("no vote ");
  const drawing = `${"●".repeat(score)}${"○".repeat(5 - score)} ${score}`;
  return element("span.mapd-dots", { title: `${score} of 5` }, drawing);
}

// What counts of a text. A mean is the committee's: it stands beside its own verdict alone.
export function verdictChips({ conflict, overridden, verdict, committee: { mean } }) {
  if (conflict) return chip("conflict");
  if (overridden) return [chip("overridden"), chip(verdict)];
  return chip(verdict, mean === null ? "" : mean.toFixed(2));
}
