// What a press does: a decision goes into the outbox and changes the screen at once; other acts open, turn or move.
//
//   perform(triage, "accept")      // or says why it can't be done now

import { following, targetOf, targetsOf, textOf, textsOf, trace } from "./decisions.js";
import { newToken } from "./outbox.js";
import { nameDecision, pluralize } from "./words.js";

export function perform(triage, act, key) {
  const [needs, run] = ACTS[act];
  if (triage.panel?.name !== act) triage.panel = null;
  const line = needs.split(" ").reduce((lack, need) => lack || NEEDS[need]?.(triage), null);
  if (line) triage.message = line;
  else if (run) run(triage, act, key);
  else triage.toggle(act);
}

// Why there isn't what an act needs; nothing where there is.
const NEEDS = {
  name: ({ may }) => !may && "give your name above to judge",
  deck: ({ isOpening }) => isOpening && "the mistake is still loading",
  card: ({ isOpening, card }) => NEEDS.deck({ isOpening }) || (!card && "no mistake is open"),
  judge: ({ card, may }) => card && NEEDS.name({ may }),
  author: ({ subject, card }) => subject.kind === "attempt" && card.about !== "attempt"
    && "nobody has written on this mistake: x decides the attempt",
  text: ({ text }) => !text && "no text is open",
  reveal: ({ text }) => text.covered && "judge it first: then it can be repaired",
  rationale: ({ kind }) => kind !== "rationale" && "only a rationale has an answer of its own",
  markup: ({ text }) => !text.markup && "this text has no maths and no markdown",
  class: ({ meta }) => !meta?.queue.class && "this queue has no class to decide at once",
  lot: ({ meta }) => !meta?.queue.by_lot && "only a random audit is drawn again",
  guidelines: ({ meta }) => !meta?.guidelines && "nobody has written guidelines yet",
};

function accept(triage) {
  const { subject, isRevealed } = triage;
  if (isRevealed && subject.target.said.decision === "accept") goOn(triage);
  else decide(triage, "accept", { stays: isRevealed });
}

export function reject(triage, reason = null) {
  const { subject, step, isRevealed } = triage;
  const marks = step && subject.kind !== "attempt" ? [step] : [];
  decide(triage, "reject", { reason, marks, stays: isRevealed });
}

const askReason = (triage) => (triage.subject.kind === "attempt" ? reject(triage) : triage.toggle("reject"));

// Enter: accept what is marked as waiting; where there is nothing to accept, go on.
function decideRest(triage) {
  const { card, rest, kind, focus } = triage;
  if (!card) triage.open(triage.named());
  else if (triage.isRevealed) goOn(triage);
  else if (!rest.length) {
    const isCovered = textsOf(card, kind).some(({ covered }) => covered);
    const nothing = `no ${triage.text ? kind : "text"} is marked “waiting” here: → goes on`;
    triage.message = isCovered ? "judge first: each text has its own decision" : nothing;
  } else {
    const texts = rest.map((uid) => ({ uid, seen: textOf(card, uid).seen, after: triage.outbox.lastOn(uid) }));
    const isNoted = rest.includes(focus) && triage.drafts.of("note", focus).trim();
    decide(triage, "rest", { kind, texts, target: isNoted ? focus : null });
  }
}

// Goes on without a decision: the next text that waits, else the next card.
function goOn(triage) {
  const { card, focus } = triage;
  const next = card.open.find((uid) => uid !== focus);
  if (next && card.about === "texts") triage.enter(next);
  else triage.goOn();
}

// Stores a decision on the card in front, on what is judged there or on another target; goes on unless one `stays`.
export function decide(triage, act, more = {}) {
  const { card, outbox, subject } = triage;
  const { kind, target, stays = false, ...fields } = { kind: subject.kind, target: subject.target.uid, ...more };
  const { id, mistake, queue, judge, draw } = card;
  const { seen = null, said: word } = target ? targetOf(card, target) : {};
  const decision = {
    token: newToken(), act, kind, target, seen, mistake, queue, judge, draw, card: id,
    after: target && (outbox.lastOn(target) ?? word?.act ?? null),
    // since the text in focus appeared, to hundredths
    seconds: Math.min(86_400, Math.round((performance.now() - triage.appeared) / 10) / 100),
    offline: !triage.leases.holds(mistake), ...fields,
  };
  const targets = targetsOf(decision);
  takeDraft(triage, decision, targets);
  const home = homeOf(triage, card, targets.at(-1));
  const words = describe(triage, decision);
  store(triage, { decision, targets, trace: trace(card, targets), words, home });
  move(triage, card, decision, stays);
}

// What was typed goes with the decision that it belongs to; what is typed for it is one already.
export const FIELDS = { note: "note", repair: "repair", correct: "value" };

function takeDraft({ drafts, focus }, decision, targets) {
  const { act, target, kind } = decision;
  const field = FIELDS[act];
  if (field) drafts.take(field, target);
  if (field || act === "withdraw") return;
  const uid = targets.find((other) => other === focus || kind === "attempt");
  decision.note = (uid && drafts.take("note", uid)) || null;
}

// A note or a repair that wasn't saved is in its field again.
export function giveBack({ drafts }, { act, target, texts, note, value }) {
  const uid = target ?? texts?.[0]?.uid;
  const field = FIELDS[act] ?? "note";
  const words = field === "note" ? note : value;
  if (uid && words && !drafts.of(field, uid).trim()) drafts.keep(field, uid, words);
}

function store(triage, entry) {
  triage.trail.add({ ...entry, token: entry.decision.token });
  triage.outbox.add(entry);
  triage.message = entry.words;
}

