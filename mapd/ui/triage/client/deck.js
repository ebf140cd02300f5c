// The cards that are at hand: those that were in front, the one in front, those ahead. Pure.
//
//   const deck = new Deck(() => outbox.entries);
//   deck.append(reply.cards, reply.end);
//   deck.front        // -> the card in front, with what was decided and isn't acknowledged yet
//   deck.goOn()       // the next that waits is in front; none where none does

import { decide, waits } from "./decisions.js";

const KEPT = 200; // cards behind the front that stay at hand
const AHEAD = 14; // cards that wait ahead: fewer, and more are asked for
const NEAR = 2; // cards behind the front that nobody else should begin

export class Deck {
  end = null; // whether nothing more waits beyond these; null: none was dealt yet
  #cards = []; #at = 0; #pending;

  // `pending`: the outbox's entries.
  constructor(pending) { this.#pending = pending; }

  get front() { return this.#updated(this.#at, this.#at + 1)[0] ?? null; }
  get first() { return this.#cards[0]; }
  get last() { return this.#cards.at(-1); }
  get ahead() { return this.#updated(this.#at + 1).filter(waits); }
  get near() { return this.ahead.slice(0, NEAR).map(({ mistake }) => mistake); }
  get needsMore() { return this.end === false && this.ahead.length < AHEAD; }

  // Cards that needn't be sent again: the one in front and those ahead.
  get held() { return this.#updated(this.#at).filter(waits); }

  // Cards that come next; one that was passed by and waits still comes again.
  append(cards, end) {
    const ahead = this.#cards.slice(this.#at).map(({ id }) => id);
    const more = cards.filter(({ id }) => !ahead.includes(id));
    this.#keepFront((rest) => [...rest, ...more], more, (all) => all.length - more.length);
    this.end = end;
    const much = Math.max(0, this.#at - KEPT);
    this.#cards.splice(0, much);
    this.#at -= much;
  }

  // Cards that stand before the one in front, the nearest first.
  prepend(cards) {
    const behind = this.#cards.slice(0, this.#at + 1).map(({ id }) => id);
    const more = cards.filter(({ id }) => !behind.includes(id)).reverse();
    this.#keepFront((rest) => [...more, ...rest], more);
  }

  // Others have these, or they are none any more; the one in front stays.
  drop(mistakes) {
    const front = this.#cards[this.#at];
    const gone = this.#cards.filter((card) => card !== front && mistakes.includes(card.mistake));
    this.#keepFront((rest) => rest, gone);
  }

  // Where a card is, else another of the same mistake; -1: nowhere.
  find(mistake, id = null) {
    const at = this.#cards.findIndex((card) => card.id === id);
    return at >= 0 ? at : this.#cards.findLastIndex((card) => card.mistake === mistake);
  }

  // Returns whether there is a card.
  go(at) {
    if (!this.#cards[at]) return false;
    this.#at = at;
    return true;
  }

  step(by) { return this.go(this.#at + by); }

  // To the next card that waits; past the last, where none does.
  goOn() {
    const next = this.#updated(this.#at + 1).findIndex(waits);
    this.#at = next < 0 ? this.#cards.length : this.#at + 1 + next;
  }

  // The card as the server has it now. Its place in the queue isn't read anew.
  renew(card) {
    this.#cards = this.#cards.map((old) => {
      const { number, all, where, people_here, free } = old;
      return old.id === card.id ? { ...card, number, all, where, people_here, free } : old;
    });
  }

  // What was acknowledged and came without its card stays as it was decided.
  settle(entry) {
    this.#cards = this.#cards.map((card) => (concerns(entry, card) ? decide(card, entry) : card));
  }

  // Other cards, of those that are there without some: the one in front stays in front.
  #keepFront(arrange, without, elsewhere = (all) => all.length) {
    const front = this.#cards[this.#at];
    const ids = new Set(without.map(({ id }) => id));
    this.#cards = arrange(this.#cards.filter(({ id }) => !ids.has(id)));
    this.#at = front ? this.#cards.indexOf(front) : elsewhere(this.#cards);
  }

  // Some of the cards, with what was decided and isn't acknowledged yet.
  #updated(from, to) {
    const pending = this.#pending();
    return this.#cards.slice(from, to).map((card) =>
      pending.filter((entry) => concerns(entry, card)).reduce(decide, card));
  }
}

function concerns({ decision }, card) {
  return decision.mistake === card.mistake
    && (decision.card === card.id || decision.queue === card.queue);
}
