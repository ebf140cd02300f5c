// What a press does: a decision goes into the outbox and changes the screen at once; other acts open, turn or move.
//
//   perform(triage, "accept")      // or says why it can't be done now

import { following, targetOf, targetsOf, textOf, textsOf, trace } from "./decisions.js";
import { newToken } from "./outbox.js";
import { decided, plural } from "./words.js";

export function perform(triage, act) {
  const why = refusal(triage, act);
  if (why) triage.say(why);
  else ACTS[act](triage);
}

// Why an act can't be done now; empty where it can.
function refusal(triage, act) {
  const { card, text, may, subject } = triage;
  if (["help", "guidelines", "judge", "draw", "acts", "undo", "redo", "class"].includes(act)) {
    return may || !["acts", "undo", "redo", "class"].includes(act) ? "" : "give your name above to judge";
  }
  if (act === "rest" && !card && !triage.isOpening) return "";
  if (triage.isOpening) return "the mistake is still loading";
  if (!card) return ["back", "ahead"].includes(act) ? "" : "no mistake is open";
  if (!may && !["feedback", "back", "ahead", "history", "render"].includes(act)) return "give your name above to judge";
  if (["accept", "reject"].includes(act) && subject.kind === "attempt" && card.about !== "attempt") {
    return "nobody has written on this mistake: x decides the attempt";
  }
  if (["repair", "answer", "render"].includes(act) && !text) return "no text is open";
  if (act === "repair" && text.covered) return "judge it first: then it can be repaired";
  if (act === "answer" && text.kind !== "rationale") return "only a rationale has an answer of its own";
  if (act === "render" && !text.markup) return "this text has no maths and no markdown";
  return "";
}

function toggle(triage, panel) {
  const isOpen = triage.panel === panel;
  triage.close();
  if (!isOpen) {
    triage.panel = panel;
    triage.drawPanel();
  }
  triage.draw();
}

function accept(triage) {
  const { card, subject, isRevealed } = triage;
  if (isRevealed && subject.said.decision === "accept") goOn(triage);
  else decide(triage, "accept", { kind: subject.kind, target: subject.target.uid }, isRevealed && card.about === "texts");
}

export function reject(triage, reason = null) {
  const { subject, step, isRevealed } = triage;
  const marks = step && subject.kind !== "attempt" ? [step] : [];
  decide(triage, "reject", { kind: subject.kind, target: subject.target.uid, reason, marks }, isRevealed);
}

function skip(triage) {
  const { subject } = triage;
  decide(triage, "skip", { kind: subject.kind, target: subject.target.uid });
}

// Enter: accept what is marked as waiting; where there is nothing to accept, go on.
function decideRest(triage) {
  const { card, text, rest } = triage;
  if (!card) {
    triage.open({ ...triage.named() });
    return;
  }
  if (triage.isRevealed) {
    goOn(triage);
    return;
  }
  if (!rest.length) {
    const isCovered = text && textsOf(card, text.kind).some(({ covered }) => covered);
    const nothing = `no ${text?.kind ?? "text"} is marked “waiting” here: → goes on`;
    triage.say(isCovered ? "judge first: each text has its own decision" : nothing);
    return;
  }
  const texts = rest.map((uid) => ({ uid, seen: textOf(card, uid).seen, after: triage.outbox.lastOn(uid) }));
  const target = rest.includes(triage.focus) && triage.drafts.has("note", triage.focus) ? triage.focus : null;
  decide(triage, "rest", { kind: text.kind, texts, target });
}

// Goes on without a decision: the next text that waits, else the next card.
function goOn(triage) {
  const { card } = triage;
  const next = card.open.find((uid) => uid !== triage.focus);
  if (next && card.about === "texts") triage.enter(next);
  else goToNext(triage);
}

export function goToNext(triage) {
  triage.deck.goOn();
  triage.arrive();
}

