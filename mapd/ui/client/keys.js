// The keys of a page: one table says what each key does in triage, one listener hears them there and in the room vote.
//
//   listen((key, event) => act(key), { signal });    // "a", "ArrowLeft", …: true if it is ours
//
// It listens before streamlit does (capture, on window), which reruns the script on a bare "r".

export const TRIAGE = [ // key, act, what the help says
  ["1-9", "text", "go to this text"],
  ["f", "feedback", "feedback, and back to the text that you left"],
  ["a", "accept", "accept, and go on"],
  ["r", "reject", "reject: then a digit for the reason"],
  ["Enter", "rest", "accept all texts that are marked “waiting”, and go on; after “judge first”: go on"],
  ["s", "skip", "skip: not now, not by me"],
  ["w", "class", "decide a whole class of texts at once, where a queue offers it"],
  ["n", "note", "note: saved with your next decision on the text; Ctrl+Enter saves it alone"],
  ["e", "repair", "repair: your corrected copy replaces the text"],
  ["c", "answer", "the text’s own answer was misread"],
  ["x", "attempt", "the student’s attempt: not a mistake, or another answer"],
  ["g", "question", "the question or its gold answer is wrong"],
  ["u", "undo", "undo"],
  ["y", "redo", "redo"],
  ["l", "acts", "your last ten decisions, to change one"],
  ["h", "history", "history of this text: who decided what"],
  ["j", "judge", "judge first: names, checks and scores come after your decision"],
  ["d", "draw", "another draw, in a random audit"],
  ["ArrowLeft", "back", "the mistake before"],
  ["ArrowRight", "ahead", "the next mistake"],
  ["i", "guidelines", "guidelines beside the work"],
  ["m", "render", "maths and markdown rendered, or as written"],
  ["?", "help", "these keys"],
];

const NAMES = { ArrowLeft: "←", ArrowRight: "→" };
const SCROLLS = ["PageUp", "PageDown", " ", "ArrowUp", "ArrowDown", "Home", "End"];
const LINE = 40; // px that an arrow scrolls

export const nameOf = (key) => NAMES[key] ?? key;

// The act of a key; a digit is the act "text".
export const actOf = (key) => (/^[1-9]$/.test(key) ? "text" : TRIAGE.find(([name]) => name === key)?.[1] ?? null);
export const keyOf = (act) => TRIAGE.find(([, name]) => name === act)[0];

// Where somebody types. A closed selectbox of streamlit keeps the focus after a choice, but nobody types there.
const TYPED = "textarea, select, [contenteditable=true], "
  + "input:not([type=button], [type=checkbox], [type=radio], [type=submit], [role=combobox]:not([aria-expanded=true]))";
const PRESSED = "button, a, summary, [role=button], [role=option], [role=menuitem]";

// Listens on the window, or in a frame's. `isOurs`: keys that are the page's in a field, too.
export function listen(take, { on = window, signal, isOurs = () => false }) {
  on.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const { target } = event;
    if (event.key !== "Escape" && target.closest?.(TYPED) && !isOurs(event.key, target)) return;
    // Enter and the space bar press what has the focus.
    if (["Enter", " "].includes(event.key) && target.closest?.(PRESSED)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!take(key, event)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, { capture: true, signal });
}

// With shift they select, but for the space bar, which goes back.
export const scrolls = (key, { shiftKey }) => SCROLLS.includes(key) && (key === " " || !shiftKey);

// Scrolls a box as the browser would if the box had the focus.
export function scroll(box, key, event) {
  const [page, all] = [0.9 * box.clientHeight, box.scrollHeight];
  const heights = { PageUp: -page, PageDown: page, ArrowUp: -LINE, ArrowDown: LINE, Home: -all, End: all };
  box.scrollBy(0, heights[key] ?? (event.shiftKey ? -page : page));
}
