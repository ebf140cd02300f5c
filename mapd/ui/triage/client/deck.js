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
  #cards = [];
  #front = null; // the id of the card in front; null: behind the last
  #pending;

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
    const more = without(cards, this.#cards.slice(this.#at));
    this.#cards = [...without(this.#cards, more), ...more];
    this.#front ??= more[0]?.id ?? null;
    this.#cards.splice(0, Math.max(0, this.#at - KEPT));
    this.end = end;
  }

  // Cards that stand before the one in front, the nearest first.
  prepend(cards) {
    const more = without(cards, this.#cards.slice(0, this.#at + 1)).reverse();
    this.#cards = [...more, ...without(this.#cards, more)];
  }

  // Others have these, or they are none any more; the one in front stays.
  drop(mistakes) {
    this.#cards = this.#cards.filter(({ id, mistake }) => id === this.#front || !mistakes.includes(mistake));
  }

  // To a card, else to another of the same mistake. Returns whether there is one.
  go(mistake, id) {
    const card = this.#cards.find((other) => other.id === id)
      ?? this.#cards.findLast((other) => other.mistake === mistake);
    this.#front = card?.id ?? this.#front;
    return Boolean(card);
  }

  // To the card before or behind. Returns whether there is one.
  step(by) { return this.go(null, this.#cards[this.#at + by]?.id); }

  // To the next card that waits; behind the last, where none does.
  goOn() { this.#front = this.ahead[0]?.id ?? null; }

  // The card as the server has it now. Its place in the queue isn't read anew.
  renew(card) {
    const place = ({ number, all, where, people_here, free }) => ({ number, all, where, people_here, free });
    this.#cards = this.#cards.map((old) => (old.id === card.id ? { ...card, ...place(old) } : old));
  }

  // What was acknowledged and came without its card stays as it was decided.
  settle(entry) { this.#cards = this.#cards.map((card) => (concerns(entry, card) ? decide(card, entry) : card)); }

  get #at() {
    const at = this.#cards.findIndex(({ id }) => id === this.#front);
    return at < 0 ? this.#cards.length : at;
  }

  // Some of the cards, with what was decided and isn't acknowledged yet.
  #updated(from, to) {
    const pending = this.#pending();
    const update = (card) => pending.filter((entry) => concerns(entry, card)).reduce(decide, card);
    return this.#cards.slice(from, to).map(update);
  }
}

const without = (cards, others) => cards.filter(({ id }) => !others.some((other) => other.id === id));

const concerns = ({ decision }, card) =>
  decision.mistake === card.mistake && (decision.card === card.id || decision.queue === card.queue);
