// Triage: one mistake after the other, by keyboard or thumb. Joins what the other modules do, in the element that the
// page draws, and ends when streamlit takes that away.
//
// A press changes the screen at once: the decision goes into the outbox, the next text is at hand. What the server says
// comes later and is drawn where it belongs. No press is refused while anything is on its way.

import { giveBack } from "./acts.js";
import { Address, read } from "./address.js";
import { connect } from "./api.js";
import { textOf, waits } from "./decisions.js";
import { Deck } from "./deck.js";
import { element, patch } from "./dom.js";
import { keyOf } from "../keys.js";
import { Leases } from "./leases.js";
import { Drafts, Outbox } from "./outbox.js";
import { drawPage } from "./page.js";
import { OF_PAGE } from "./panels.js";
import { Frames } from "./passage.js";
import { hear, takeKey } from "./presses.js";
import { Trail } from "./trail.js";
import { count, dress, nameDecision, nameHolders } from "./words.js";

const NUMBER = 12; // cards that are asked for at once
const RETRY = 3_000; // ms until cards are asked for again
const LOOK = 30_000; // ms until the counts are read and the leases renewed
const UNREAD = 600; // ms: so long a card can't have been read, and may leave again to somebody else
const MOST_CALM = 4; // notices that may leave by themselves; what wasn't saved stays
const IN_SIGHT = 240; // px of a text that are in sight at least

class Triage {
  // What the server says: all of a window but its cards; the counts of all queues.
  meta = null; counts = null;
  // Where one is: the place that was asked for, the text in focus, the step that is chosen in it.
  asked = {}; focus = null; step = null;
  readTexts = {}; // by kind, the text that was read last
  appeared = 0; // when the text in focus did
  // What stands around the card. A panel is { name, contents }.
  panel = null; notices = []; message = ""; isFootOpen = false; isNewGuidelines = false;
  isFetching = false;
  trouble = null; // the line that says why no card can be fetched
  trail = new Trail();
  #turn = 0; // of the place that is open: what was asked for another is no answer
  #front = {}; // the id of the card in front, and since when it is
  #painting = null; #painted = {}; #end = new AbortController(); #timer;

