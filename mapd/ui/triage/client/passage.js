// A foreign text: as it is written, hidden characters boxed and false steps marked, or rendered in a frame.
//
//   drawPassage({ text: "12 + 4 = 17.", ranges: [{ start: 0, end: 11, kind: "named_step", … }] })

import { element } from "./dom.js";
import { listen } from "../keys.js";
import { count, note } from "./words.js";

const MARKS = { // by kind of range
  false_equation: "mapd-mark", named_step: "mapd-named", marked_step: "mapd-marked", chosen_step: "mapd-chosen",
  criticised_step: "mapd-criticised", absent_step: "mapd-absent",
};

// `more`: ranges beside those of the server.
export function drawPassage({ text, cut, ranges }, more = []) {
  return element("div.mapd-text", { dir: "auto" },
    text ? piecesOf(text, [...ranges, ...more]).map((piece) => drawPiece(text, piece))
      : element("span.mapd-more", "no text"),
    cut > 0 && element("span.mapd-more", `… ${count(cut)} more characters`));
}

// The text cut wherever a range begins or ends, each piece with the ranges around it. A text may have as many hidden
// characters as characters, so each range is looked at once.
function piecesOf(text, ranges) {
  const sorted = ranges.filter(({ start, end }) => start < end).sort((a, b) => a.start - b.start);
  const edges = new Set([0, text.length, ...sorted.flatMap(({ start, end }) => [start, end])]);
  const ends = [...edges].filter((at) => at <= text.length).sort((a, b) => a - b);
  let [around, next] = [[], 0];
  return ends.slice(0, -1).map((start, at) => {
    around = around.filter(({ end }) => end > start);
    while (next < sorted.length && sorted[next].start <= start) around.push(sorted[next++]);
    return { start, end: ends[at + 1], ranges: around };
  });
}

const labelOf = ({ ranges }) => ranges.find(({ kind }) => kind === "hidden")?.label;
const wordsOf = (text, piece) => labelOf(piece) ?? text.slice(piece.start, piece.end).replaceAll("\r\n", "\n");

function drawPiece(text, piece) {
  const words = wordsOf(text, piece);
  const drawing = labelOf(piece) ? element("span.mapd-char", words) : words;
  const marks = piece.ranges.filter(({ kind }) => kind !== "hidden");
  if (!marks.length) return drawing;
  const classes = new Set(marks.map(({ kind }) => MARKS[kind]));
  const title = [...new Set(marks.map(({ label }) => label))].join("; ");
  return element(`mark.${[...classes].join(".")}`, { title }, drawing);
}

// Where a selection within a drawn passage begins and ends in the text as stored; null where it is elsewhere or empty.
export function selectedRange(block, passage, selection) {
  if (!block || selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  if (!block.contains(range.commonAncestorContainer)) return null;
  const lead = document.createRange();
  lead.setStart(block, 0);
  lead.setEnd(range.startContainer, range.startOffset);
  const offset = lead.toString().length;
  const start = storedPlace(passage, offset);
  const end = storedPlace(passage, offset + range.toString().length);
  return start < end ? { start, end } : null;
}

// The place in the stored text of a place in the drawn one: a boxed character is one character.
function storedPlace({ text, ranges }, offset) {
  for (const piece of piecesOf(text, ranges.filter(({ kind }) => kind === "hidden"))) {
    const { length } = wordsOf(text, piece);
    if (offset > length) offset -= length;
    else if (labelOf(piece)) return offset > 0 ? piece.end : piece.start;
    else {
      let place = piece.start;
      for (; offset > 0; offset--) place += text.startsWith("\r\n", place) ? 2 : 1;
      return place;
    }
  }
  return text.length;
}

// The sentence or line of a text before or behind a chosen one: a false step is one of them.
export function stepBeside(text, chosen, by) {
  const steps = Array.from(text.matchAll(/\S[^\n]*?(?:[.!?](?=\s)|(?=\r?\n)|$)/g),
    ({ 0: { length }, index: start }) => ({ start, end: start + length }));
  const at = steps.findIndex(({ start, end }) => start === chosen?.start && end === chosen.end);
  const next = at < 0 ? Math.min(0, by) : at + by; // where none is chosen: the first, or the last
  return steps.at(next % steps.length) ?? null;
}

// Rendered documents (the guidelines, a text's maths) in frames that run nothing: the server makes and cleans them.
export class Frames {
  #triage;
  #open = new Set(); // uids, or "guidelines"
  #documents = new Map(); // by uid, version and theme; "" while it is on its way

  constructor(triage) { this.#triage = triage; }

  isOpen(uid) { return this.#open.has(uid); }
  toggle(uid) { if (!this.#open.delete(uid)) this.#open.add(uid); }

  // The frame of a document, which is asked for where it isn't at hand yet, in this version.
  draw(uid, title, version = "") {
    const theme = getComputedStyle(this.#triage.root).colorScheme.includes("dark") ? "dark" : "light";
    const key = `${uid} ${version} ${theme}`;
    if (!this.#documents.has(key)) this.#load(uid, theme, key);
    const srcdoc = this.#documents.get(key);
    if (!srcdoc) return note("loading …");
    const onload = ({ target }) => listen(this.#triage.take, { on: target.contentWindow }); // the page's keys
    return element("iframe.mapd-frame", { sandbox: "allow-same-origin", srcdoc, title, identity: key, onload });
  }

  async #load(uid, theme, key) {
    this.#documents.set(key, "");
    const reply = await this.#triage.ask((api) => api.window({ render: uid, theme }));
    if (reply?.rendered) this.#documents.set(key, reply.rendered.document);
    else { // said by now; to open it again asks again
      this.#open.delete(uid);
      this.#documents.delete(key);
    }
    this.#triage.draw();
  }
}
