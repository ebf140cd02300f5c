// Decisions that the server has not acknowledged yet. They are in the browser's storage before anything else happens,
// and stay there until the server answers: a lost network, a killed server or a closed tab loses none.
//
//   const outbox = new Outbox("exam 5e0c person ann", { send, onchange, onanswer });
//   outbox.add({ decision: { token: "7f9c…", act: "accept", … }, targets: ["a1b2…"], … });
//
// Each decision has a token, and the server takes a token once, so that sending again does no harm. Tabs of one person
// share the outbox: each decision has an entry of its own in the storage, one tab sends at a time (a lock), and the
// others read the answer from a channel.

const MOST = 50; // decisions in a request
const FIRST_DELAY = 500; // ms before the second try; each further try waits twice as long
const LONGEST_DELAY = 8_000;

export class Outbox {
  entries = []; // { key, decision, targets, words, … }, oldest first
  stop = null; // the line that says why nothing is sent any more
  fault = null; // the line that says why the last try failed
  #page; #prefix; #lock; #channel; #timer;
  #unstored = new Map(); // what the storage had no room for
  #clock = 0;
  #tries = 0;
  #most = MOST;
  #sending = null;
  #again = false;

  // `page`: { send, onchange, onanswer }.
  constructor(owner, page) {
    this.#page = page;
    this.#prefix = `mapd outbox ${owner} `;
    // A page without a secure context has no locks.
    this.#lock = (work) => (navigator.locks ? navigator.locks.request(this.#prefix, work) : work());
    this.#channel = new BroadcastChannel(this.#prefix);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.#read();
  }

  // The newest act on a target that isn't acknowledged: what the next decision on it rests on.
  lastOn(uid) { return this.entries.findLast(({ targets }) => targets.includes(uid))?.decision.token ?? null; }

  add(entry) {
    this.#clock = Math.max(this.#clock + 1, Date.now());
    const key = `${this.#prefix}${String(this.#clock).padStart(15, "0")} ${entry.decision.token}`;
    this.entries.push({ ...entry, key });
    if (!store(key, JSON.stringify(entry))) this.#unstored.set(key, entry);
    this.#channel.postMessage({});
    this.#page.onchange();
    if (this.fault === null) this.drain(); // else the next try is on its way
  }

  // Sends all there is, one request after the other. Called again meanwhile, it looks once more.
  drain() {
    this.#again = !this.stop;
    this.#sending ??= this.#run().finally(() => { this.#sending = null; });
    return this.#sending;
  }

  // On leaving the page: one more request, whose answer nobody reads. The storage keeps it.
  flush() {
    const decisions = this.entries.slice(0, MOST).map(({ decision }) => decision);
    if (decisions.length && !this.stop) this.#page.send({ decisions }, true).catch(() => {});
  }

  // Nothing is sent any more; what is here stays for the next time.
  halt(line) {
    clearTimeout(this.#timer);
    this.stop = line;
    this.#page.onchange();
  }

  close() {
    this.halt("closed");
    this.#channel.close();
  }

  // The plain line about what is saved.
  get line() {
    const { length } = this.entries;
    if (this.stop) return length ? `${length} not saved: ${this.stop}` : this.stop;
    if (!length) return "✓ all saved";
    if (!this.fault) return "saving …";
    const cure = this.#unstored.size ? "; keep this page open: the browser’s storage is full" : "";
    return `${length.toLocaleString("en")} not saved yet, trying (${this.fault})${cure}`;
  }

  async #run() {
    clearTimeout(this.#timer);
    while (this.#again && !this.stop) {
      this.#again = false;
      await this.#lock(async () => {
        this.#read(); // another tab may have sent some of it
        while (this.entries.length && !this.stop && await this.#sendSome());
      });
    }
  }

  // Returns whether to go on at once.
  async #sendSome() {
    const sent = this.entries.slice(0, this.#most);
    let reply;
    try {
      reply = await this.#page.send({ decisions: sent.map(({ decision }) => decision) });
    } catch (error) {
      return this.#takeError(error, sent);
    }
    [this.#tries, this.#most, this.fault] = [0, MOST, null];
    this.#settle(reply, sent);
    this.#channel.postMessage({ reply, sent });
    return true;
  }

  #takeError(error, sent) {
    const { code, isTemporary, message: line } = error;
    if (code === undefined) throw error;
    if (isTemporary) {
      this.fault = line;
      const delay = Math.min(FIRST_DELAY * 2 ** this.#tries++, LONGEST_DELAY);
      this.#timer = setTimeout(() => this.drain(), delay);
      this.#page.onchange();
    } else if (!["bad_request", "too_large"].includes(code)) this.halt(line);
    else if (sent.length > 1) this.#most = 1; // one of them is at fault: ask for each by itself
    else {
      const { token } = sent[0].decision;
      const answer = { token, status: "refused", line, since: [], decided: 0, of: 1 };
      this.#settle({ answers: [answer], cards: {}, gone: {} }, sent);
    }
    return !isTemporary;
  }

  // Forgets what needs no other request. A class of thousands takes several.
  #settle(reply, sent) {
    const settled = reply.answers.filter(({ status, decided, of }) => status !== "saved" || decided >= of);
    const isSettled = ({ decision }) => settled.some(({ token }) => token === decision.token);
    for (const { key } of this.entries.filter(isSettled)) {
      localStorage.removeItem(key);
      this.#unstored.delete(key);
    }
    this.entries = this.entries.filter((entry) => !isSettled(entry));
    this.#page.onanswer(reply, new Map(sent.map((entry) => [entry.decision.token, entry])));
    this.#page.onchange();
  }

  // What another tab did. The storage may show it only later.
  #hear({ reply, sent }) {
    this.#read();
    if (reply) this.#settle(reply, sent);
  }

  #read() {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.#prefix));
    const stored = keys.map((key) => [key, JSON.parse(localStorage.getItem(key))]);
    this.entries = [...stored.filter(([, entry]) => entry), ...this.#unstored]
      .map(([key, entry]) => ({ ...entry, key })).sort((a, b) => (a.key < b.key ? -1 : 1));
    const moment = parseInt(this.entries.at(-1)?.key.slice(this.#prefix.length) ?? "0", 10);
    this.#clock = Math.max(this.#clock, moment); // another's clock may go ahead
    if (!this.entries.length) this.fault = null;
    this.#page.onchange();
  }
}

// A new token: a name for a decision that nobody else gives.
export const newToken = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

// Returns whether the browser's storage has room for it.
function store(key, words) {
  try {
    localStorage.setItem(key, words);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    return false;
  }
  return true;
}

// What was typed and not decided yet, kept in the browser by person, kind of field and target: after a reload, too.
export class Drafts {
  #keyOf;

  constructor(owner) { this.#keyOf = (field, target) => `mapd draft ${owner} ${field} ${target}`; }

  of(field, target) { return localStorage.getItem(this.#keyOf(field, target)) ?? ""; }

  // Returns whether there is room for it.
  keep(field, target, words) {
    if (!words) this.take(field, target);
    return !words || store(this.#keyOf(field, target), words);
  }

  // Returns what was typed, and keeps it no longer.
  take(field, target) {
    const words = this.of(field, target).trim();
    localStorage.removeItem(this.#keyOf(field, target));
    return words;
  }
}
