// A mistake as it is judged: question, student and a line a text at the left, the text in focus at the right. What a
// card doesn't hold can't be drawn: a covered text has no author, no checks.

import { perform } from "./acts.js";
import { textsOf } from "./decisions.js";
import { element } from "./dom.js";
import { keyOf, nameOf } from "../keys.js";
import { drawPassage } from "./passage.js";
import {
  chip, dots, figure, formatDay, join, label, nameDecision, nameReason, note, pluralize, sign, teacherChip,
  verdictChips,
} from "./words.js";

const MARKS = {
  waits: ["waiting", "nobody has decided on it yet: Enter accepts it"],
  skipped: ["skipped", "you skipped it: Enter leaves it"],
  judged: ["judged", "somebody has decided on it"],
  overridden: ["overridden", "people have decided otherwise than the committee"],
};

// A feedback beside the student's answer: by kind of range, its look and words.
const CRITICISMS = {
  criticised_step: ["mapd-criticised", " a step of the answer"], absent_step: ["mapd-absent", " what isn’t in the answer"],
};

// A button takes the focus from nothing that is read: see presses.js.
export function drawButton(press, parts, attributes = {}, selector = "mapd-act") {
  return element(`button.${selector}`, { type: "button", onclick: press, ...attributes }, parts);
}

// The button of an act, with its key.
export function drawAct(triage, act, words, attributes = {}, selector = "mapd-act") {
  const key = keyOf(act);
  const parts = [element("kbd", nameOf(key)), words && element("span", words)];
  const names = { "data-key": key, "data-act": act, identity: act };
  return drawButton(() => perform(triage, act), parts, { ...names, ...attributes }, selector);
}

function drawOpener(triage, panel, words) {
  const more = { "aria-haspopup": "dialog", "aria-expanded": String(triage.panel?.name === panel) };
  return triage.may && drawAct(triage, panel, words, more);
}

const drawBox = (selector, title, parts) => element(`section.mapd-box.${selector}`, { "aria-label": title }, parts);
const drawRow = (...parts) => element("div.mapd-row", ...parts);
const drawLine = (title, ...parts) => element("div.mapd-checks", label(title), ...parts);

// What it is of is its identity: another text begins at its top, unfolded as little as ever.
const drawScroller = (selector, title, identity, ...parts) =>
  element(`div.mapd-scroll.${selector}`, { tabindex: "0", role: "region", "aria-label": title, identity }, ...parts);
const drawFold = (selector, summary, identity, ...parts) =>
  element(`details.${selector}`, { identity }, element("summary", summary), ...parts);

// What a model thought before it wrote: folded, and marked as what it is.
function drawThought(thought) {
  const size = thought && pluralize(thought.text.trim().split(/\s+/).length, "word");
  return thought && drawFold("mapd-thought", `thought, ${size}: not graded, not taught`, "", drawPassage(thought));
}

export function drawMistake(triage) {
  return element("div.mapd-left",
    drawBox("mapd-q", "question", drawQuestion(triage.card, triage)),
    drawBox("mapd-s", "student", drawAttempt(triage.card, triage)),
    drawBox("mapd-texts", "explanations", drawTexts(triage.card, triage)));
}

function drawQuestion({ id, question }, triage) {
  const { text, context, options, solution, gold, gold_was: formerGold, number } = question;
  return [
    label(`question ${number}`),
    drawScroller("mapd-question", "the question", id,
      drawPassage(text), context && [label("context"), drawPassage(context)],
      options.length > 0 && element("ol.mapd-options", { type: "A" }, options.map((option) => element("li", option))),
      solution && drawFold("mapd-fold", "worked solution", "", drawPassage(solution))),
    drawTarget(triage, "question", question, "wrong question or gold", [
      label("gold answer"), " ",
      gold ? element("b.mapd-answer", gold) : element("span.mapd-more", "none given"),
      formerGold && [" ", element("s.mapd-note", formerGold), note(" corrected")],
    ]),
  ];
}

