// A foreign text with its ranges, drawn as text: hidden characters boxed, false steps marked. See dom.js.
//
//   drawPassage({ text: "We add: 12 + 4 = 17.", cut: 0, ranges: [{ start: 8, end: 19, kind: "false_equation", label: "…" }] })

import { element } from "./dom.js";
import { count } from "./words.js";

const MARKS = {
  false_equation: "mapd-mark",
  named_step: "mapd-named",
  marked_step: "mapd-marked",
  chosen_step: "mapd-chosen",
};
const starts = new WeakMap(); // text node -> where it begins in the text as stored, and that piece

export function drawPassage(passage, more = []) {
  const { text, cut = 0, ranges = [] } = typeof passage === "string" ? { text: passage } : passage;
  const block = element("div", { class: "mapd-text", dir: "auto" });
  if (!text) block.append(element("span", { class: "mapd-more" }, "no text"));
  for (const piece of piecesOf(text, [...ranges, ...more])) block.append(drawPiece(text, piece));
  if (cut) block.append(element("span", { class: "mapd-more" }, `… ${count(cut)} more characters`));
  return block;
}

// The text cut wherever a range begins or ends, each piece with the ranges around it.
export function piecesOf(text, ranges) {
  const sorted = ranges.filter(({ start, end }) => start < end).sort((a, b) => a.start - b.start);
  const ends = [...new Set([0, text.length, ...sorted.flatMap(({ start, end }) => [start, Math.min(end, text.length)])])]
    .filter((at) => at <= text.length).sort((a, b) => a - b);
  const pieces = [];
  let around = [];
  let next = 0;
  for (let at = 0; at + 1 < ends.length; at++) {
    const [start, end] = [ends[at], ends[at + 1]];
    around = around.filter((range) => range.end > start);
    while (next < sorted.length && sorted[next].start <= start) around.push(sorted[next++]);
    pieces.push({ start, end, ranges: around });
  }
  return pieces;
}

function drawPiece(text, { start, end, ranges }) {
  const hidden = ranges.find(({ kind }) => kind === "hidden");
  const marks = ranges.filter(({ kind }) => kind !== "hidden");
  const piece = text.slice(start, end);
  const node = hidden ? element("span", { class: "mapd-char" }, hidden.label) : document.createTextNode(piece.replaceAll("\r\n", "\n"));
  starts.set(node, { start, piece });
  if (!marks.length) return node;
  const look = [...new Set(marks.map(({ kind }) => MARKS[kind]))].join(" ");
  return element("mark", { class: look, title: [...new Set(marks.map(({ label }) => label))].join("; ") }, node);
}

// Where a selection within a drawn passage begins and ends in the text as stored; null where it is elsewhere or empty.
export function selectedRange(block, selection) {
  if (!selection || selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  if (!block.contains(range.startContainer) || !block.contains(range.endContainer)) return null;
  const [start, end] = [offsetOf(block, range.startContainer, range.startOffset), offsetOf(block, range.endContainer, range.endOffset)];
  return start === null || end === null || start >= end ? null : { start, end };
}

function offsetOf(block, node, offset) {
  if (node.nodeType === Node.ELEMENT_NODE) { // between two children: where the next text begins, else where the last ends
    const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    const child = node.childNodes[offset];
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      const known = place(text);
      const isBehind = child && (child.contains(text) || child.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING);
      if (known && isBehind) return known.start;
    }
    const last = lastPlace(block);
    return last ? last.start + last.piece.length : null;
  }
  const known = place(node);
  if (!known) return null;
  if (known.node !== node) return known.start + (offset > 0 ? known.piece.length : 0); // a boxed character is one
  let at = 0;
  for (let drawn = 0; drawn < offset; drawn++) at += known.piece.startsWith("\r\n", at) ? 2 : 1;
  return known.start + at;
}

function place(text) {
  const node = starts.has(text) ? text : text.parentNode;
  return starts.has(node) ? { ...starts.get(node), node } : null;
}

function lastPlace(block) {
  const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
  let last = null;
  for (let text = walker.nextNode(); text; text = walker.nextNode()) last = place(text) ?? last;
  return last;
}
