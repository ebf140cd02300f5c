// The words that the page is written in, and numbers, times and names in them. Pure.

export const count = (number) => number.toLocaleString("en");
export const pluralize = (number, word, words = `${word}s`) => `${count(number)} ${number === 1 ? word : words}`;

const formatTime = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
export const formatDay = (at) => `${new Date(at).toLocaleDateString("sv")} ${formatTime(at)}`;

// A reason's code in words, as the project names it.
export function nameReason(code, about, reasons) {
  return reasons[about]?.find((reason) => reason.code === code)?.words ?? code.replaceAll("_", " ");
}

const VERBS = {
  accept: "accepted", reject: "rejected", correct: "answer corrected to", skip: "skipped",
  rest: "accepted", repair: "repaired", withdraw: "withdrew",
};
const OTHER_VERBS = {
  attempt: { accept: "a mistake", reject: "not a mistake" },
  question: { accept: "question is fine", reject: "question is wrong", correct: "gold corrected to" },
};

// What was decided, in words: "rejected · false step · step marked". `marks`: how many.
export function nameDecision({ decision, reason, value, marks }, about, reasons) {
  const verb = OTHER_VERBS[about]?.[decision] ?? VERBS[decision] ?? decision;
  if (decision === "correct") return `${verb} ${value}`;
  return [verb, reason && nameReason(reason, about, reasons), marks && "step marked"].filter(Boolean).join(" · ");
}

// Who has how many of the queue's mistakes open, and since when: "bea has 2 open since 09:12".
export function nameHolders(people) {
  return people.map(({ person, mistakes, since }) =>
    `${person} has ${mistakes ?? "this"} open since ${formatTime(since)}`).join(", ");
}
