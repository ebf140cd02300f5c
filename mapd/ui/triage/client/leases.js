// Says to the others which mistake is in front of this person, and the two behind it; what comes later is free for them.
//
//   const leases = new Leases(api, onrefused);
//   leases.take({ front: "9d2e", next: ["11aa", "22bb"], queue: "smart", judge: "assisted" });

const RENEWAL = 60_000; // ms

export class Leases {
  #api; #onanswer; #wish = null; #asked = null; #until = new Map(); #shown = new Set(); #timer;

  constructor(api, onanswer) {
    this.#api = api;
    this.#onanswer = onanswer;
    this.#timer = setInterval(() => this.#ask(), RENEWAL);
  }

  // Whether a mistake is this person's now, as far as the last answer says.
  holds(mistake) { return (this.#until.get(mistake) ?? 0) > performance.now(); }

  // Waits for nothing: while one request is on its way, the newest wish waits for its answer.
  take(wish) {
    if (wish.front === this.#wish?.front && wish.next.join() === this.#wish.next.join()) return;
    if (wish.front) this.#shown.add(wish.front);
    this.#wish = wish;
    this.#ask();
  }

  leave() {
    clearInterval(this.#timer);
    const mine = [...this.#until.keys()];
    if (mine.length) this.#api.lease({ front: null, next: [], leave: mine }, true).catch(() => {});
    this.#until.clear();
  }

  async #ask() {
    if (this.#asked || !this.#wish) return;
    const wish = this.#asked = this.#wish;
    const wanted = [wish.front, ...wish.next];
    const leave = [...this.#until.keys()].filter((mistake) => !wanted.includes(mistake));
    const shown = [...this.#shown];
    try {
      const reply = await this.#api.lease({ ...wish, leave, shown: shown.slice(-50) });
      const until = performance.now() + reply.seconds * 1000; // the server's clock may differ
      this.#until = new Map(reply.held.map(({ mistake }) => [mistake, until]));
      for (const mistake of shown) this.#shown.delete(mistake);
      this.#onanswer(reply);
    } catch (error) {
      if (error.code === undefined) throw error; // what isn't leased is decided all the same: see Decision.offline
    } finally {
      this.#asked = null;
    }
    if (this.#wish !== wish) this.#ask();
  }
}
