// Says to the others which mistake is in front of this person, and the two behind it; what comes later is free for
// them. Says which mistakes were read uncovered, too: what one says of them later was not judged first.
//
//   leases.take({ front: "9d2e…", next: ["11aa…", "22bb…"], queue: "smart", judge: "assisted" });

const MOST = 50; // mistakes in a request
const READ = "mapd read without a name";

export class Leases {
  #api; #onanswer; #may;
  #wish = null;
  #request = null; // the one that is on its way
  #until = new Map(); // by mistake
  #read; // mistakes that were read uncovered, as far as the server doesn't know

  // `may`: whether there is somebody to have a lease. What nobody in particular has read is kept in this tab for
  // whoever gives a name here.
  constructor(api, may, onanswer) {
    [this.#api, this.#may, this.#onanswer] = [api, may, onanswer];
    this.#read = new Set(JSON.parse(sessionStorage.getItem(READ) ?? "[]"));
    if (may) sessionStorage.removeItem(READ);
  }

  // Whether a mistake is this person's now, as far as the last answer says.
  holds(mistake) { return (this.#until.get(mistake) ?? 0) > performance.now(); }

  // Waits for nothing: while one request is on its way, the newest wish waits for its answer.
  take(wish) {
    if (JSON.stringify(wish) === JSON.stringify(this.#wish)) return;
    this.#wish = wish;
    if (wish.front && wish.judge !== "first") this.#read.add(wish.front);
    this.renew();
    if (!this.#may) sessionStorage.setItem(READ, JSON.stringify([...this.#read]));
  }

  renew() {
    if (!this.#wish || !this.#may) return;
    this.#request ??= this.#run().finally(() => { this.#request = null; });
  }

  // Tells what was read uncovered, before anything is judged first. Raises that nobody answers.
  async report() {
    await this.#request;
    while (this.#may && this.#read.size) {
      const shown = this.#batch();
      try {
        await this.#api.lease({ front: null, next: [], shown, judge: "assisted" });
      } catch (error) {
        if (error.code === undefined || error.isTemporary) throw error;
      }
      this.#note(shown); // told, or the person may not judge at all
    }
  }

  // On leaving the page.
  flush() {
    const leave = [...this.#until.keys()];
    this.#until.clear();
    if (!this.#may || !(leave.length || this.#read.size)) return;
    const wish = { front: null, next: [], leave, shown: this.#batch(), judge: "assisted" };
    this.#api.lease(wish, true).catch(() => {});
  }

  #batch() { return [...this.#read].slice(0, MOST); }
  #note(mistakes) { mistakes.forEach((mistake) => this.#read.delete(mistake)); }

  async #run() {
    let wish;
    while (wish !== this.#wish) {
      wish = this.#wish;
      const { front, next, judge } = wish;
      const leave = [...this.#until.keys()].filter((mistake) => mistake !== front && !next.includes(mistake));
      const shown = judge === "first" ? [] : this.#batch(); // judged first: what was read before isn't meant by it
      try {
        const reply = await this.#api.lease({ ...wish, leave, shown });
        const until = performance.now() + reply.seconds * 1000; // the server's clock may differ
        this.#until = new Map(reply.held.map(({ mistake }) => [mistake, until]));
        this.#note(shown);
        this.#onanswer(reply);
      } catch (error) {
        if (error.code === undefined) throw error; // what isn't leased is decided all the same
      }
    }
  }
}