function drawAttempt({ id, attempt }, triage) {
  const { text, thought, answer, limit, reread: isReread, doubt, cut_off: isCutOff } = attempt;
  return [
    drawTarget(triage, "attempt", attempt, "not a mistake", [
      label("student’s answer"), " ",
      answer === null ? [chip("no_answer"), limit && note(limit)]
        : [element("b.mapd-answer", answer), " ", sign("incorrect")],
      isCutOff && chip("cut_off"), isReread && note(" as people read it"),
      doubt && note(` possibly not a mistake: we read ${doubt}`),
    ]),
    drawScroller("mapd-response", "the student’s response", id, drawThought(thought),
      drawPassage(text, triage.text?.steps)), // what the feedback in focus criticises
  ];
}

// What is read of the question or the attempt, the button that decides it, what people say of it.
function drawTarget(triage, about, target, words, facts) {
  const { adjudicate, people } = target;
  return [
    drawRow(element("span", facts, drawOwnWord(target, about, triage)), drawOpener(triage, about, words)),
    adjudicate ? drawDisagreement(target, about, triage)
      : people.length > 0 && drawLine("people", drawWords(people, about, triage)),
  ];
}

const drawOwnWord = ({ said: word }, about, { reasons }) =>
  word && note(` · you: ${nameDecision(word, about, reasons)}`);

function drawTexts(card, triage) {
  const [rationales, feedback] = [textsOf(card, "rationale"), textsOf(card, "feedback")];
  const isUnfolded = triage.kind === "feedback" || rationales.length === 0;
  const drawLines = (texts, offset) => texts.map((text, at) => drawTextLine(text, offset + at + 1, triage));
  return [
    drawLines(rationales, 0),
    feedback.length > 0 && drawFeedbackLine(feedback, isUnfolded, triage),
    isUnfolded && drawLines(feedback, rationales.length),
  ];
}

// The whole line opens the text.
function drawTextLine(text, number, triage) {
  const { uid, kind, covered: isCovered } = text;
  const parts = isCovered ? drawCoveredText(text, triage) : drawOpenText(text, triage);
  const title = `${kind} ${text.number} of ${text.of}, not judged by you yet`;
  return drawButton(() => triage.enter(uid), [element("kbd", number < 10 ? String(number) : "·"), parts], {
    "data-key": number, "data-text": uid, "aria-current": uid === triage.focus && "true",
    "aria-label": isCovered && title,
  }, "mapd-textline");
}

function drawCoveredText({ said: word, mark, kind, words }, { reasons }) {
  const state = word ? nameDecision(word, kind, reasons) : mark === "skipped" ? mark : "not judged by you yet";
  return element("span.mapd-note.mapd-span", `${state} · ${pluralize(words, "word")}`);
}

function drawOpenText(text, triage) {
  const { kind, author, repairs, checks, committee } = text;
  const isWaiting = text.mark === "waits";
  const isOther = isWaiting && kind !== triage.kind; // Enter accepts the kind that is read
  const [mark, title] = (!isOther && MARKS[text.mark]) || [];
  return [
    teacherChip(author, repairs ? "✎ " : ""),
    element("span.mapd-answered", drawAnswer(text),
      checks.some(({ name, state }) => name === "equations_true" && state === "fails") && note("false step")),
    element("span.mapd-mean", figure(committee, 1) || "–"),
    element("span.mapd-counts", chip(text.conflict ? "conflict" : text.verdict),
      mark && element(`span.mapd-note${isWaiting ? ".mapd-waits" : ""}`, { title }, mark)),
  ];
}

function drawAnswer({ kind, answer, checks }) {
  const { state, words } = checks.find(({ name }) => name === "matches_gold");
  if (kind === "feedback") return [note(words), sign(state)];
  if (answer === null) return note("answer can’t be read");
  return [element("span.mapd-answer", answer), sign(state)];
}

