// A mistake as it is judged: question, student and a line a text at the left, the text in focus at the right.
//
//   fill(left, drawMistake(card, view)); fill(right, drawFocus(card, text, view));
//
// `view`: { focus, kind, unfolded, steps, rendered, reasons, act(name, …) }. What a card doesn't hold can't be drawn: a
// covered text has no author, checks or reviews.

import { chip, dots, label, note, sign, teacherChip, verdictChips } from "./chips.js";
import { textsOf } from "./decisions.js";
import { element } from "./dom.js";
import { keyOf, nameOf } from "../keys.js";
import { drawPassage } from "./passage.js";
import { day, decided, plural, reasonOf } from "./words.js";

const MARKS = {
  waits: ["waiting", "nobody has decided on it yet: Enter accepts it"],
  skipped: ["skipped", "you skipped it: Enter leaves it"],
  judged: ["judged", "somebody has decided on it"],
  overridden: ["overridden", "people have decided otherwise than the committee"],
};

// A button with its key; it never takes the focus from what is read.
export function keyButton(key, words, press, more = {}) {
  const name = nameOf(key);
  return element("button", { type: "button", class: "mapd-act", "data-key": key, onclick: press, ...more },
    element("kbd", {}, name), words && element("span", {}, words));
}

const scroller = (kind, title, ...children) => element("div", {
  class: `mapd-scroll ${kind}`, tabindex: "0", role: "region", "aria-label": title }, children);
const row = (...children) => element("div", { class: "mapd-row" }, children);
const fold = (summary, ...children) => element("details", { class: "mapd-fold" }, element("summary", {}, summary), children);

// What a model thought before it wrote: folded, and marked as what it is.
function drawThought(thought) {
  if (!thought) return null;
  const words = thought.text.trim().split(/\s+/).length;
  return element("details", { class: "mapd-thought" },
    element("summary", {}, `thought, ${plural(words, "word")}: not graded, not taught`), drawPassage(thought));
}

// -- the left side ----------------------------------------------------------------------------------------------------

export function drawMistake(card, view) {
  return [
    element("section", { class: "mapd-box mapd-q", "aria-label": "question" }, drawQuestion(card, view)),
    element("section", { class: "mapd-box mapd-s", "aria-label": "student" }, drawAttempt(card, view)),
    element("section", { class: "mapd-box mapd-texts", "aria-label": "explanations" }, drawTexts(card, view)),
  ];
}

function drawQuestion({ question, blind }, view) {
  const { text, context, options, solution, gold, gold_was: given, number } = question;
  return [
    label(`question ${number}`),
    scroller("mapd-question", "the question",
      drawPassage(text),
      context && [label("context"), drawPassage(context)],
      options.length > 0 && element("ol", { class: "mapd-options", type: "A" }, options.map((option) => element("li", {}, option))),
      solution && fold("worked solution", drawPassage(solution))),
    row(element("span", {}, label("gold answer"), " ",
      gold ? element("b", { class: "mapd-answer" }, gold) : element("span", { class: "mapd-more" }, "none given"),
      given && [" ", element("s", { class: "mapd-note" }, given), note(" corrected")], own(question, "question", view)),
    view.may && keyButton(keyOf("question"), "wrong question or gold", () => view.act("question"), opens("question"))),
    drawDisagreement(question, "question", view),
    !blind && !question.adjudicate && drawWords(question.people, "question", view),
  ];
}

function drawAttempt({ attempt, blind }, view) {
  const { text, thought, answer, limit, reread, doubt, cut_off: isCutOff } = attempt;
  return [
    row(element("span", {}, label("student’s answer"), " ",
      answer === null ? [chip("no_answer"), limit && note(limit)] : [element("b", { class: "mapd-answer" }, answer), " ", sign("incorrect")],
      isCutOff && chip("cut_off"), reread && note(" as people read it"), doubt && note(` possibly not a mistake: we read ${doubt}`), own(attempt, "attempt", view)),
    view.may && keyButton(keyOf("attempt"), "not a mistake", () => view.act("attempt"), opens("attempt"))),
    drawDisagreement(attempt, "attempt", view),
    !blind && !attempt.adjudicate && drawWords(attempt.people, "attempt", view),
    scroller("mapd-response", "the student’s response", drawThought(thought), drawPassage(text)),
  ];
}

const opens = (panel) => ({ "aria-haspopup": "dialog", "aria-expanded": "false", "data-opens": panel });

function own({ said }, about, view) {
  return said && note(` · you: ${decided(said, about, view.reasons)}`);
}

function drawTexts(card, view) {
  const rationales = textsOf(card, "rationale");
  const feedback = textsOf(card, "feedback");
  return [
    rationales.map((text, at) => drawLine(text, at + 1, view)),
    feedback.length > 0 && drawFeedbackLine(feedback, card, view),
    view.unfolded && feedback.map((text, at) => drawLine(text, rationales.length + at + 1, view)),
  ];
}

