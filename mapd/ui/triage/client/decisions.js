// What a decision does to a card, at once, before the server has answered; and where one goes from there. Pure.
//
//   const after = decide(card, { decision: { act: "accept", target: "a1b2…", … } });
//   following(card, after, "a1b2…")    // -> the text to go to; null: the next card
//
// The server's own card takes its place as soon as it comes.

export const textOf = (card, uid) => card.texts.find((text) => text.uid === uid) ?? null;
export const textsOf = (card, kind) => card.texts.filter((text) => text.kind === kind);

// What a decision can be about: a text, the attempt or the question.
export const targetOf = (card, uid) =>
  [card.attempt, card.question, ...card.texts].find((target) => target.uid === uid) ?? null;

// The targets of a decision.
export const targetsOf = ({ act, texts, target }) => (act === "rest" ? texts.map(({ uid }) => uid) : [target]);

// Whether the card waits for this person's word.
export function waits(card) {
  const { attempt, about, open, texts } = card;
  if (!card.waits) return false;
  if (about === "attempt") return attempt.said === null && attempt.mark !== "skipped";
  return open.length > 0 || (texts.length === 0 && attempt.mark !== "skipped");
}

// What a decision changes of a card, kept with it so that an undo can bring it back.
export function trace(card, uids) {
  const targets = uids.map((uid) => targetOf(card, uid)).filter(Boolean);
  const former = targets.map(({ uid, said, mark = null }) => [uid, { said, mark }]);
  return { targets: Object.fromEntries(former), open: card.open, rest: card.rest };
}

// The card after an entry of the outbox: a decision, an undo with the trace of what it takes back, or the decision that
// it makes again.
export function decide(card, { decision, trace: former, redo }) {
  const { act } = decision;
  if (act === "undo" && redo) return decide(card, { decision: redo });
  if (act === "undo") return former ? revert(card, former) : card;
  if (act === "note" || act === "class") return card;
  return targetsOf(decision).reduce((now, uid) => decideTarget(now, uid, decision), card);
}

const OF_TARGET = { rest: "accept", repair: "reject" }; // what these acts say of their target

function decideTarget(card, uid, { act, kind, token, reason = null, note = null, value = null }) {
  const target = targetOf(card, uid);
  if (!target) return card;
  const word = { decision: OF_TARGET[act] ?? act, reason, note, value, act: token };
  const said = { skip: target.said, withdraw: null }[act];
  const waiting = card.rest[kind] ? "waits" : null;
  const marks = { skip: "skipped", withdraw: waiting, correct: target.mark };
  const mark = act in marks ? marks[act] : "judged";
  const now = replaceTarget(card, uid, { said: said === undefined ? word : said, mark });
  if (!textOf(card, uid) || act === "withdraw" || act === "correct") return now;
  return keepWaiting(now, (list) => list.filter((other) => other !== uid));
}

function revert(card, former) {
  const changes = Object.entries(former.targets);
  const now = changes.reduce((after, [uid, change]) => replaceTarget(after, uid, change), card);
  const isWaiting = (list) => (uid) => list.includes(uid) || uid in former.targets;
  const reverted = keepWaiting(now, (list, whole) => whole.filter(isWaiting(list)), former);
  return { ...reverted, waits: card.waits || former.open.length > 0 };
}

function replaceTarget(card, uid, change) {
  const replace = (target) => (target.uid === uid ? { ...target, ...change } : target);
  const { attempt, question, texts } = card;
  return { ...card, attempt: replace(attempt), question: replace(question), texts: texts.map(replace) };
}

// The card with other lists of what waits, each made of the list that it has and the former one.
function keepWaiting(card, change, { open, rest } = {}) {
  const lists = Object.entries(card.rest).map(([kind, list]) => [kind, change(list, rest?.[kind])]);
  return { ...card, open: change(card.open, open), rest: Object.fromEntries(lists) };
}

// Where one goes behind a decision on `uid`: the next text that the queue is about; where it isn't about this one, the
// next of its kind that waits. `former`: the card as it was.
export function following(former, card, uid) {
  if (card.about === "attempt" && uid === card.attempt.uid) return null;
  const at = former.open.indexOf(uid);
  if (at >= 0) {
    const behind = former.open.slice(at + 1).find((other) => card.open.includes(other));
    return behind ?? card.open[0] ?? null;
  }
  const text = textOf(former, uid);
  const siblings = text ? textsOf(card, text.kind).filter(isUndecided) : [];
  const next = siblings.find(({ number }) => number > text.number) ?? siblings[0];
  return next?.uid ?? card.open[0] ?? null;
}

const isUndecided = ({ said, covered, mark }) => said === null && (covered ? mark !== "skipped" : mark === "waits");
