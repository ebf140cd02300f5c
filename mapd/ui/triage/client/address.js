// Where one is, in the browser's address: queue, way of judging, mistake, text. Each move is an entry in its history.
//
//   read("?queue=smart&mistake=9d2e")   -> { queue: "smart", mistake: "9d2e", … }
//   const address = new Address(open);  address.show({ queue: "smart", mistake: "9d2e", text: "a1b2" });

const NAMES = ["queue", "judge", "draw", "filter", "mistake", "text", "question"];
const GAP = 350; // ms between two entries: browsers refuse more than some a second
const LATER = 50; // ms: an entry takes the browser some, and the next text is painted first

export function read(search) {
  const params = new URLSearchParams(search);
  return Object.fromEntries(NAMES.map((name) => [name, params.get(name) || null]));
}

// The address's query with this place in it, and what else it had (the exam).
export function write(search, place) {
  const params = new URLSearchParams(search);
  for (const name of NAMES) {
    if (place[name] === null || place[name] === undefined) params.delete(name);
    else params.set(name, place[name]);
  }
  return `?${params}`;
}

export class Address {
  #last = 0; #timer = null; #place = null; #walk; #shown = null; #page = location.pathname;

  // `open` is called with the place that Back or Forward lead to.
  constructor(open) {
    this.#walk = () => {
      clearTimeout(this.#timer);
      this.#place = null;
      if (location.pathname !== this.#page) return; // to another page: streamlit takes the element away
      this.#shown = location.search;
      open(read(location.search));
    };
    addEventListener("popstate", this.#walk);
  }

  show(place) {
    this.#place = place;
    const wait = this.#last + GAP - performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), Math.max(LATER, wait));
  }

  flush() {
    if (this.#place === null || location.pathname !== this.#page) return;
    const search = write(location.search, this.#place);
    this.#place = null;
    if (search === location.search) return;
    const name = this.#shown === null ? "replaceState" : "pushState"; // what completes the first address is no move
    this.#last = performance.now();
    this.#shown = search;
    history[name](history.state, "", search);
  }

  leave() {
    removeEventListener("popstate", this.#walk);
    clearTimeout(this.#timer);
  }
}