function drawFeedbackLine(feedback, isUnfolded, triage) {
  const isCovered = feedback.some((text) => text.covered);
  const verdicts = isCovered ? [] : feedback.map(({ verdict }) => verdict);
  const kinds = [...new Set(verdicts)];
  const countOf = (kind) => kinds.length > 1 && String(verdicts.filter((verdict) => verdict === kind).length);
  const key = keyOf("feedback");
  return drawButton(() => perform(triage, "feedback"), [element("kbd", key),
    element("span.mapd-span", label(`feedback · ${feedback.length}`), " ",
      kinds.map((kind) => [countOf(kind), chip(kind)])),
  ], { "data-key": key, "aria-expanded": String(isUnfolded) }, "mapd-textline");
}

export function drawFocus(triage) {
  const { card, text } = triage;
  const nothing = "No teacher has written on this mistake: x decides the attempt, g the question.";
  return drawBox("mapd-right", "text to judge",
    text ? drawText(card, text, triage) : element("p.mapd-note", nothing));
}

function drawText({ id, beside, explained }, text, triage) {
  const { uid, kind, covered, adjudicate } = text;
  const isPractice = beside === "practice" && !explained;
  return [
    drawHead(text, triage),
    isPractice && note("Practice: decide first, then see what an adjudicator said and why."),
    adjudicate && !covered && drawDisagreement(text, kind, triage),
    explained && !covered && drawExplained(explained, text, triage),
    triage.frames.isOpen(uid) ? triage.frames.draw(uid, "the text, rendered") : drawBody(`${id} ${uid}`, text, triage),
    covered ? drawCovered(text, triage) : drawFindings(text, triage),
  ];
}

function drawHead(text, triage) {
  const { uid, number, of, kind, author, repairs, markup, covered, why_here: reason } = text;
  return element("div.mapd-head",
    element("h2.mapd-label", { tabindex: "-1" }, `${kind} ${number} of ${of}`),
    author && teacherChip(author), author?.simulated && note("simulated"),
    repairs && note(`repairs ${repairs.author}’s`),
    drawOwnWord(text, kind, triage), element("span.mapd-grow"),
    reason && drawFold("mapd-fold.mapd-why", "why here?", uid, element("span", reason)),
    !covered && verdictChips(text),
    markup && drawAct(triage, "render", triage.frames.isOpen(uid) ? "as written" : "render"));
}

function drawBody(identity, { kind, number, text, thought }, { step }) {
  const chosen = step ? [{ ...step, kind: "chosen_step", label: "the false step" }] : [];
  const hasEquation = text.ranges.some((range) => range.kind === "false_equation");
  const steps = text.ranges.filter((range) => ["named_step", "marked_step"].includes(range.kind));
  const labels = [...new Set(steps.map((range) => range.label))];
  const criticisms = Object.keys(CRITICISMS).filter((kind) => text.ranges.some((range) => range.kind === kind));
  return [
    drawScroller("mapd-focus", `${kind} ${number}`, identity, drawThought(thought), drawPassage(text, chosen)),
    (hasEquation || steps.length > 0 || criticisms.length > 0) && element("div.mapd-legend",
      hasEquation && element("span", element("mark.mapd-mark", "false equation"), " by the checks"),
      labels.map((words) => element("span", element("mark.mapd-named", "step"), ` ${words}`)),
      criticisms.map((kind) => element("span", element(`mark.${CRITICISMS[kind][0]}`, "criticises"), CRITICISMS[kind][1]))),
  ];
}

function drawCovered({ said: word, kind }, triage) {
  const words = word
    ? "Decided. Author, checks, reviews and what others said come as soon as it is saved; Enter goes on."
    : "Judge first: author, checks, reviews and what others said come after your decision.";
  return drawRow(note(words), kind === "rationale" && drawOpener(triage, "answer", "answer misread"));
}