// A decision on the card in front: stored, applied, and one goes on unless one is to stay.
export function decide(triage, act, { kind, target = null, ...fields }, stays = false) {
  const { card } = triage;
  const { seen = null, said } = target ? targetOf(card, target) : {};
  const decision = {
    token: newToken(), act, kind, target, seen, after: target && (triage.outbox.lastOn(target) ?? said?.act ?? null),
    card: card.id, mistake: card.mistake, queue: card.queue, judge: card.judge, draw: card.draw,
    seconds: secondsOf(triage), offline: !triage.leases.holds(card.mistake), ...fields,
  };
  const targets = targetsOf(decision);
  takeAlong(triage, decision, targets);
  const [words, home] = [wordsOf(triage, decision, card), homeOf(triage, card, targets.at(-1))];
  const entry = { decision, targets, trace: trace(card, targets), words, home };
  store(triage, entry);
  triage.say(entry.words);
  move(triage, card, decision, stays);
}

// What was typed goes with the decision that it belongs to.
function takeAlong(triage, decision, targets) {
  const { act } = decision;
  const takes = ["accept", "reject", "skip", "rest"].includes(act);
  const taker = takes ? targets.find((uid) => uid === triage.focus || decision.kind === "attempt") : null;
  if (taker && triage.drafts.has("note", taker)) {
    decision.note = triage.drafts.of("note", taker).trim();
    triage.drafts.forget("note", taker);
  }
  const field = { note: "note", repair: "repair", correct: "value" }[act];
  if (field) triage.drafts.forget(field, decision.target);
}

function store(triage, entry) {
  triage.trail.add({ ...entry, token: entry.decision.token });
  triage.outbox.add(entry);
}

function move(triage, before, { act, target, targets, kind, texts }, stays) {
  triage.close();
  const after = triage.card;
  const uid = act === "rest" ? texts.at(-1).uid : target;
  const isAttemptAside = (kind === "attempt" || kind === "question") && before.about === "texts";
  const isCovered = act !== "skip" && textOf(before, uid)?.covered;
  const isPractice = before.beside === "practice" && act !== "skip";
  if (stays || isCovered || isPractice) {
    triage.enter(triage.focus);
    return;
  }
  if (isAttemptAside) {
    goToNext(triage);
    return;
  }
  const next = following(before, after, uid);
  const left = triage.readTexts.get(`${before.id} rationale`);
  const isBack = textOf(before, uid)?.kind === "feedback" && after.open.includes(left) && textOf(after, next)?.kind === "rationale";
  if (next) triage.enter(isBack ? left : next);
  else goToNext(triage);
}

// Since the text in focus appeared.
function secondsOf(triage) { return Math.min(86_400, Math.round((performance.now() - triage.appeared) / 10) / 100); }

// Where a target is looked at.
function homeOf(triage, card, uid) {
  const text = textOf(card, uid)?.uid ?? triage.focus;
  const { id, mistake, queue, judge, draw, question } = card;
  return { card: id, mistake, text, queue, judge, draw, filter: triage.place.filter, question: question.number };
}

function wordsOf(triage, decision, card) {
  const { act, kind, target, texts } = decision;
  const number = textOf(card, target)?.number;
  const alone = `${kind}${number ? ` ${number}` : ""}`;
  const about = act === "rest" ? plural(texts.length, kind, kind === "feedback" ? "feedback" : `${kind}s`) : alone;
  return `${decided({ ...decision, decision: act }, kind, triage.reasons)} · ${about}`;
}

export function decideClass(triage, word, reason, { version, texts }) {
  const { queue, judge, draw, filter } = triage.place;
  const { card } = triage;
  const decision = { token: newToken(), act: "class", queue, judge, draw, reason, value: word, version };
  const words = `${word === "accept" ? "accepted" : "rejected"} the class · ${plural(texts, "text")}`;
  const home = { mistake: card?.mistake ?? null, text: triage.focus, queue, judge, draw, filter };
  store(triage, { decision, targets: [], trace: null, words, home });
  triage.say(`${words} …`);
  triage.close();
  triage.draw();
}

