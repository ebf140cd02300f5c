// What a decision does to a card, at once, before the server has answered; and where one goes from there. Pure.
//
//   const after = decide(card, { act: "accept", kind: "rationale", target: "a1b2", token: "7f9c" });
//   following(card, after, "a1b2")    // -> the uid of the text to go to; null: the next card
//
// The server's own card takes its place as soon as it comes.

export const textOf = (card, uid) => card.texts.find((text) => text.uid === uid) ?? null;
export const textsOf = (card, kind) => card.texts.filter((text) => text.kind === kind);

// What a decision can be about: a text, the attempt or the question.
export function targetOf(card, uid) {
  if (card.attempt.uid === uid) return card.attempt;
  return card.question.uid === uid ? card.question : textOf(card, uid);
}

// Whether the card waits for this person's word.
export function waits(card) {
  if (!card.waits) return false;
  if (card.about === "attempt") return card.attempt.said === null && card.attempt.mark !== "skipped";
  return card.open.length > 0 || (card.texts.length === 0 && card.attempt.mark !== "skipped");
}

// The targets of a decision.
export function targetsOf(decision) {
  return decision.act === "rest" ? decision.texts.map(({ uid }) => uid) : [decision.target];
}

// What a decision changes of a card, kept with it so that an undo can bring it back.
export function trace(card, uids) {
  const targets = Object.fromEntries(uids.map((uid) => [uid, targetOf(card, uid)]).filter(([, target]) => target)
    .map(([uid, { said, mark }]) => [uid, { said, mark: mark ?? null }]));
  return { targets, open: card.open, rest: card.rest };
}

// The card after an entry of the outbox: a decision, an undo with the trace of what it takes back, or the decision that
// it makes again.
export function decide(card, { decision, trace: before, redo }) {
  const { act, token } = decision;
  if (act === "undo" && redo) return decide(card, { decision: redo });
  if (act === "undo") return before ? revert(card, before) : card;
  if (act === "note" || act === "class") return card;
  return targetsOf(decision).reduce((now, uid) => say(now, uid, WORDS[act] ?? act, { ...decision, token }), card);
}

const WORDS = { rest: "accept", repair: "reject" }; // what these say of their target

function say(card, uid, word, { token, reason = null, note = null, value = null, kind }) {
  const of = targetOf(card, uid);
  if (!of) return card;
  const spoken = { decision: word, reason, note, value, act: token };
  const marks = { skip: "skipped", withdraw: card.rest[kind] ? "waits" : null, correct: of.mark };
  const change = {
    said: word === "skip" ? of.said : word === "withdraw" ? null : spoken,
    mark: word in marks ? marks[word] : "judged",
  };
  const now = replace(card, uid, change);
  if (!textOf(card, uid) || word === "withdraw" || word === "correct") return now;
  return without(now, uid);
}

function revert(card, before) {
  const uids = Object.keys(before.targets);
  const back = (list, old) => old.filter((uid) => list.includes(uid) || uids.includes(uid));
  const rest = Object.fromEntries(Object.keys(card.rest).map((kind) => [kind, back(card.rest[kind], before.rest[kind] ?? [])]));
  const now = uids.reduce((some, uid) => replace(some, uid, before.targets[uid]), card);
  return { ...now, waits: card.waits || before.open.length > 0, open: back(card.open, before.open), rest };
}

function replace(card, uid, change) {
  if (card.attempt.uid === uid) return { ...card, attempt: { ...card.attempt, ...change } };
  if (card.question.uid === uid) return { ...card, question: { ...card.question, ...change } };
  return { ...card, texts: card.texts.map((text) => (text.uid === uid ? { ...text, ...change } : text)) };
}

function without(card, uid) {
  const kept = (list) => list.filter((other) => other !== uid);
  const rest = Object.fromEntries(Object.entries(card.rest).map(([kind, list]) => [kind, kept(list)]));
  return { ...card, open: kept(card.open), rest };
}

// Where one goes behind a decision on `uid`: the next text that the queue is about; where it isn't about this one, the
// next of its kind that waits. `before` and `after`: the card as it was and as it is.
export function following(before, after, uid) {
  if (after.about === "attempt" && uid === after.attempt.uid) return null;
  const at = before.open.indexOf(uid);
  if (at >= 0) return before.open.slice(at + 1).find((other) => after.open.includes(other)) ?? after.open[0] ?? null;
  const kind = textOf(before, uid)?.kind;
  const alike = kind ? textsOf(after, kind).filter(isUndecided) : [];
  const behind = alike.find((text) => text.number > (textOf(before, uid)?.number ?? 0)) ?? alike[0];
  return behind?.uid ?? after.open[0] ?? null;
}

function isUndecided(text) {
  return text.said === null && (text.covered ? text.mark !== "skipped" : text.mark === "waits");
}

// The sentences and lines of a text, as ranges: a false step is one of them.
export function stepsOf(text) {
  return Array.from(text.matchAll(/\S[^\n]*?(?:[.!?](?=\s)|(?=\r?\n)|$)/g), ({ 0: step, index }) => ({
    start: index,
    end: index + step.length,
  }));
}
