// What was typed and not decided yet, kept in the browser by person, kind of field and target.
//
//   drafts.keep("note", "a1b2…", "hm, but the secon");    // at each letter
//   drafts.of("note", "a1b2…")                            // -> "hm, …", after a reload, too

export class Drafts {
  #owner;

  constructor(owner) { this.#owner = owner; }

  of(field, target) { return localStorage.getItem(this.#key(field, target)) ?? ""; }

  // Returns whether the browser's storage has room for it.
  keep(field, target, words) {
    try {
      if (words) localStorage.setItem(this.#key(field, target), words);
      else this.take(field, target);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      return false;
    }
    return true;
  }

  // Returns what was typed, and keeps it no longer.
  take(field, target) {
    const words = this.of(field, target).trim();
    localStorage.removeItem(this.#key(field, target));
    return words;
  }

  #key(field, target) { return `mapd draft ${this.#owner} ${field} ${target}`; }
}