// To where one goes behind a decision. `former`: the card as it was.
function move(triage, former, { act, target, kind, texts }, stays) {
  const { card, focus, readTexts: { rationale } } = triage;
  const uid = act === "rest" ? texts.at(-1).uid : target;
  const text = textOf(former, uid);
  const isToRead = act !== "skip" && (text?.covered || former.beside === "practice");
  const isAside = ["attempt", "question"].includes(kind) && former.about === "texts";
  const next = isAside ? null : following(former, card, uid);
  const isBack = text?.kind === "feedback" && card.open.includes(rationale) && textOf(card, next)?.kind === "rationale";
  if (stays || isToRead) triage.enter(focus);
  else if (next) triage.enter(isBack ? rationale : next);
  else triage.goOn();
}

// Where a target is looked at.
function homeOf(triage, card, uid) {
  const text = card && textOf(card, uid) ? uid : triage.focus;
  const { mistake = null, id, question } = card ?? {};
  return { ...triage.place, mistake, text, card: id ?? null, number: uid && question.number };
}

function describe({ card, reasons }, { act, kind, target, texts, reason, value, marks }) {
  const number = textOf(card, target)?.number;
  const about = act !== "rest" ? [kind, number].filter(Boolean).join(" ")
    : pluralize(texts.length, kind, kind === "feedback" ? kind : `${kind}s`);
  const word = { decision: act, reason, value, marks: marks?.length };
  return `${nameDecision(word, kind, reasons)} · ${about}`;
}

export function decideClass(triage, value, reason, { version, texts }) {
  const { queue, judge, draw } = triage.place;
  const decision = { token: newToken(), act: "class", queue, judge, draw, reason, value, version };
  const words = `${value === "accept" ? "accepted" : "rejected"} the class · ${pluralize(texts, "text")}`;
  triage.panel = null;
  store(triage, { decision, targets: [], words, home: homeOf(triage, triage.card, null) });
}

function undo(triage, act) {
  const isRedo = act === "redo";
  const token = newToken();
  const former = triage.trail.turn(act, token);
  triage.message = former ? `${isRedo ? "redone" : "undone"}: ${former.words}` : `nothing to ${act}`;
  if (!former) return;
  const { home, words, targets, latest: undoes } = former;
  const { judge, draw, mistake, card, queue } = home;
  const decision = { token, act: "undo", undoes, judge, draw, mistake, card, queue: queue ?? triage.place.queue };
  const effect = isRedo ? { redo: former.decision } : { trace: former.trace };
  triage.outbox.add({ decision, targets, words, home, ...effect });
  if (mistake) triage.visit(home);
  else triage.outbox.drain().then(() => triage.open(triage.named()));
}

function openText(triage, act, number) {
  const { texts } = triage.card;
  const text = texts[number - 1];
  if (text) triage.enter(text.uid);
  else triage.message = `this mistake has ${pluralize(texts.length, "text")}: there is no ${number}`;
}

// To feedback, and back to the text that one left.
function turnToOther(triage) {
  const { card, readTexts } = triage;
  const other = triage.kind === "feedback" && triage.text ? "rationale" : "feedback";
  const texts = textsOf(card, other);
  const next = textOf(card, readTexts[other]) ?? texts.find(({ uid }) => card.open.includes(uid)) ?? texts[0];
  if (next) triage.enter(next.uid);
  else triage.message = `this mistake has no ${other}`;
}

export function chooseQueue(triage, queue) {
  const { judge, isOwn } = triage.place;
  triage.open({ queue, judge: judge === "first" && !isOwn ? judge : null });
}

function switchJudge(triage) {
  const { place, card, focus } = triage;
  const judge = place.judge === "first" ? "assisted" : "first";
  if (place.judge) triage.open({ ...place, judge, mistake: card?.mistake, text: focus });
}

function drawAgain(triage) {
  const { queue, judge, draw } = triage.place;
  triage.open({ queue, judge, draw: draw + 1 });
}

// Counted once all is saved, which is what it will be decided on.
function openClass(triage) {
  const { queue, judge } = triage.place;
  triage.toggle("class", async () => {
    await triage.outbox.drain();
    return (await triage.api.counts({ queue, judge, panel: true })).class;
  });
}

function openHistory(triage) {
  const { card: { mistake, id }, focus, place: { queue, judge }, api } = triage;
  triage.toggle("history", () => api.history({ card: id, mistake, text: focus, judge, queue }));
}

function openGuidelines(triage) {
  triage.isNewGuidelines = false;
  triage.frames.toggle("guidelines");
}

// What an act needs, and what it does; without that it opens a panel.
const ACTS = {
  accept: ["card name author", accept],
  reject: ["card name author", askReason],
  rest: ["deck judge", decideRest],
  skip: ["card name", (triage) => decide(triage, "skip")],
  note: ["card name"], attempt: ["card name"], question: ["card name"], acts: ["name"], help: [""],
  repair: ["card name text reveal"],
  answer: ["card name text rationale"],
  class: ["name class", openClass],
  undo: ["name", undo],
  redo: ["name", undo],
  history: ["card", openHistory],
  guidelines: ["guidelines", openGuidelines],
  render: ["card text markup", ({ frames, focus }) => frames.toggle(focus)],
  text: ["card", openText],
  feedback: ["card", turnToOther],
  judge: ["", switchJudge],
  draw: ["lot", drawAgain],
  back: ["deck", (triage) => triage.walk(-1)],
  ahead: ["deck", (triage) => triage.walk(1)],
};
