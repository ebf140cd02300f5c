// What this person did, so that it can be taken back and done again at once: also what isn't sent yet. Pure.
//
//   trail.add({ token: "7f9c…", words: "accepted · rationale 1", home: { mistake: "9d2e…", … } });
//   trail.turn("undo", "81aa…")    // -> the act that the decision 81aa takes back; null: nothing to undo

const LONGEST = 500; // acts

export class Trail {
  // The newest last. `latest`: the decision that made, undid or redid the act, to be taken back.
  #acts = [];
  #undone = [];

  // After a new act there is nothing to redo.
  add(act) {
    this.#acts = [...this.#acts.slice(1 - LONGEST), { ...act, latest: act.token }];
    this.#undone = [];
  }

  // The acts from before this page was opened, newest first; what undo and redo would take back.
  begin(acts, undo, redo) {
    if (this.#acts.length) return; // something was done meanwhile
    acts.filter(({ undone }) => !undone).reverse().forEach((act) => this.add(act));
    if (this.undoable && undo) this.undoable.latest = undo;
    const undone = acts.find((act) => act.undone);
    if (undone && redo) this.#undone = [{ ...undone, latest: redo }];
  }

  get undoable() { return this.#acts.at(-1) ?? null; }
  get redoable() { return this.#undone.at(-1) ?? null; }
  get last() { return this.#acts.slice(-10).reverse(); }

  // It wasn't saved: it is no act. An undo or redo that wasn't saved leaves the act as it was.
  forget(token, undoes = null) {
    for (const [from, to] of [[this.#acts, this.#undone], [this.#undone, this.#acts]]) {
      const at = from.findIndex((act) => act.token === token || act.latest === token);
      const [act] = at < 0 ? [] : from.splice(at, 1);
      if (act && act.token !== token) to.push({ ...act, latest: undoes });
      if (act) return;
    }
  }

  // Undoes or redoes the newest act; returns it as it was.
  turn(name, token) {
    const [from, to] = name === "undo" ? [this.#acts, this.#undone] : [this.#undone, this.#acts];
    const act = from.pop();
    if (act) to.push({ ...act, latest: token });
    return act ?? null;
  }
}
