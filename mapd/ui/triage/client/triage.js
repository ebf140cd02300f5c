// Triage: one mistake after the other, by keyboard or thumb. Joins what the other modules do.
//
// A press changes the screen at once: the decision goes into the outbox, the next text is at hand. What the server says
// comes later and is drawn where it belongs. No press is refused while anything is on its way.

import { goToNext, perform } from "./acts.js";
import { Address, read } from "./address.js";
import { Api } from "./api.js";
import { drawFocus, drawMistake } from "./card.js";
import { textOf, textsOf, waits } from "./decisions.js";
import { Deck } from "./deck.js";
import { fill } from "./dom.js";
import { Drafts } from "./drafts.js";
import { drawEmpty } from "./empty.js";
import { Frames } from "./frames.js";
import { keyOf } from "../keys.js";
import { Leases } from "./leases.js";
import { Outbox } from "./outbox.js";
import { PANELS, drawPanel } from "./panels.js";
import { hear } from "./presses.js";
import { Screen } from "./screen.js";
import { Trail } from "./trail.js";
import { count, decided, holders } from "./words.js";

const NUMBER = 12; // cards that are asked for at once
const AGAIN = 3_000; // ms until cards are asked for again
const COUNTED = 30_000; // ms between two looks at the counts
const FRESH = 600; // ms: so long, before it can have been read, a card may leave again because somebody else has it
const MOST_CALM = 4; // notices that may leave by themselves; what wasn't saved stays until it is dismissed
const TEXT = 240; // px of a text that are in sight at least

export class Triage {
  meta = null; counts = null; focus = null; panel = null; step = null; notices = []; trail = new Trail();
  classPanel = null; past = null; trouble = null; isOpening = false; isFetching = false; choices = [];
  appeared = 0; // when the text in focus did
  readTexts = new Map(); // by card and kind, the text that was read last
  #turn = 0; #timer; #release; #front = null; #since = 0; #drawn = new Map();