function drawFindings({ checks, limit, reviews, committee, people, kind, uid }, triage) {
  const opinions = reviews.filter(({ text, thought }) => text || thought);
  const drawCheck = ({ state, words }) => element("span", sign(state), ` ${words}`);
  return [
    drawRow(drawLine("checks", checks.map(drawCheck), limit && note(limit)),
      kind === "rationale" && drawOpener(triage, "answer", "answer misread")),
    drawLine("reviews", reviews.length ? reviews.map(drawReview) : note("none")),
    opinions.map(({ reviewer: { name }, text, thought }) =>
      drawFold("mapd-fold", `${name}’s review`, `${uid} ${name}`, drawThought(thought), text && drawPassage(text))),
    drawLine("committee", element("span", chip(committee.verdict), committee.why)),
    drawLine("people", people.length ? drawWords(people, kind, triage) : note("nobody yet")),
  ];
}

function drawReview({ reviewer, score, status, raw, counts, names_step: namesStep }) {
  const reason = score === null && `(${status}${raw ? `: ${raw}` : ""})`;
  const words = join([reason, !counts && "without the gold, not counted", namesStep && "names a wrong step"], " ");
  return element("span", teacherChip(reviewer), dots(score), words && note(words));
}

const isOfText = (about) => about === "rationale" || about === "feedback";

function drawWord({ person, decision, reason, value, role }, about, { reasons }) {
  return [
    isOfText(about) && decision !== "correct" ? chip(decision === "accept" ? "accepted" : "rejected")
      : `${nameDecision({ decision, value }, about, reasons)} `,
    element("b", person), role === "adjudicator" && note(" adjudicator"),
    reason && ` · ${nameReason(reason, about, reasons)}`,
  ];
}

const drawWords = (people, about, triage) => people.map((word) => element("span", drawWord(word, about, triage)));

// Words with their notes, for whoever has to weigh them.
function drawQuotes(title, people, about, triage, ...remarks) {
  return element("div.mapd-people", label(title),
    element("ul.mapd-history", people.map((word) => element("li", drawWord(word, about, triage),
      word.note && ` · “${word.note}”`, word.blind && note(" · judged first")))),
    remarks.map((remark) => remark && note(remark)));
}

// Whoever settles what people decided reads all of it, with reasons and notes.
function drawDisagreement({ people, said: word }, about, triage) {
  const decisions = new Set(people.map(({ decision, value }) => `${decision} ${value}`));
  const title = decisions.size > 1 ? "people disagree" : "people decided";
  return drawQuotes(title, people, about, triage,
    word && "You are one of them: better that somebody else decides. ",
    "Your decision is the last word: it counts, theirs stay on record.");
}

function drawExplained(explained, { said: word, kind }, triage) {
  const isSame = word?.decision === explained.decision;
  return drawQuotes("practice · explained", [explained], kind, triage,
    word && (isSame ? "You said the same." : "You said otherwise."));
}

// All that was said of a target, oldest first; what no longer stands is struck out.
export function drawHistory({ words, taken_back: repairs }, { reasons }) {
  if (!words.length && !repairs.length) return note("Nobody has judged this yet.");
  return element("ul.mapd-history", words.map((word) => drawPastWord(word, reasons)),
    repairs.map(({ by, text }) => element("li", `${by}, taken back: `, drawPassage(text))));
}

function drawPastWord(word, reasons) {
  const { about, at, person, verb, stands, note: remark, role, queue, blind, archive, committee: verdict } = word;
  const decision = `${isOfText(about) ? "" : `${about}: `}${nameDecision(word, about, reasons)}`;
  const circumstances = [
    remark && `“${remark}”`, role === "adjudicator" && "as the adjudicator", queue && `queue ${queue}`,
    blind && "judged first", verdict && `the committee said ${verdict}`, archive && `came from elsewhere, ${archive}`,
  ].filter(Boolean).map((part) => ` · ${part}`);
  return element("li", note(`${formatDay(at)} `), element("b", person), " ",
    verb ? `${verb}: ${decision}` : [stands ? decision : element("s", decision), circumstances]);
}