  constructor(root) {
    const { token, exam, person, look } = root.dataset;
    dress(JSON.parse(look));
    const owner = `exam ${exam} person ${person}`;
    this.root = root;
    this.may = person !== "";
    this.page = root.appendChild(element("div.mapd-triage"));
    // Signed out, or somebody else's by now: the screen is emptied, what isn't saved stays stored.
    this.api = connect(token, (line) => {
      this.panel = null;
      this.outbox.halt(line);
    });
    this.drafts = new Drafts(owner);
    this.outbox = new Outbox(owner, {
      send: this.api.decide, onchange: () => this.draw(), onanswer: (reply, sent) => this.#take(reply, sent),
    });
    this.leases = new Leases(this.api, this.may, (reply) => this.#takeLeases(reply));
    this.address = new Address((place) => this.#follow(place), this.#end.signal);
    this.take = (key, event) => takeKey(this, key, event);
    this.frames = new Frames(this);
    hear(this, this.#end.signal);
    this.#timer = setInterval(() => this.#lookAround(), LOOK);
    this.outbox.drain();
    this.open(read());
    this.#lookAround();
    this.#remember();
  }

  // The page is left, perhaps for good: what isn't sent goes on its way.
  flush() { [this.address, this.outbox, this.leases].forEach((part) => part.flush()); }

  leave() {
    this.#turn++;
    this.#end.abort();
    clearInterval(this.#timer);
    this.flush();
    this.outbox.close();
  }

  // -- what there is --------------------------------------------------------------------------------------------------

  get card() { return this.outbox.stop ? null : this.deck.front; }
  get isOpening() { return this.deck.end === null; }
  get text() { return this.card && textOf(this.card, this.focus); }
  get kind() { return this.text?.kind ?? "rationale"; }
  get reasons() { return this.meta?.reasons ?? {}; }
  get rest() { return this.card?.rest[this.kind] ?? []; }
  get isLoading() { return this.isOpening || this.isFetching || this.deck.needsMore; }
  get isBesideOpen() { return this.frames.isOpen("guidelines"); }
  get isOneColumn() { return getComputedStyle(this.root.querySelector(".mapd-work")).display === "flex"; }

  get place() {
    const { name: queue, judge, own_judge: own, draw } = this.meta?.queue ?? {};
    return { queue, judge, draw, filter: this.asked.filter ?? null, isOwn: judge === own };
  }

  // What a decision is about: the attempt where the queue is about attempts or nobody has written; else the text.
  get subject() {
    const { card, text } = this;
    if (card?.about === "texts" && text) return { kind: text.kind, target: text };
    return { kind: "attempt", target: card?.attempt };
  }

  // Judged first, a text stays after its decision until one goes on: what is revealed is read.
  get isRevealed() {
    const { card, text } = this;
    const isBlind = card?.judge === "first" || card?.beside;
    return Boolean(isBlind && card.about === "texts" && text?.said);
  }

  // -- what is shown --------------------------------------------------------------------------------------------------

  // Once for all that changes at once. Each press draws (presses.js), and what the server says.
  draw() { this.#painting ??= Promise.resolve().then(() => this.#paint()); }

  #paint() {
    this.#painting = null;
    const { page, panel, card, focus, isBesideOpen } = this;
    const former = this.#painted;
    const isReading = document.activeElement?.closest(".mapd-left, .mapd-right");
    patch(page, drawPage(this));
    const select = (selector) => page.querySelector(selector);
    const focusOn = (node) => node?.focus({ preventScroll: true });
    if (isReading && document.activeElement === document.body) focusOn(select(".mapd-right h2"));
    if (panel && panel !== former.panel) {
      focusOn((!select("[data-choice]") && select(".mapd-field")) || select(".mapd-panel"));
    }
    if (card?.id !== former.id || focus !== former.focus) this.#scrollToText();
    if (isBesideOpen && !former.isBesideOpen && this.isOneColumn) select(".mapd-beside").scrollIntoView();
    this.#painted = { panel, id: card?.id, focus, isBesideOpen };
  }

  // Where all is in one column, a text that begins too low is moved up.
  #scrollToText() {
    const work = this.page.querySelector(".mapd-work");
    const right = work.querySelector(".mapd-right");
    const offset = this.text && this.isOneColumn && right.offsetTop - work.clientHeight + IN_SIGHT;
    work.scrollTop = offset > 0 ? Math.min(offset, right.offsetTop) : 0;
  }

  notify(line, more = {}) {
    const all = [...this.notices.filter((notice) => notice.line !== line), { line, ...more }];
    const calm = all.filter(({ isCalm }) => isCalm).slice(-MOST_CALM);
    this.notices = all.filter((notice) => !notice.isCalm || calm.includes(notice));
    this.draw();
  }

  // Opens a panel, or closes it where it is open. Its contents come with the answer to a request.
  async toggle(name, request = () => null) {
    const panel = { name, contents: null };
    this.panel = this.panel?.name === name ? null : panel;
    if (this.panel) panel.contents = await this.ask(request);
    this.draw();
  }

  // -- cards ----------------------------------------------------------------------------------------------------------

  // Opens a place anew: a queue, a mistake, a text. What is at hand was dealt for another place, and may tell what
  // isn't to be known there: it is thrown away.
  async open(asked) {
    const turn = ++this.#turn;
    const deck = new Deck(() => this.outbox.entries);
    Object.assign(this, { asked, deck, focus: null, trouble: null });
    if (this.panel?.name !== "help") this.panel = null;
    this.draw();
    const { queue, judge, draw, filter, mistake, text, question } = asked;
    const query = { queue, judge, draw, filter, mistake, text, question };
    const reply = await this.#fetch(query, turn, () => this.leases.report());
    if (!reply) return;
    [reply.missing?.line, ...reply.problems].forEach((line) => line && this.notify(line));
    this.deck.append(reply.cards, reply.end);
    if (!mistake && this.card && !waits(this.card)) this.deck.goOn();
    this.arrive(text);
  }

  // Asks for more cards where few are at hand.
  async #more() {
    if (this.isFetching || this.isOpening || !this.deck.needsMore) return;
    this.isFetching = true;
    const { last, held } = this.deck;
    const isBrowse = this.place.queue === "browse";
    const { order } = this.meta?.queue ?? {};
    const query = {
      after: last?.mistake, after_text: isBrowse ? last?.enter : null,
      has: isBrowse ? [] : held.map(({ mistake }) => mistake).slice(-200),
      ahead: held.reduce((sum, { open }) => sum + open.length, 0),
    };
    let reply = await this.#fetch(query);
    // In another order the last card may stand anywhere: what comes next begins at the new beginning.
    if (reply && !isBrowse && reply.queue.order !== order) reply = await this.#fetch({ ...query, after: null });
    this.isFetching = false;
    if (!reply) return;
    const isExhausted = !this.card;
    this.deck.append(reply.cards, reply.end || reply.cards.length === 0);
    if (isExhausted && !(this.card && waits(this.card))) this.deck.goOn();
    if (isExhausted) this.arrive();
  }

  // A window; without a connection it is asked for until it comes. Null where one is elsewhere.
  async #fetch(query, turn = this.#turn, prepare = () => {}) {
    const { queue, judge, draw, filter } = this.place;
    const guidelines = this.meta?.guidelines?.uid;
    while (turn === this.#turn) {
      try {
        await prepare();
        const reply = await this.api.window({ queue, judge, draw, filter, ...query, number: NUMBER, guidelines });
        if (turn !== this.#turn) return null;
        this.trouble = null;
        this.#takeMeta(reply);
        return reply;
      } catch (error) {
        if (error.code === undefined) throw error;
        if (turn !== this.#turn) return null;
        this.trouble = error.message;
        this.draw();
        if (!error.isTemporary) {
          this.deck.end = true;
          this.notify(error.message);
          return null;
        }
        await new Promise((resolve) => { setTimeout(resolve, RETRY); });
      }
    }
    return null;
  }

  #takeMeta({ cards, rendered, ...meta }) {
    const former = this.meta?.guidelines;
    const guidelines = meta.guidelines ?? former;
    this.meta = { ...meta, guidelines };
    if (!former || guidelines.uid === former.uid) return;
    this.isNewGuidelines = true;
    const { person } = guidelines;
    this.notify(`${person} changed the guidelines: ${keyOf("guidelines")} opens them`, { isCalm: true });
  }

  // A card is in front, or none is: its text, its address, its lease.
  arrive(uid = null) {
    const { card } = this;
    if (this.#front.id !== card?.id) this.#front = { id: card?.id, moment: performance.now() };
    this.#sit();
    const { open = [], enter = null, texts = [] } = card ?? {};
    const waiting = open.includes(enter) ? enter : open[0];
    const uids = [card && textOf(card, uid)?.uid, waiting, enter, texts[0]?.uid];
    this.enter(uids.find(Boolean) ?? null);
    this.#more();
  }

  #sit() {
    const { queue, judge } = this.card ?? this.place;
    this.leases.take({ front: this.card?.mistake ?? null, next: this.deck.near, queue, judge });
  }

  // Where one is, as the address names it; what goes without saying isn't in it.
  named() {
    const { queue, judge, draw, filter, isOwn } = this.place;
    return { queue, judge: isOwn ? null : judge, draw: draw > 1 ? draw : null, filter };
  }

  // A text of the card in front is read.
  enter(uid) {
    const { card } = this;
    Object.assign(this, { focus: uid, step: null, appeared: performance.now() });
    if (!OF_PAGE.includes(this.panel?.name)) this.panel = null;
    this.readTexts[this.kind] = uid;
    this.address.show({ ...this.named(), mistake: card?.mistake, text: uid });
    this.draw();
  }

  goOn() {
    this.deck.goOn();
    this.arrive();
  }

  // A place that Back or Forward lead to.
  #follow(place) {
    const isSame = ([name, value]) => String(place[name] ?? "") === String(value ?? "");
    this.visit(place, Object.entries(this.named()).every(isSame));
  }

  // Goes to a mistake, of the list of acts or of an undo: one that is at hand, else it is asked for.
  async visit(place, isSame = ["queue", "judge", "draw"].every((name) => place[name] === this.place[name])) {
    this.panel = null;
    if (isSame && this.deck.go(place.mistake, place.card)) this.arrive(place.text);
    else {
      await this.outbox.drain(); // else the server would show it as it was
      this.open(place);
    }
  }

  // To the mistake before or behind, also where it is decided.
  async walk(by) {
    const { deck, card } = this;
    const end = by < 0 ? deck.first : deck.last;
    if (!deck.step(by)) {
      if (!end) return;
      this.message = `looking for the ${by < 0 ? "mistake before" : "next mistake"} …`;
      const reply = await this.#fetch(by < 0 ? { before: end.mistake } : { after: end.mistake, settled: true });
      if (!reply) return;
      if (by < 0) deck.prepend(reply.cards);
      else deck.append(reply.cards, deck.end);
      if (this.card?.id !== card?.id) return; // one has gone on meanwhile
      this.message = deck.step(by) ? "" : `this is the ${by < 0 ? "first" : "last"}`;
    }
    this.arrive();
  }

  // -- what the server says -------------------------------------------------------------------------------------------

  #take(reply, sent) {
    for (const answer of reply.answers) this.#takeAnswer(answer, sent.get(answer.token));
    for (const card of Object.values(reply.cards)) this.deck.renew(card);
    const { queue } = this.meta ?? {};
    if (queue && reply.queue?.name === queue.name) Object.assign(queue, reply.queue, { title: queue.title });
    this.#compareGuidelines(reply.guidelines);
    this.deck.drop(Object.keys(reply.gone));
    const missing = reply.gone[this.card?.mistake];
    if (missing) {
      this.notify(missing.line, { isCalm: true });
      this.goOn();
    }
    if (this.card && this.focus && !this.text) this.focus = this.card.enter;
  }