function turn(triage, isRedo) {
  const token = newToken();
  const act = isRedo ? triage.trail.redo(token) : triage.trail.undo(token);
  if (!act) {
    triage.say(isRedo ? "nothing to redo" : "nothing to undo");
    return;
  }
  const { home, targets = [home.text] } = act;
  const decision = {
    token, act: "undo", undoes: isRedo ? act.undo : act.live,
    queue: home.queue ?? triage.place.queue, judge: home.judge ?? triage.place.judge,
    draw: home.draw ?? 1, card: home.card ?? null, mistake: home.mistake, target: null,
  };
  const effect = isRedo ? { redo: act.decision } : { trace: act.trace };
  triage.outbox.add({ decision, targets, ...effect, words: act.words, home });
  triage.say(`${isRedo ? "redone" : "undone"}: ${act.words}`);
  if (home.mistake) triage.visit(home);
  else triage.outbox.drain().then(() => triage.open(triage.named()));
}

function feedback(triage) {
  const { card, text } = triage;
  const other = text?.kind === "feedback" ? "rationale" : "feedback";
  const texts = textsOf(card, other);
  if (!texts.length) {
    triage.say(`this mistake has no ${other}`);
    return;
  }
  const left = triage.readTexts.get(`${card.id} ${other}`);
  triage.enter(textOf(card, left)?.uid ?? (texts.find(({ uid }) => card.open.includes(uid)) ?? texts[0]).uid);
}

export function chooseQueue(triage, queue) {
  const { judge, isOwn } = triage.place;
  triage.screen.select.blur();
  triage.open({ queue, judge: judge === "first" && !isOwn ? judge : null });
}

function switchJudge(triage) {
  const { judge } = triage.place;
  if (!judge) return;
  triage.open({ ...triage.place, judge: judge === "first" ? "assisted" : "first", mistake: triage.card?.mistake, text: triage.focus });
}

function drawAgain(triage) {
  const { queue, judge, draw } = triage.place;
  if (!triage.meta?.queue.by_lot) triage.say("only a random audit is drawn again");
  else triage.open({ queue, judge, draw: draw + 1 });
}

async function showClass(triage) {
  if (!triage.meta?.queue.class) {
    triage.say("this queue has no class to decide at once");
    return;
  }
  triage.classPanel = null;
  toggle(triage, "class");
  const { queue, judge } = triage.place;
  await triage.outbox.drain();
  const reply = await triage.ask(() => triage.api.counts({ queue, judge, panel: true }));
  if (reply) triage.classPanel = reply.class;
  if (triage.panel === "class") triage.redrawPanel();
}

async function showHistory(triage) {
  const { card, focus } = triage;
  triage.past = null;
  toggle(triage, "history");
  if (triage.panel !== "history") return;
  const { queue, judge } = triage.place;
  triage.past = await triage.ask(() => triage.api.history({ card: card.id, mistake: card.mistake, text: focus, judge, queue }));
  if (triage.panel === "history") triage.redrawPanel();
}

function showGuidelines(triage) {
  if (!triage.meta?.hasGuidelines) {
    triage.say("nobody has written guidelines yet");
    return;
  }
  triage.isNewGuidelines = false;
  triage.frames.toggleBeside(triage.screen.beside);
  triage.screen.work.classList.toggle("mapd-two", triage.frames.isBesideOpen);
  triage.draw();
  if (triage.isOneColumn && triage.frames.isBesideOpen) triage.screen.beside.scrollIntoView();
}

const ACTS = {
  accept: accept,
  reject: (triage) => (triage.subject.kind === "attempt" ? reject(triage) : toggle(triage, "reject")),
  rest: decideRest,
  skip: skip,
  note: (triage) => toggle(triage, "note"),
  repair: (triage) => toggle(triage, "repair"),
  answer: (triage) => toggle(triage, "answer"),
  attempt: (triage) => toggle(triage, "attempt"),
  question: (triage) => toggle(triage, "question"),
  class: showClass,
  undo: (triage) => turn(triage, false),
  redo: (triage) => turn(triage, true),
  acts: (triage) => toggle(triage, "acts"),
  history: showHistory,
  help: (triage) => toggle(triage, "help"),
  guidelines: showGuidelines,
  render: (triage) => triage.frames.toggle(triage.text, () => triage.draw()),
  feedback: feedback,
  judge: switchJudge,
  draw: drawAgain,
  back: (triage) => triage.back(),
  ahead: (triage) => triage.ahead(),
};