  constructor(root, { token, base, exam, person }) {
    const owner = `exam ${exam} person ${person}`;
    this.api = new Api(base, token, (line) => this.#die(line));
    this.person = person;
    this.drafts = new Drafts(localStorage, owner);
    this.outbox = new Outbox({
      storage: localStorage, owner, send: (decisions, leaving) => this.api.decide(decisions, leaving),
      onchange: () => this.screen?.drawSaved(this.outbox), onanswer: (reply, sent) => this.#take(reply, sent),
    });
    this.deck = new Deck(() => this.outbox.entries);
    this.leases = new Leases(this.api, (reply) => this.#takeLeases(reply), this.may);
    this.address = new Address((place) => this.#walk(place));
    this.frames = new Frames(this.api, root);
    this.screen = new Screen(root, this);
    this.root = root;
    this.#release = hear(this);
    this.#timer = setInterval(() => this.#count(), COUNTED);
    this.outbox.drain();
    this.open(read(location.search));
    this.#count();
    this.#remember();
  }

  leave() {
    this.#release();
    clearInterval(this.#timer);
    this.address.leave();
    this.leases.leave();
    this.outbox.flush();
    this.outbox.close();
  }

  // Signed out, or somebody else's by now: what is on the screen goes, what isn't saved stays in the storage.
  #die(line) {
    this.outbox.halt(line);
    this.close();
    this.draw();
  }

  // The page is left, perhaps for good: what isn't sent goes on its way.
  flush() {
    this.address.flush();
    this.outbox.flush();
    this.leases.leave();
  }

  // -- what is shown --------------------------------------------------------------------------------------------------

  get card() { return this.isOpening || this.outbox.stop ? null : this.deck.front; }
  get text() { return this.card && this.focus ? textOf(this.card, this.focus) : null; }
  get reasons() { return this.meta?.reasons ?? {}; }
  get longest() { return this.meta?.longest ?? {}; }
  get may() { return this.person !== ""; }
  get place() {
    const { name: queue, judge, own_judge: own, draw } = this.meta?.queue ?? {};
    return { queue, judge, draw, filter: this.asked?.filter ?? null, isOwn: judge === own };
  }

  // What a decision is about: the attempt where the queue is about attempts, or nobody has written; else the text.
  get subject() {
    const { card, text } = this;
    if (!card) return null;
    const isAttempt = card.about === "attempt" || !text;
    const target = isAttempt ? card.attempt : text;
    return { kind: isAttempt ? "attempt" : text.kind, target, said: target.said };
  }

  // Judged first, a text stays after its decision until one goes on: what is revealed is read, or changed.
  get isRevealed() {
    const { card, text } = this;
    return Boolean(card && text && card.about === "texts" && (card.judge === "first" || card.beside) && text.said);
  }

  get rest() { return this.card?.rest[this.text?.kind ?? "rationale"] ?? []; }

  get view() {
    const { card, focus, reasons, may, panel, step } = this;
    const text = this.text;
    return {
      focus, reasons, may, panel, kind: text?.kind ?? "rationale",
      unfolded: text?.kind === "feedback" || (card && textsOf(card, "rationale").length === 0),
      steps: step ? [{ ...step, kind: "chosen_step", label: "the false step" }] : [],
      rendered: text ? this.frames.of(text) : null,
      rendering: text ? this.frames.stateOf(text) : null,
      act: (name, uid) => (name === "text" ? this.enter(uid) : perform(this, name)),
    };
  }

  draw() {
    const { screen, card, text, meta, panel, place } = this;
    const { may, isRevealed, subject, trail, drafts } = this;
    const { counts, isNewGuidelines, frames: { isBesideOpen } } = this;
    const focused = this.#focused();
    screen.drawTop({ meta, counts, card, place, may, panel, isBesideOpen, isNewGuidelines });
    screen.left.hidden = screen.right.hidden = !card;
    screen.empty.hidden = Boolean(card);
    this.#drawCard(card, text);
    if (!card) fill(screen.empty, drawEmpty(this));
    const isAttempt = card?.about === "attempt";
    screen.drawFoot({ card, text, may, isRevealed, subject, isAttempt, rest: this.rest.length, trail, drafts });
    screen.drawSaved(this.outbox);
    screen.drawNotices(this.notices, (notice) => {
      this.notices = this.notices.filter((other) => other !== notice);
      this.draw();
    });
    this.#refocus(focused);
  }

  // Draws a side anew where it has changed alone: a selection, a fold and a place in a text stay as they are.
  #drawCard(card, text) {
    const { left, right, work } = this.screen;
    const { view, panel } = this;
    const sides = [
      [left, [card, view.unfolded], () => drawMistake(card, view)],
      [right, [text, card?.id, card?.beside, card?.explained, view.steps, view.rendering], () => drawFocus(card, text, view)],
    ];
    for (const [box, more, drawSide] of sides) {
      const state = JSON.stringify([view.focus, view.may, ...more]);
      if (this.#drawn.get(box) === state) continue;
      this.#drawn.set(box, state);
      const isSame = box.dataset.shows === `${card?.id} ${view.focus}`;
      box.dataset.shows = `${card?.id} ${view.focus}`;
      keepReading(box, isSame, () => fill(box, card && drawSide()));
    }
    for (const button of work.querySelectorAll("[data-opens]")) {
      button.setAttribute("aria-expanded", String(button.dataset.opens === panel));
    }
  }

  // Says what happened, or why nothing did; heard by a screen reader, too.
  say(words) { this.screen.told.textContent = words; }

  notify(line, more = {}) {
    const all = [...this.notices.filter((notice) => notice.line !== line), { line, ...more }];
    const calm = all.filter(({ isCalm }) => isCalm).slice(-MOST_CALM);
    this.notices = all.filter((notice) => !notice.isCalm || calm.includes(notice));
  }

  #focused() {
    const node = document.activeElement;
    const box = node?.closest?.(".mapd-left, .mapd-right, .mapd-tools");
    return box ? { box, key: node.dataset.key, kind: node.className } : null;
  }

  // What had the focus is drawn anew: the same button has it again, else the text's head.
  #refocus(focused) {
    if (!focused || document.activeElement !== document.body) return;
    const same = focused.key && focused.box.querySelector(`[data-key="${CSS.escape(focused.key)}"]`);
    (same || Array.from(focused.box.querySelectorAll("[tabindex]")).find(({ className }) => className === focused.kind)
      || this.screen.right.querySelector("h2"))?.focus({ preventScroll: true });
  }

  // -- cards ----------------------------------------------------------------------------------------------------------

  // Opens a place anew: a queue, a mistake, a text.
  async open(asked) {
    const turn = ++this.#turn;
    this.asked = asked;
    this.deck.clear();
    this.close();
    [this.focus, this.isOpening, this.trouble] = [null, true, null];
    this.draw();
    const { queue, judge, draw, filter, mistake, text, question } = asked;
    const reply = await this.#fetch({ queue, judge, draw, filter, mistake, text, question, number: NUMBER }, turn);
    if (!reply) return;
    this.isOpening = false;
    if (reply.missing) this.notify(reply.missing.line);
    reply.problems.forEach((line) => this.notify(line));
    this.deck.append(reply.cards, reply.end);
    this.deck.go(0);
    if (!mistake && this.card && !waits(this.card)) this.deck.goOn();
    this.arrive(text);
  }

  // Asks for more cards where few are left.
  async #more() {
    if (this.isFetching || this.isOpening || !this.deck.needsMore) return;
    this.isFetching = true;
    const turn = this.#turn;
    const { last, held } = this.deck;
    const { queue, judge, draw, filter } = this.place;
    const reply = await this.#fetch({
      queue, judge, draw, filter, number: NUMBER, after: last?.mistake, after_text: queue === "browse" ? last?.enter : null,
      has: queue === "browse" ? [] : held.map(({ mistake }) => mistake).slice(-200),
      ahead: held.reduce((sum, { open }) => sum + open.length, 0),
    }, turn);
    this.isFetching = false;
    if (!reply) return;
    const isExhausted = !this.card;
    const number = this.deck.held.length;
    this.deck.append(reply.cards, reply.end || reply.cards.length === 0);
    if (!isExhausted) return;
    if (this.deck.held.length > number || this.card) this.deck.front && waits(this.deck.front) ? null : this.deck.goOn();
    this.arrive();
  }

  // A window; without a connection it is asked for until it comes. Null where one has gone elsewhere meanwhile.
  async #fetch(query, turn) {
    const guidelines = this.meta?.guidelines?.uid;
    for (;;) {
      try {
        const reply = await this.api.window({ ...query, guidelines });
        if (turn !== this.#turn) return null;
        this.trouble = null;
        this.#takeMeta(reply);
        return reply;
      } catch (error) {
        if (error.code === undefined) throw error;
        if (turn !== this.#turn) return null;
        this.trouble = error.message;
        if (!error.temporary) {
          this.isOpening = this.isFetching = false;
          this.notify(error.message);
          this.draw();
          return null;
        }
        if (!this.card) this.draw();
        await new Promise((resolve) => { setTimeout(resolve, AGAIN); });
        if (turn !== this.#turn) return null;
      }
    }
  }

  #takeMeta(reply) {
    const { cards, rendered, ...meta } = reply;
    const guidelines = reply.guidelines ?? this.meta?.guidelines ?? null;
    if (reply.guidelines && this.meta?.guidelines && reply.guidelines.uid !== this.meta.guidelines.uid) this.#announce(reply.guidelines);
    this.meta = { ...meta, guidelines, hasGuidelines: Boolean(guidelines) };
  }

  #announce({ person }) {
    this.isNewGuidelines = true;
    this.frames.forget("guidelines");
    this.notify(`${person} changed the guidelines: ${keyOf("guidelines")} opens them`, { isCalm: true });
  }

  // A card is in front, or none is: its text, its address, its lease.
  arrive(uid = null) {
    const { card } = this;
    this.close();
    if (!card) {
      this.focus = this.#front = null;
      this.leases.take({ front: null, next: [], queue: this.place.queue, judge: this.place.judge });
      this.address.show({ ...this.named(), mistake: null, text: null });
      this.draw();
      this.#more();
      return;
    }
    if (this.#front !== card.id) {
      this.#front = card.id;
      this.#since = performance.now();
    }
    const open = card.open.includes(card.enter) ? card.enter : card.open[0];
    const known = textOf(card, uid)?.uid ?? open ?? card.enter ?? card.texts[0]?.uid ?? null;
    this.#sit(card);
    this.enter(known);
    this.#more();
  }

  #sit({ mistake, queue, judge }) { this.leases.take({ front: mistake, next: this.deck.near, queue, judge }); }

  named() {
    const { queue, judge, draw, filter, isOwn } = this.place;
    return { queue, judge: isOwn ? null : judge, draw: draw > 1 ? draw : null, filter };
  }

  // A text of the card in front is read.
  enter(uid) {
    const { card } = this;
    this.focus = uid;
    this.step = null;
    this.appeared = performance.now();
    this.close();
    this.draw();
    if (!card) return;
    const { text } = this;
    if (text) this.readTexts.set(`${card.id} ${text.kind}`, uid);
    this.address.show({ ...this.named(), mistake: card.mistake, text: uid });
    const where = text ? `${text.kind} ${text.number} of ${text.of}` : "no explanation";
    this.screen.place.textContent = `${where}, mistake ${card.number ?? ""}`;
    this.#top();
  }

  get isOneColumn() { return getComputedStyle(this.screen.work).display === "flex"; }

  // Each text begins at its top. Where all is in one column, one that begins too low is moved up.
  #top() {
    const { work, right } = this.screen;
    work.scrollTop = 0;
    if (this.isOneColumn && this.text) work.scrollTop = Math.max(0, right.offsetTop - Math.max(0, work.clientHeight - TEXT));
  }

  #walk(place) {
    const { queue, judge, draw, filter } = this.place;
    const at = this.deck.find(place.mistake);
    const isHere = (place.queue ?? queue) === queue && (place.judge ?? judge) === judge
      && Number(place.draw ?? 1) === draw && place.filter === filter;
    if (at < 0 || !isHere) {
      this.open(place);
      return;
    }
    this.deck.go(at);
    this.arrive(place.text);
  }

  // A place from the list of acts, or the target of an undo.
  async visit(home) {
    const { queue, judge, draw } = this.place;
    const at = this.deck.find(home.mistake, home.card);
    if (at >= 0 && home.queue === queue && home.judge === judge && (home.draw ?? 1) === draw) {
      this.deck.go(at);
      this.arrive(home.text);
      return;
    }
    await this.outbox.drain(); // else the server would show it as it was
    this.open({ queue: home.queue, judge: home.judge, draw: home.draw, filter: home.filter, mistake: home.mistake, text: home.text });
  }

  back() { return this.#step(-1); }
  ahead() { return this.#step(1); }

  async #step(by) {
    if (this.deck.step(by)) {
      this.arrive();
      return;
    }
    const end = by < 0 ? this.deck.first : this.deck.last;
    const turn = this.#turn;
    const { queue, judge, draw, filter } = this.place;
    const place = by < 0 ? { before: end?.mistake } : { after: end?.mistake, settled: true };
    if (!end) return;
    this.say(by < 0 ? "looking for the mistake before …" : "looking for the next mistake …");
    const reply = await this.#fetch({ queue, judge, draw, filter, number: NUMBER, ...place }, turn);
    if (!reply) return;
    const { card } = this;
    if (by < 0) this.deck.prepend(reply.cards);
    else this.deck.append(reply.cards, this.deck.end);
    if (this.card?.id !== card?.id) return; // one has gone on meanwhile
    if (this.deck.step(by)) this.say("");
    else this.say(by < 0 ? "this is the first" : "this is the last");
    this.arrive();
  }

  // -- panels ---------------------------------------------------------------------------------------------------------

  drawPanel() {
    const panel = PANELS[this.panel](this);
    this.choices = panel.choices;
    const { panel: box } = this.screen;
    box.setAttribute("aria-label", panel.title);
    box.dataset.panel = this.panel;
    const onkept = (isKept) => { if (!isKept) this.say("the browser’s storage is full: keep this page open until you have decided"); };
    fill(box, drawPanel(panel, { close: () => { this.close(); this.draw(); }, drafts: this.drafts, onkept }));
    box.hidden = false;
    const field = panel.choices.length ? null : box.querySelector(".mapd-field");
    (field ?? box).focus({ preventScroll: true });
  }

  redrawPanel() {
    const { scrollTop } = this.screen.panel;
    this.drawPanel();
    this.screen.panel.scrollTop = scrollTop;
    this.draw();
  }

  close() {
    const { panel } = this.screen;
    if (!this.panel) return;
    this.panel = null;
    this.choices = [];
    if (panel.contains(document.activeElement)) document.activeElement.blur();
    panel.hidden = true;
  }

  // -- what the server says -------------------------------------------------------------------------------------------

  #take(reply, sent) {
    for (const answer of reply.answers) this.#takeAnswer(answer, sent.get(answer.token));
    for (const card of Object.values(reply.cards)) this.deck.renew(card);
    const { queue } = this.meta ?? {};
    if (queue && reply.queue?.name === queue.name) Object.assign(queue, { ...reply.queue, title: queue.title });
    if (reply.guidelines && reply.guidelines !== this.meta?.guidelines?.uid) this.#fetchGuidelines();
    const gone = Object.entries(reply.gone);
    this.deck.drop(gone.map(([mistake]) => mistake));
    const here = gone.find(([mistake]) => mistake === this.card?.mistake);
    if (here) {
      this.notify(here[1].line, { isCalm: true });
      goToNext(this);
    }
    const { card } = this;
    if (card && this.focus && !textOf(card, this.focus)) this.focus = card.enter;
    this.draw();
  }

  #takeAnswer({ token, status, line, since, decided: number, of }, entry) {
    if (!entry) return;
    const { decision, words, home } = entry;
    if (status === "saved" && number < of) {
      this.say(`${words}: ${count(number)} of ${count(of)} …`);
      return;
    }
    const isLarge = decision.act === "class" || (decision.act === "undo" && !(decision.mistake && entry.targets.length));
    if (isLarge && status === "saved") this.#afterClass(entry);
    const open = home?.mistake ? () => this.visit(home) : null;
    if (status === "saved") {
      this.deck.settle(entry);
      const others = [...new Set(since.map(({ person }) => person))].join(", ");
      if (line || others) this.notify(line ?? `${words}: saved; ${others} decided on it meanwhile, see history`, { isCalm: true, open });
      return;
    }
    this.trail.forget(token, decision.undoes);
    this.#giveBack(decision);
    const what = `${decision.act === "undo" ? "undo: " : ""}${words}`;
    this.say(`not saved: ${what}`);
    this.notify(`${what}${home?.question ? `, question ${home.question}` : ""}: not saved. ${line}`, { open });
  }

  // A note or a repair that wasn't saved is in its field again.
  #giveBack({ act, target, texts, note, value }) {
    const uid = target ?? texts?.[0]?.uid;
    const field = act === "repair" ? "repair" : act === "correct" ? "value" : "note";
    const words = act === "repair" || act === "correct" ? value : note;
    if (uid && words && !this.drafts.has(field, uid)) this.drafts.keep(field, uid, words);
  }

  // What was fetched is decided, or waits again. Who has gone on meanwhile stays where they are.
  #afterClass({ words, home, decision: { act, token } }) {
    const { card, focus } = this;
    this.say(`${act === "undo" ? "undone" : "saved"}: ${words}`);
    this.#count();
    const isUndone = this.outbox.entries.some(({ decision }) => decision.undoes === token);
    const isElsewhere = card && card.mistake !== home.mistake;
    if (act === "class" && !isUndone) this.open({ ...this.named(), ...(isElsewhere && { mistake: card.mistake, text: focus }) });
  }

  #takeLeases({ refused, others }) {
    if (this.meta) this.meta.others = others;
    const { card } = this;
    const ahead = this.deck.ahead.map(({ mistake }) => mistake); // what I decided since I asked stays
    this.deck.drop(refused.map(({ mistake }) => mistake).filter((mistake) => ahead.includes(mistake)));
    if (refused.length && card) {
      this.#sit(card); // those behind may have been decided meanwhile, too
      this.#more();
    }
    const here = refused.find(({ mistake }) => mistake === card?.mistake);
    if (!here) return;
    const isNew = performance.now() - this.#since < FRESH && waits(card) && this.asked?.mistake !== card.mistake;
    if (isNew && this.deck.ahead.length) {
      this.say(`${holders(here.people)}: the next one`);
      goToNext(this);
    } else if (waits(card)) {
      this.notify(`${holders(here.people)}. You may decide, too: both are kept, and both of you see it.`, { isCalm: true });
      this.draw();
    }
  }

  // A request that only shows something: where it fails, it says so.
  async ask(request) {
    try {
      return await request();
    } catch (error) {
      if (error.code === undefined) throw error;
      this.say(error.message);
      return null;
    }
  }

  async #fetchGuidelines() {
    const reply = await this.ask(() => this.api.window({ ...this.named(), number: 1, guidelines: this.meta.guidelines?.uid }));
    if (!reply?.guidelines) return;
    this.#announce(reply.guidelines);
    this.meta = { ...this.meta, guidelines: reply.guidelines, hasGuidelines: true };
    this.draw();
  }

  async #count() {
    try {
      this.counts = await this.api.counts({ queue: this.place.queue, judge: this.place.judge });
      const { guidelines } = this.counts;
      if (this.meta && guidelines && guidelines !== this.meta.guidelines?.uid) this.#fetchGuidelines();
      this.draw();
    } catch (error) {
      if (error.code === undefined) throw error; // they come with the next look
    }
  }

  // The acts of before, so that undo reaches them.
  async #remember() {
    if (!this.may) return;
    try {
      const { acts, undo, redo } = await this.api.history({ acts: 10 });
      this.trail.begin(acts.map((act) => ({
        token: act.act, at: act.at, undone: act.undone, decision: null, targets: [act.text], trace: null,
        words: `${decided(act, act.about, this.reasons)} · ${act.number > 1 ? `${count(act.number)} texts` : act.about}`,
        home: { mistake: act.mistake, text: act.text, queue: act.queue, judge: act.judge, draw: 1, question: act.question },
      })), undo, redo);
      this.draw();
    } catch (error) {
      if (error.code === undefined) throw error;
    }
  }
}

// Draws a box anew; where it shows the same text, what was unfolded and how far it was scrolled stays. To set a place
// makes the browser lay the page out at once, so it is set only where there is one.
function keepReading(box, isSame, draw) {
  if (!isSame) {
    draw();
    return;
  }
  const folds = Array.from(box.querySelectorAll("details[open] > summary"), ({ textContent }) => textContent);
  const places = Array.from(box.querySelectorAll(".mapd-scroll"), ({ ariaLabel, scrollTop }) => [ariaLabel, scrollTop]);
  draw();
  for (const summary of box.querySelectorAll("summary")) if (folds.includes(summary.textContent)) summary.parentNode.open = true;
  for (const scroller of box.querySelectorAll(".mapd-scroll")) {
    const place = places.find(([title]) => title === scroller.ariaLabel)?.[1];
    if (place) scroller.scrollTop = place;
  }
}