  #takeAnswer({ token, status, line, since, decided, of }, entry) {
    if (!entry) return;
    const { decision, words, home, targets } = entry;
    if (status === "saved" && decided < of) {
      this.message = `${words}: ${count(decided)} of ${count(of)} …`;
      return;
    }
    const open = home.mistake ? () => this.visit(home) : null;
    if (status === "saved") {
      if (!targets.length) this.#takeClass(entry);
      this.deck.settle(entry);
      const others = [...new Set(since.map(({ person }) => person))].join(", ");
      const news = others && `${words}: saved; ${others} decided on it meanwhile, see history`;
      if (line || others) this.notify(line ?? news, { isCalm: true, open });
      return;
    }
    this.trail.forget(token, decision.undoes);
    giveBack(this, decision);
    const act = `${decision.act === "undo" ? "undo: " : ""}${words}`;
    this.message = `not saved: ${act}`;
    this.notify(`${act}${home.number ? `, question ${home.number}` : ""}: not saved. ${line}`, { open });
  }

  // A class was decided: what was fetched is decided by now. Who has gone on meanwhile stays there.
  #takeClass({ words, home, decision: { act, token } }) {
    const { card, focus } = this;
    this.message = `${act === "undo" ? "undone" : "saved"}: ${words}`;
    this.#lookAround();
    const isUndone = this.outbox.entries.some(({ decision }) => decision.undoes === token);
    if (act !== "class" || isUndone) return;
    const isElsewhere = card && card.mistake !== home.mistake;
    this.open({ ...this.named(), ...(isElsewhere && { mistake: card.mistake, text: focus }) });
  }

  #takeLeases({ refused, others }) {
    if (this.meta) this.meta.others = others;
    const ahead = this.deck.ahead.map(({ mistake }) => mistake); // what I decided meanwhile stays
    this.deck.drop(refused.map(({ mistake }) => mistake).filter((mistake) => ahead.includes(mistake)));
    const { card } = this;
    if (!refused.length || !card) return;
    this.#sit(); // those behind may have been decided meanwhile, too
    this.#more();
    const { people } = refused.find(({ mistake }) => mistake === card.mistake) ?? {};
    if (!people || !waits(card)) return;
    const isUnread = performance.now() - this.#front.moment < UNREAD && this.asked.mistake !== card.mistake;
    const holders = nameHolders(people);
    if (isUnread && this.deck.ahead.length > 0) {
      this.message = `${holders}: the next one`;
      this.goOn();
    } else {
      this.notify(`${holders}. You may decide, too: both are kept, and both of you see it.`, { isCalm: true });
    }
  }

  // What a request answers; null where it fails, which is said.
  async ask(request, isQuiet = false) {
    try {
      return await request(this.api);
    } catch (error) {
      if (error.code === undefined) throw error;
      if (!isQuiet) this.message = error.message;
      this.draw();
      return null;
    }
  }

  // Another version of the guidelines than is at hand is asked for, and announced.
  async #compareGuidelines(uid) {
    const guidelines = this.meta?.guidelines?.uid;
    if (!uid || !this.meta || uid === guidelines) return;
    const reply = await this.ask((api) => api.window({ ...this.named(), number: 1, guidelines }));
    if (reply?.guidelines) this.#takeMeta({ ...this.meta, guidelines: reply.guidelines });
  }

  // What fails here comes with the next look.
  async #lookAround() {
    const { queue, judge } = this.place;
    this.leases.renew();
    this.counts = await this.ask((api) => api.counts({ queue, judge }), true) ?? this.counts;
    this.#compareGuidelines(this.counts?.guidelines);
    this.draw();
  }

  // The acts of before, so that undo reaches them.
  async #remember() {
    const past = this.may && await this.ask((api) => api.history({ acts: 10 }), true);
    if (!past) return;
    const acts = past.acts.map((act) => {
      const { number, about, mistake, text, queue, judge } = act;
      const targets = number > 1 ? `${count(number)} texts` : about;
      const words = `${nameDecision(act, about, this.reasons)} · ${targets}`;
      const home = { mistake, text, queue, judge, draw: 1, number: act.question };
      return { token: act.act, at: act.at, undone: act.undone, targets: [text], words, home };
    });
    this.trail.begin(acts, past.undo, past.redo);
    this.draw();
  }
}

let root = null;
let triage = null;

function follow() {
  const current = document.getElementById("mapd-triage");
  if (current === root) return;
  triage?.leave();
  [root, triage] = [current, null];
  if (root) triage = new Triage(root);
}

new MutationObserver(follow).observe(document.body, { subtree: true, childList: true });
follow();
