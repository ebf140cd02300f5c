// What this person did, so that it can be taken back and done again at once: also what isn't sent
// yet. Pure.
//
//   trail.add({ token: "7f9c…", words: "accepted · rationale 1", home: { mistake: "9d2e…", … } });
//   trail.undo("81aa…")     // -> the act that the decision 81aa takes back; null: nothing to undo

const LONGEST = 500; // acts

export class Trail {
  // Oldest first. `live`: the decision that an undo names; `undo`: the one that a redo names.
  #acts = [];

  // After a new act there is nothing to redo.
  add(act) {
    const standing = this.#acts.filter(({ live }) => live !== null).slice(-LONGEST);
    this.#acts = [...standing, { ...act, live: act.token, undo: null }];
  }

  // The acts from before this page was opened, newest first; what undo and redo would take back.
  begin(acts, undo, redo) {
    if (this.#acts.length) return; // something was done meanwhile
    const standing = acts.filter(({ undone }) => !undone);
    standing.toReversed().forEach((act) => this.add(act));
    if (standing.length && undo) this.#acts.at(-1).live = undo;
    const undone = redo && acts.find((act) => act.undone);
    if (undone) this.#acts.push({ ...undone, live: null, undo: redo });
  }

  get undoable() { return this.#acts.findLast(({ live }) => live !== null) ?? null; }
  get redoable() { return this.#acts.find(({ live }) => live === null) ?? null; }
  get last() { return this.#acts.filter(({ live }) => live !== null).slice(-10).reverse(); }

  undo(token) { return this.#replace(this.undoable, { live: null, undo: token }); }
  redo(token) { return this.#replace(this.redoable, { live: token, undo: null }); }

  // It wasn't saved: it is no act. An undo or redo that wasn't saved leaves the act as it was.
  forget(token, undoes = null) {
    this.#acts = this.#acts.filter((act) => act.token !== token);
    this.#replace(this.#acts.find(({ undo }) => undo === token), { live: undoes, undo: null });
    this.#replace(this.#acts.find(({ live }) => live === token), { live: null, undo: undoes });
  }

  // Returns the act as it was.
  #replace(act, change) {
    this.#acts = this.#acts.map((other) => (other === act ? { ...act, ...change } : other));
    return act ?? null;
  }
}