function drawLine(text, number, view) {
  const isFocus = text.uid === view.focus;
  const title = `${text.kind} ${text.number} of ${text.of}`;
  return element("button", {
    type: "button", class: "mapd-textline", "data-key": String(number), "data-text": text.uid,
    "aria-current": isFocus ? "true" : null, "aria-label": text.covered ? `${title}, not judged by you yet` : null,
    onclick: () => view.act("text", text.uid),
  }, element("kbd", {}, number < 10 ? String(number) : "·"), text.covered ? covered(text, view) : open(text, view));
}

function covered(text, view) {
  const words = text.said ? decided(text.said, text.kind, view.reasons) : text.mark === "skipped" ? "skipped" : "not judged by you yet";
  return element("span", { class: "mapd-note mapd-span" }, `${words} · ${plural(text.words, "word")}`);
}

// Enter accepts what is marked as waiting: texts of the kind that is read alone.
function open(text, view) {
  const states = Object.fromEntries(text.checks.map(({ name, state, words }) => [name, { state, words }]));
  const { matches_gold: gold, equations_true: equations } = states;
  const answer = text.kind === "feedback" ? note(gold.words)
    : text.answer === null ? note("answer can’t be read") : element("span", { class: "mapd-answer" }, text.answer);
  const [mark, title] = (text.mark === "waits" && text.kind !== view.kind ? null : MARKS[text.mark]) ?? ["", ""];
  return [
    teacherChip(text.author, text.repairs ? "✎ " : ""),
    element("span", { class: "mapd-answered" }, answer, text.kind === "rationale" && text.answer === null ? "" : sign(gold.state),
      equations?.state === "fails" && note("false step")),
    element("span", { class: "mapd-mean" }, text.committee.mean === null ? "–" : text.committee.mean.toFixed(1)),
    element("span", { class: "mapd-counts" }, chip(text.conflict ? "conflict" : text.verdict),
      mark && element("span", { class: `mapd-note${text.mark === "waits" ? " mapd-waits" : ""}`, title }, mark)),
  ];
}

function drawFeedbackLine(feedback, card, view) {
  const verdicts = feedback.some((text) => text.covered) ? [] : feedback.map(({ verdict }) => verdict);
  const kinds = [...new Set(verdicts)];
  return element("button", {
    type: "button", class: "mapd-textline mapd-folded", "data-key": "f", "aria-expanded": String(Boolean(view.unfolded)),
    onclick: () => view.act("feedback"),
  }, element("kbd", {}, "f"), element("span", { class: "mapd-span" }, label(`feedback · ${feedback.length}`), " ",
    kinds.map((kind) => [kinds.length > 1 && String(verdicts.filter((verdict) => verdict === kind).length), chip(kind)])));
}

// -- the text in focus ------------------------------------------------------------------------------------------------

export function drawFocus(card, text, view) {
  if (!text) {
    return element("p", { class: "mapd-note" }, "No teacher has written on this mistake: x decides the attempt, g the question.");
  }
  return [
    drawHead(card, text, view),
    card.beside === "practice" && !card.explained && note("Practice: decide first, then see what an adjudicator said and why."),
    !text.covered && drawDisagreement(text, text.kind, view),
    card.explained && !text.covered && drawExplained(card, text, view),
    view.rendered ?? drawBody(text, view),
    text.covered ? drawCovered(text, view) : drawFindings(text, view),
  ];
}

function drawHead(card, text, view) {
  const { number, of, kind, author, repairs } = text;
  const reason = text.why_here ?? null;
  return element("div", { class: "mapd-head" },
    element("h2", { class: "mapd-label", tabindex: "-1" }, `${kind} ${number} of ${of}`),
    author && teacherChip(author),
    author?.simulated && note("simulated"),
    repairs && note(`repairs ${repairs.author}’s`),
    own(text, kind, view),
    element("span", { class: "mapd-grow" }),
    reason && element("details", { class: "mapd-fold mapd-why" }, element("summary", {}, "why here?"), element("span", {}, reason)),
    !text.covered && verdictChips(text),
    text.markup && keyButton(keyOf("render"), view.rendered ? "as written" : "render", () => view.act("render")));
}

function drawBody(text, view) {
  const { ranges } = text.text;
  const kinds = new Set(ranges.map(({ kind }) => kind));
  const steps = ranges.filter(({ kind }) => kind === "named_step" || kind === "marked_step");
  const named = [...new Set(steps.map(({ label: words }) => words))];
  return [
    scroller("mapd-focus", `${text.kind} ${text.number}`, drawThought(text.thought), drawPassage(text.text, view.steps)),
    (kinds.has("false_equation") || named.length > 0) && element("div", { class: "mapd-legend" },
      kinds.has("false_equation") && element("span", {}, element("mark", { class: "mapd-mark" }, "false equation"), " by the checks"),
      named.map((words) => element("span", {}, element("mark", { class: "mapd-named" }, "step"), ` ${words}`))),
  ];
}

