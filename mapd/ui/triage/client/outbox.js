// Decisions that the server has not acknowledged yet. They are in the browser's storage before anything else happens,
// and stay there until the server answers: a lost network, a killed server or a closed tab loses none.
//
//   const outbox = new Outbox({ storage: localStorage, owner: "exam 5e0c person ann", send, onchange, onanswer });
//   outbox.add({ decision: { token: "7f9c…", act: "accept", … }, words: "accepted" });   // stored, then sent
//
// Each decision has a token, and the server takes a token once, so that sending again does no harm. Tabs of one person
// share the outbox: each decision has an entry of its own in the storage, one tab sends at a time (a lock), and the
// others read the answer from a channel.

const MOST = 50; // decisions in a request
const FIRST_WAIT = 500; // ms before the second try; each further try waits twice as long
const LONGEST_WAIT = 8_000;

export class Outbox {
  #storage; #prefix; #send; #onchange; #onanswer; #lock; #channel;
  #entries = []; // { key, decision, words, … }, oldest first
  #unstored = new Map(); // what the storage had no room for
  #clock = 0;
  #tries = 0;
  #timer = null;
  #most = MOST;
  #sending = null;
  #again = false;
  stop = null; // the line that says why nothing is sent any more
  fault = null; // the line that says why the last try failed

  constructor({ storage, owner, send, onchange, onanswer, locks = navigator.locks }) {
    this.#storage = storage;
    this.#prefix = `mapd outbox ${owner} `;
    this.#send = send;
    this.#onchange = onchange;
    this.#onanswer = onanswer;
    this.#lock = locks ? (work) => locks.request(this.#prefix, work) : (work) => work(); // none without a secure context
    this.#channel = new BroadcastChannel(this.#prefix);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.#read();
  }

  get entries() { return this.#entries; }
  get isFull() { return this.#unstored.size > 0; }

  // The newest act on a target that is still here: what the next decision on it rests on.
  lastOn(target) {
    return this.#entries.findLast(({ decision, targets }) => decision.target === target || targets?.includes(target))
      ?.decision.token ?? null;
  }

  add(entry) {
    this.#clock = Math.max(this.#clock + 1, Date.now());
    const key = `${this.#prefix}${String(this.#clock).padStart(15, "0")} ${entry.decision.token}`;
    this.#entries.push({ ...entry, key });
    try {
      this.#storage.setItem(key, JSON.stringify(entry));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      this.#unstored.set(key, entry);
    }
    this.#channel.postMessage({});
    this.#onchange();
    if (this.fault === null) this.drain(); // else the next try is on its way
  }

  // Sends all there is, one request after the other. Called again meanwhile, it looks once more.
  drain() {
    if (this.stop) return Promise.resolve();
    this.#again = true;
    this.#sending ??= this.#run().finally(() => { this.#sending = null; });
    return this.#sending;
  }

  // On leaving the page: one more request, whose answer nobody reads. What it carries stays in the storage.
  flush() {
    const decisions = this.#entries.slice(0, MOST).map(({ decision }) => decision);
    if (decisions.length && !this.stop) this.#send(decisions, true).catch(() => {});
  }

  // Nothing is sent any more; what is here stays for the next time.
  halt(line) {
    clearTimeout(this.#timer);
    this.stop = line;
    this.#onchange();
  }

  close() {
    clearTimeout(this.#timer);
    this.stop = "left";
    this.#channel.close();
  }

  // -- sending --------------------------------------------------------------------------------------------------------

  async #run() {
    clearTimeout(this.#timer);
    while (this.#again && !this.stop) {
      this.#again = false;
      await this.#lock(async () => {
        this.read(); // another tab may have sent some of it
        while (this.#entries.length && !this.stop && await this.#sendSome());
      });
    }
  }

  // Returns whether to go on at once.
  async #sendSome() {
    const some = this.#entries.slice(0, this.#most);
    let reply;
    try {
      reply = await this.#send(some.map(({ decision }) => decision));
    } catch (error) {
      return this.#take(error, some);
    }
    this.#tries = 0;
    this.#most = MOST;
    this.fault = null;
    for (const token of settled(reply)) this.#forget(token);
    this.#channel.postMessage({ reply, sent: some });
    this.#answer(reply, some);
    return true;
  }

  #take(error, some) {
    if (error.temporary) {
      this.fault = error.message;
      this.#timer = setTimeout(() => this.drain(), Math.min(FIRST_WAIT * 2 ** this.#tries++, LONGEST_WAIT));
      this.#onchange();
      return false;
    }
    if (!["bad_request", "too_large"].includes(error.code)) {
      if (error.code === undefined) throw error;
      this.halt(error.message);
      return false;
    }
    if (some.length > 1) { // one of them is at fault: ask for each by itself
      this.#most = 1;
      return true;
    }
    const { token } = some[0].decision;
    this.#forget(token);
    const answer = { token, status: "refused", act: null, line: error.message, since: [], decided: 0, of: 1 };
    this.#answer({ answers: [answer], cards: {}, gone: {} }, some);
    return true;
  }

  #forget(token) {
    for (const { key } of this.#entries.filter(({ decision }) => decision.token === token)) {
      this.#storage.removeItem(key);
      this.#unstored.delete(key);
    }
    this.#entries = this.#entries.filter(({ decision }) => decision.token !== token);
  }

  #answer(reply, sent) {
    const by = new Map(sent.map((entry) => [entry.decision.token, entry]));
    this.#onanswer(reply, by);
    this.#onchange();
  }

  // -- other tabs -----------------------------------------------------------------------------------------------------

  // What another tab said. The storage may show what it did only later.
  #hear({ reply, sent }) {
    this.read();
    if (!reply) return;
    this.#entries = this.#entries.filter(({ decision }) => !settled(reply).includes(decision.token));
    this.#answer(reply, sent);
  }

  // Looks at the storage anew.
  read() {
    this.#read();
    if (!this.#entries.length) this.fault = null;
    this.#onchange();
  }

  #read() {
    const keys = Object.keys(this.#storage).filter((key) => key.startsWith(this.#prefix));
    const stored = keys.map((key) => [key, JSON.parse(this.#storage.getItem(key) ?? "null")]).filter(([, entry]) => entry);
    this.#entries = [...stored, ...this.#unstored].map(([key, entry]) => ({ ...entry, key }));
    this.#entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    const newest = this.#entries.at(-1)?.key.slice(this.#prefix.length); // of a clock that went ahead, perhaps
    this.#clock = Math.max(this.#clock, Number(newest?.split(" ")[0] ?? 0));
  }
}

// The decisions that need no other request. A class of thousands takes several.
function settled({ answers }) {
  return answers.filter(({ status, decided, of }) => status !== "saved" || decided >= of).map(({ token }) => token);
}

// A new token: a name for a decision that nobody else gives.
export function newToken() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
