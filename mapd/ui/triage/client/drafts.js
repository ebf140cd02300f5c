// What was typed and not decided yet, kept in the browser by person, kind of field and target.
//
//   const drafts = new Drafts(localStorage, "exam 5e0c person ann");
//   drafts.keep("note", "a1b2…", "hm, but the secon");    // at each letter
//   drafts.of("note", "a1b2…")                            // -> "hm, but the secon", after a reload, too

export class Drafts {
  #storage; #prefix;

  constructor(storage, owner) {
    this.#storage = storage;
    this.#prefix = `mapd draft ${owner}`;
  }

  of(field, target) { return this.#storage.getItem(this.#key(field, target)) ?? ""; }

  has(field, target) { return this.of(field, target).trim() !== ""; }

  // Returns whether the browser kept it.
  keep(field, target, words) {
    if (!words) return this.forget(field, target);
    try {
      this.#storage.setItem(this.#key(field, target), words);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      return false;
    }
    return true;
  }

  forget(field, target) {
    this.#storage.removeItem(this.#key(field, target));
    return true;
  }

  #key(field, target) { return `${this.#prefix} ${field} ${target}`; }
}
