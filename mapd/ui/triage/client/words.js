// The words that the page is written in, and numbers, times and names in them. Pure.

const plural = (number, word, words = `${word}s`) => `${number.toLocaleString("en")} ${number === 1 ? word : words}`;

export { plural };
export const count = (number) => number.toLocaleString("en");
export const clock = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
export const day = (at) => `${new Date(at).toLocaleDateString("sv")} ${clock(at)}`;

// A reason's code in words, as the project names it.
export function reasonOf(code, reasons, kind) {
  return reasons[kind]?.find((reason) => reason.code === code)?.words ?? (code ?? "").replaceAll("_", " ");
}

const OF_TEXT = { accept: "accepted", reject: "rejected", correct: "answer corrected to", skip: "skipped", note: "note" };
const OF_ATTEMPT = { ...OF_TEXT, accept: "a mistake", reject: "not a mistake" };
const OF_QUESTION = { ...OF_TEXT, accept: "question is fine", reject: "question is wrong", correct: "gold corrected to" };
const OF_ALL = { withdraw: "withdrew", repair: "repaired", undo: "undone", rest: "accepted", class: "decided the class" };

// What was decided, in words: "rejected · false step".
export function decided({ decision, act, reason, value }, about, reasons) {
  const words = { ...({ attempt: OF_ATTEMPT, question: OF_QUESTION }[about] ?? OF_TEXT), ...OF_ALL };
  const word = words[act] ?? words[decision] ?? decision ?? act;
  if ((act ?? decision) === "correct") return `${word} ${value}`;
  return reason ? `${word} · ${reasonOf(reason, reasons, about)}` : word;
}

// Who has how many of the queue's mistakes open, and since when: "bea has 2 open since 09:12".
export function holders(people) {
  return people.map(({ person, mistakes, since }) => `${person} has ${mistakes ?? "this"} open since ${clock(since)}`).join(", ");
}

// The plain line about what is saved.
export function saveLine(outbox) {
  const number = outbox.entries.length;
  if (outbox.stop) return number ? `${count(number)} not saved: ${outbox.stop}` : outbox.stop;
  if (!number) return "all saved";
  const why = outbox.fault ? ` (${outbox.fault})` : "";
  return `${count(number)} not saved yet, trying${why}${outbox.isFull ? "; keep this page open: the browser’s storage is full" : ""}`;
}