function drawCovered(text, view) {
  const words = text.said
    ? "Decided. Author, checks, reviews and what others said come as soon as it is saved; Enter goes on."
    : "Judge first: author, checks, reviews and what others said come after your decision.";
  return row(note(words), view.may && text.kind === "rationale" && misread(view));
}

const misread = (view) => keyButton(keyOf("answer"), "answer misread", () => view.act("answer"), opens("answer"));

function drawFindings(text, view) {
  const { checks, limit, reviews, committee, people, kind } = text;
  return [
    row(line("checks", checks.map(({ state, words }) => element("span", {}, sign(state), ` ${words}`)), limit && note(limit)),
      view.may && kind === "rationale" && misread(view)),
    line("reviews", reviews.length ? reviews.map(drawReview) : note("none")),
    reviews.filter(({ text: words, thought }) => words || thought).map((review) => fold(`${review.reviewer.name}’s review`,
      drawThought(review.thought), review.text && drawPassage(review.text))),
    line("committee", element("span", {}, chip(committee.verdict), committee.why)),
    line("people", people.length ? people.map((word) => element("span", {}, says(word, kind, view))) : note("nobody yet")),
  ];
}

const line = (title, ...children) => element("div", { class: "mapd-checks" }, label(title), children);

function drawReview({ reviewer, score, status, raw, counts, names_step: names }) {
  const reason = score === null ? `(${status}${raw ? `: ${raw}` : ""})` : "";
  const more = [reason, !counts && "without the gold, not counted", names && "names a wrong step"].filter(Boolean).join(" ");
  return element("span", {}, teacherChip(reviewer), dots(score), more && note(more));
}

// -- what people say --------------------------------------------------------------------------------------------------

function says({ person, decision, reason, value, role }, about, view) {
  const isText = about === "rationale" || about === "feedback";
  const verdict = chip(decision === "accept" ? "accepted" : "rejected");
  const words = isText && decision !== "correct" ? verdict : `${decided({ decision, value }, about, view.reasons)} `;
  return [words, element("b", {}, person), role === "adjudicator" && note(" adjudicator"),
    reason && ` · ${reasonOf(reason, view.reasons, about)}`];
}

function drawWords(people, about, view) {
  return people.length > 0 && line("people", people.map((word) => element("span", {}, says(word, about, view))));
}

const quoted = (word, about, view) => element("li", {},
  says(word, about, view), word.note && ` · “${word.note}”`, word.blind && note(" · judged first"));

// Whoever settles what people decided reads all of it, with reasons and notes.
function drawDisagreement({ adjudicate, people, said }, about, view) {
  if (!adjudicate || !people) return null;
  const differ = new Set(people.map(({ decision, value }) => `${decision} ${value}`)).size > 1;
  return element("div", { class: "mapd-people" }, label(differ ? "people disagree" : "people decided"),
    element("ul", { class: "mapd-history" }, people.map((word) => quoted(word, about, view))),
    said && note("You are one of them: better that somebody else decides. "),
    note("Your decision is the last word: it counts, theirs stay on record."));
}

function drawExplained({ explained }, text, view) {
  const same = text.said && (text.said.decision === explained.decision ? "You said the same." : "You said otherwise.");
  return element("div", { class: "mapd-people" }, label("practice · explained"),
    element("ul", { class: "mapd-history" }, quoted(explained, text.kind, view)), note(same));
}

// All that was said of a target, oldest first; what no longer stands is struck out.
export function drawHistory({ words, taken_back: repairs }, view) {
  if (!words.length && !repairs.length) return note("Nobody has judged this yet.");
  return element("ul", { class: "mapd-history" }, words.map((word) => {
    const about = word.about === "attempt" || word.about === "question" ? `${word.about}: ` : "";
    const what = `${about}${decided(word, word.about, view.reasons)}`;
    const more = [
      word.note && `“${word.note}”`, word.role === "adjudicator" && "as the adjudicator",
      word.queue && `queue ${word.queue}`, word.blind && "judged first",
      word.committee && `the committee said ${word.committee}`, word.archive && `came with an archive, ${word.archive}`,
    ];
    return element("li", {}, note(`${day(word.at)} `), element("b", {}, word.person), ` ${word.verb ? `${word.verb}: ` : ""}`,
      word.stands || word.verb ? what : element("s", {}, what), word.verb ? "" : more.filter(Boolean).map((part) => ` · ${part}`));
  }), repairs.map(({ by, text }) => element("li", {}, `${by}, taken back: `, drawPassage(text))));
}
