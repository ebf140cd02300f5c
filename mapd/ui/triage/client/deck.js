// The cards that are at hand: those that were in front, the one in front, those that were fetched ahead. Pure.
//
//   const deck = new Deck(() => outbox.entries);
//   deck.append(window.cards, window.end);
//   deck.front                       // -> the card in front, with what was decided and isn't acknowledged yet
//   deck.goOn()                      // -> true: the next that waits is in front

import { decide, waits } from "./decisions.js";

const KEPT = 200; // cards behind the front that stay at hand
const AHEAD = 14; // cards that wait ahead: fewer, and more are asked for
const NEAR = 2; // cards behind the front that nobody else should begin

export class Deck {
  #cards = []; #at = -1; #pending;
  end = false; // nothing more waits beyond these

  // `pending`: the outbox's entries.
  constructor(pending) { this.#pending = pending; }

  get front() { return this.#at < 0 || this.#at >= this.#cards.length ? null : this.#now(this.#cards[this.#at]); }
  get last() { return this.#cards.at(-1) ?? null; }
  get first() { return this.#cards[0] ?? null; }
  get ahead() { return this.#cards.slice(this.#at + 1).map((card) => this.#now(card)).filter(waits); }
  get needsMore() { return !this.end && this.ahead.length < AHEAD; }
  get near() { return this.ahead.slice(0, NEAR).map(({ mistake }) => mistake); }

  // Cards that needn't be sent again: the one in front and those ahead.
  get held() { return this.#cards.slice(Math.max(0, this.#at)).map((card) => this.#now(card)).filter(waits); }

  clear() {
    this.#cards = [];
    this.#at = -1;
    this.end = false;
  }

  // Cards that come next; one that was passed by and waits still comes again.
  append(cards, end) {
    const front = this.#cards[this.#at];
    const ahead = new Set(this.#cards.slice(Math.max(0, this.#at)).map(({ id }) => id));
    const more = cards.filter(({ id }) => !ahead.has(id));
    const again = new Set(more.map(({ id }) => id));
    this.#cards = [...this.#cards.filter(({ id }) => !again.has(id)), ...more];
    this.#at = front ? this.#cards.indexOf(front) : this.#cards.length - more.length;
    this.end = end;
    this.#trim();
  }

  // Cards that stand before the one in front, the nearest first.
  prepend(cards) {
    const front = this.#cards[this.#at];
    const before = new Set(this.#cards.slice(0, this.#at + 1).map(({ id }) => id));
    const more = cards.filter(({ id }) => !before.has(id)).reverse();
    const moved = new Set(more.map(({ id }) => id));
    this.#cards = [...more, ...this.#cards.filter(({ id }) => !moved.has(id))];
    this.#at = front ? this.#cards.indexOf(front) : this.#cards.length;
  }

  // Where a card is, else another of the same mistake; -1: nowhere.
  find(mistake, id = null) {
    const at = this.#cards.findIndex((card) => card.id === id);
    return at >= 0 ? at : this.#cards.findLastIndex((card) => card.mistake === mistake);
  }

  go(at) {
    if (at < 0 || at >= this.#cards.length) return false;
    this.#at = at;
    return true;
  }

  step(by) { return this.go(this.#at + by); }

  // To the next card that waits; past the last, where none does.
  goOn() {
    const next = this.#cards.findIndex((card, at) => at > this.#at && waits(this.#now(card)));
    this.#at = next < 0 ? this.#cards.length : next;
    return next >= 0;
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

  // Others have these, or they are none any more; the one in front stays.
  drop(mistakes) {
    const front = this.#cards[this.#at];
    const isKept = (card) => card === front || !mistakes.includes(card.mistake);
    this.#cards = this.#cards.filter(isKept);
    this.#at = front ? this.#cards.indexOf(front) : this.#cards.length;
  }

  #now(card) { return this.#pending().filter((entry) => concerns(entry, card)).reduce(decide, card); }

  #trim() {
    const much = this.#at - KEPT;
    if (much <= 0) return;
    this.#cards.splice(0, much);
    this.#at -= much;
  }
}

function concerns({ decision }, card) {
  return decision.mistake === card.mistake && (decision.card === card.id || decision.queue === card.queue);
}
