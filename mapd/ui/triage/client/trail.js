// What this person did, so that it can be taken back and done again at once: also what isn't sent yet. Pure.
//
//   trail.add({ token: "7f9c…", words: "accepted · rationale 1", home: { mistake: "9d2e", text: "a1b2" }, … });
//   trail.undo("81aa…")     // -> the act that the decision 81aa takes back; null: nothing to undo

const LONGEST = 500; // acts

export class Trail {
  #acts = []; // oldest first; `live`: the decision that an undo names; `undo`: the one that a redo names

  add(act) {
    this.#acts = this.#acts.filter(({ live }) => live !== null).slice(-LONGEST); // a new act: nothing to redo
    this.#acts.push({ ...act, live: act.token, undo: null });
  }

  // The acts of before this page was opened, as the server has them, newest first; what it would undo and redo now.
  begin(acts, undo, redo) {
    if (this.#acts.length) return; // something was done meanwhile
    const standing = acts.filter(({ undone }) => !undone).reverse().map((act) => ({ ...act, live: act.token, undo: null }));
    if (standing.length && undo) standing.at(-1).live = undo;
    const undone = redo && acts.find((act) => act.undone);
    this.#acts = undone ? [...standing, { ...undone, live: null, undo: redo }] : standing;
  }

  get undoable() { return this.#acts.findLast(({ live }) => live !== null) ?? null; }
  get redoable() { return this.#acts.find(({ live }) => live === null) ?? null; }
  get last() { return this.#acts.filter(({ live }) => live !== null).slice(-10).reverse(); }

  undo(token) { return this.#turn(this.undoable, { live: null, undo: token }); }
  redo(token) { return this.#turn(this.redoable, { live: token, undo: null }); }

  // It wasn't saved: it is no act. An undo or redo that wasn't saved leaves the act as it was.
  forget(token, undoes = null) {
    this.#acts = this.#acts.filter((act) => act.token !== token).map((act) => {
      if (act.undo === token) return { ...act, live: undoes, undo: null };
      return act.live === token ? { ...act, live: null, undo: undoes } : act;
    });
  }

  #turn(act, change) {
    if (!act) return null;
    this.#acts = this.#acts.map((other) => (other === act ? { ...act, ...change } : other));
    return act;
  }
}
