// Where one is, in the browser's address: queue, way of judging, mistake, text. Each move is an entry in its history.
//
//   read()                            // -> { queue: "smart", mistake: "9d2e…", text: null, … }
//   const address = new Address(open, signal);
//   address.show({ queue: "smart", mistake: "9d2e…", text: "a1b2…" });

const NAMES = ["queue", "judge", "draw", "filter", "mistake", "text", "question"];
const GAP = 350; // ms between two entries: browsers refuse more than some a second
const DELAY = 50; // ms: an entry takes the browser some, and the next text is painted first

export function read() {
  const params = new URLSearchParams(location.search);
  return Object.fromEntries(NAMES.map((name) => [name, params.get(name) || null]));
}

export class Address {
  #page = location.pathname;
  #place = null; // the place that the address doesn't show yet
  #search = null; // the query of the last entry
  #moment = 0; // when it was made
  #timer;

  // `open` is called with the place that Back or Forward lead to.
  constructor(open, signal) {
    addEventListener("popstate", () => {
      this.#place = null;
      if (location.pathname !== this.#page) return; // another page: streamlit takes triage away
      this.#search = location.search;
      open(read());
    }, { signal });
  }

  show(place) {
    this.#place = place;
    clearTimeout(this.#timer);
    const delay = Math.max(DELAY, this.#moment + GAP - performance.now());
    this.#timer = setTimeout(() => this.flush(), delay);
  }

  flush() {
    const place = this.#place;
    this.#place = null;
    if (place === null || location.pathname !== this.#page) return;
    const params = new URLSearchParams(location.search); // with what else it has: the exam
    for (const name of NAMES) {
      params.set(name, place[name] ?? "");
      if (!params.get(name)) params.delete(name);
    }
    if (`?${params}` === location.search) return;
    // What completes the first address is no move.
    const name = this.#search === null ? "replaceState" : "pushState";
    this.#search = `?${params}`;
    this.#moment = performance.now();
    history[name](history.state, "", this.#search);
  }
}
