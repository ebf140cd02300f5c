// Says to the others which mistake is in front of this person, and the two behind it; what comes later is free for them.
//
//   const leases = new Leases(api, onrefused);
//   leases.take({ front: "9d2e", next: ["11aa", "22bb"], queue: "smart", judge: "assisted" });

const RENEWAL = 60_000; // ms
const MOST = 50; // mistakes in a request
const READ = "mapd read without a name";

export class Leases {
  #api; #onanswer; #may; #wish = null; #asked = null; #until = new Map(); #shown; #timer;

  // `may`: whether there is somebody to have a lease. What nobody in particular has read is noted in this tab, and told
  // for whoever gives a name here: what they say of it was not judged first.
  constructor(api, onanswer, may) {
    this.#api = api;
    this.#onanswer = onanswer;
    this.#may = may;
    this.#shown = new Set(JSON.parse(sessionStorage.getItem(READ) ?? "[]"));
    if (may) sessionStorage.removeItem(READ);
    this.#timer = setInterval(() => this.#ask(), RENEWAL);
  }

  // Whether a mistake is this person's now, as far as the last answer says.
  holds(mistake) { return (this.#until.get(mistake) ?? 0) > performance.now(); }

  // Waits for nothing: while one request is on its way, the newest wish waits for its answer.
  take(wish) {
    if (wish.front === this.#wish?.front && wish.next.join() === this.#wish.next.join()) return;
    if (wish.front) this.#shown.add(wish.front);
    this.#wish = wish;
    if (this.#may) this.#ask();
    else sessionStorage.setItem(READ, JSON.stringify([...this.#shown]));
  }

  leave() {
    clearInterval(this.#timer);
    const mine = [...this.#until.keys()];
    if (mine.length) this.#api.lease({ front: null, next: [], leave: mine }, true).catch(() => {});
    this.#until.clear();
  }

  async #ask() {
    if (this.#asked || !this.#wish || !this.#may) return;
    const wish = this.#asked = this.#wish;
    const wanted = [wish.front, ...wish.next];
    const leave = [...this.#until.keys()].filter((mistake) => !wanted.includes(mistake));
    const shown = [...this.#shown].slice(0, MOST);
    try {
      const reply = await this.#api.lease({ ...wish, leave, shown });
      const until = performance.now() + reply.seconds * 1000; // the server's clock may differ
      this.#until = new Map(reply.held.map(({ mistake }) => [mistake, until]));
      for (const mistake of shown) this.#shown.delete(mistake);
      this.#onanswer(reply);
    } catch (error) {
      if (error.code === undefined) throw error; // what isn't leased is decided all the same: see Decision.offline
    } finally {
      this.#asked = null;
    }
    if (this.#wish !== wish || (this.#shown.size && this.#until.size)) this.#ask();
  }
}
