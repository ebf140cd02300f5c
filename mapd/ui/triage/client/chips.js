// The small signs of a card: verdicts, checks, teachers, votes. Colours, signs and words are those of mapd/ui/kit/theme.py,
// which the page hands over; a colour is never the only sign.

import { element } from "./dom.js";

let looks = {};
let colours = [];

// `look`: { looks: { accepted: ["accepted", "✓", "#0f8060"], … }, teachers: ["#0072B2", …], person: "#6b7280" }
export function dress(look) {
  looks = look.looks;
  colours = look.teachers;
  colours.person = look.person;
}

export const label = (words) => element("span", { class: "mapd-label" }, words);
export const note = (words) => element("span", { class: "mapd-note" }, words);

export function chip(kind, more = "", words = null) {
  const [word, sign, colour] = looks[kind];
  return element("span", { class: "mapd-chip", colour, title: word },
    element("span", { class: "mapd-sign", "aria-hidden": "true" }, sign), words ?? word, more && note(more));
}

export function sign(state) {
  const [word, mark, colour] = looks[state];
  return element("span", { class: "mapd-sign", colour, role: "img", "aria-label": word, title: word }, mark);
}

// A teacher in its colour; a person has none of their own.
export function teacherChip({ name, place }, before = "") {
  const colour = place === null || place === undefined ? colours.person : colours[place % colours.length];
  return element("span", { class: "mapd-chip", colour, title: name },
    element("span", { class: "mapd-swatch" }), element("span", { class: "mapd-name" }, before + name));
}

// A vote of 1-5; no vote is said in words, never drawn as 0.
export function dots(score) {
  if (score === null) return note("no vote ");
  return element("span", { class: "mapd-dots", title: `${score} of 5` }, `${"●".repeat(score)}${"○".repeat(5 - score)} ${score}`);
}

// What counts of a text now. The mean is the committee's: it stands only beside a verdict that is the committee's own.
export function verdictChips(text) {
  if (text.conflict) return [chip("conflict")];
  if (text.overridden) return [chip("overridden"), chip(text.verdict)];
  return [committeeChip(text)];
}

export const committeeChip = ({ committee }) => chip(committee.verdict, committee.mean === null ? "" : committee.mean.toFixed(2));

export function bar(part, all) {
  const share = all ? `${(100 * part) / all}%` : "0%";
  const fill = element("i");
  fill.style.setProperty("width", share);
  return element("span", { class: "mapd-bar", "aria-hidden": "true" }, fill);
}
