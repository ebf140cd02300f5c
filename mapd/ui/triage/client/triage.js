// Triage: one mistake after the other, by keyboard or thumb. Joins what the other modules do.
//
// A press changes the screen at once: the decision goes into the outbox, the next text is at hand. What the server says
// comes later and is drawn where it belongs. No press is refused while anything is on its way.

import { Address, read } from "./address.js";
import { Api } from "./api.js";
import { drawFocus, drawMistake } from "./card.js";
import { decide, following, targetOf, targetsOf, textOf, textsOf, trace, waits } from "./decisions.js";
import { Deck } from "./deck.js";
import { element, fill } from "./dom.js";
import { Drafts } from "./drafts.js";
import { Frames } from "./frames.js";
import { actOf, keyOf, listen, scroll, scrolls } from "../keys.js";
import { Leases } from "./leases.js";
import { Outbox, newToken } from "./outbox.js";
import { PANELS, drawPanel, stepBeside } from "./panels.js";
import { selectedRange } from "./passage.js";
import { Screen } from "./screen.js";
import { Trail } from "./trail.js";
import { count, decided, holders, plural } from "./words.js";

const NUMBER = 12; // cards that are asked for at once
const AGAIN = 3_000; // ms until cards are asked for again
const COUNTED = 30_000; // ms between two looks at the counts
const FRESH = 1_500; // ms: so long a card may leave again because somebody else has it
const MOST_NOTICES = 4;
const SWIPE = 90; // px

export class Triage {
  meta = null; counts = null; focus = null; panel = null; step = null; notices = []; trail = new Trail();
  classPanel = null; past = null; trouble = null; isOpening = false;
  #appeared = 0; #turn = 0; #left = new Map(); #timers = []; #isFetching = false; #release; #front = null; #touch = null;

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
    this.#release = this.#listen();
    this.outbox.drain();
    this.open(read(location.search));
    this.#count();
    this.#remember();
  }

  leave() {
    this.#release();
    this.#timers.forEach(clearInterval);
    this.address.leave();
    this.leases.leave();
    this.outbox.flush();
    this.outbox.close();
  }

  // Signed out, or somebody else's by now: what is on the screen goes, what isn't saved stays in the storage.
  #die(line) {
    this.outbox.halt(line);
    this.#close();
    this.draw();
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
    return isAttempt ? { kind: "attempt", target: card.attempt, said: card.attempt.said } : { kind: text.kind, target: text, said: text.said };
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
      focus, reasons, may, panel,
      unfolded: text?.kind === "feedback" || (card && textsOf(card, "rationale").length === 0),
      steps: step ? [{ ...step, kind: "chosen_step", label: "the false step" }] : [],
      rendered: text ? this.frames.of(text) : null,
      rendering: text ? this.frames.stateOf(text) : null,
      act: (name, uid) => (name === "text" ? this.#enter(uid) : this.perform(name)),
    };
  }

  draw() {
    const { screen, card, text, meta, panel, place } = this;
    const { may, isRevealed, subject, trail, drafts } = this;
    screen.drawTop({ meta, counts: this.counts, card, place, may, panel, isBesideOpen: this.frames.isBesideOpen, isNewGuidelines: this.isNewGuidelines });
    const focused = this.#focused();
    screen.left.hidden = screen.right.hidden = !card;
    screen.empty.hidden = Boolean(card);
    this.#drawCard(card, text);
    if (!card) fill(screen.empty, this.#drawEmpty());
    screen.drawFoot({ card, text, may, isRevealed, subject, isAttempt: card?.about === "attempt", rest: this.rest.length, trail, drafts });
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
    const sides = [[left, [view.unfolded], () => drawMistake(card, view)], [right, [view.steps, view.rendering], () => drawFocus(card, text, view)]];
    for (const [box, more, drawSide] of sides) {
      const state = JSON.stringify([card, view.focus, view.may, ...more]);
      if (this.#drawn.get(box) === state) continue;
      this.#drawn.set(box, state);
      const isSame = box.dataset.shows === `${card?.id} ${view.focus}`;
      box.dataset.shows = `${card?.id} ${view.focus}`;
      keepReading(box, isSame, () => fill(box, card && drawSide()));
    }
    for (const button of work.querySelectorAll("[data-opens]")) button.setAttribute("aria-expanded", String(button.dataset.opens === panel));
  }

  #drawn = new Map();

  // Says what happened, or why nothing did; heard by a screen reader, too.
  say(words) { this.screen.told.textContent = words; }

  notify(line, more = {}) {
    this.notices = [...this.notices.filter((notice) => notice.line !== line), { line, ...more }].slice(-MOST_NOTICES);
  }

  #focused() {
    const node = document.activeElement;
    const box = node?.closest?.(".mapd-left, .mapd-right");
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
    this.#close();
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
    this.#arrive(text);
  }

  // Asks for more cards where few are left.
  async #more() {
    if (this.#isFetching || this.isOpening || !this.deck.needsMore) return;
    this.#isFetching = true;
    const turn = this.#turn;
    const { last, held } = this.deck;
    const { queue, judge, draw, filter } = this.place;
    const reply = await this.#fetch({
      queue, judge, draw, filter, number: NUMBER, after: last?.mistake, after_text: queue === "browse" ? last?.enter : null,
      has: queue === "browse" ? [] : held.map(({ mistake }) => mistake).slice(-200), ahead: held.reduce((sum, { open }) => sum + open.length, 0),
    }, turn);
    this.#isFetching = false;
    if (!reply) return;
    const isExhausted = !this.card;
    const number = this.deck.held.length;
    this.deck.append(reply.cards, reply.end || reply.cards.length === 0);
    if (!isExhausted) return;
    if (this.deck.held.length > number || this.card) this.deck.front && waits(this.deck.front) ? null : this.deck.goOn();
    this.#arrive();
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
          this.isOpening = this.#isFetching = false;
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
  #arrive(uid = null) {
    const { card } = this;
    this.#close();
    if (!card) {
      this.focus = this.#front = null;
      this.leases.take({ front: null, next: [], queue: this.place.queue, judge: this.place.judge });
      this.address.show({ ...this.#named(), mistake: null, text: null });
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
    this.leases.take({ front: card.mistake, next: this.deck.near, queue: card.queue, judge: card.judge });
    this.#enter(known);
    this.#more();
  }

  #since = 0;

  #named() {
    const { queue, judge, draw, filter, isOwn } = this.place;
    return { queue, judge: isOwn ? null : judge, draw: draw > 1 ? draw : null, filter };
  }

  // A text of the card in front is read.
  #enter(uid) {
    const { card } = this;
    this.focus = uid;
    this.step = null;
    this.#appeared = performance.now();
    this.#close();
    this.draw();
    if (!card) return;
    const { text } = this;
    if (text) this.#left.set(`${card.id} ${text.kind}`, uid);
    this.address.show({ ...this.#named(), mistake: card.mistake, text: uid });
    const where = text ? `${text.kind} ${text.number} of ${text.of}` : "no explanation";
    this.screen.place.textContent = `${where}, mistake ${card.number ?? ""}`;
    this.#top();
  }

  get isOneColumn() { return getComputedStyle(this.screen.work).display === "flex"; }

  // Each text begins at its top; where all is in one column, the card begins at the text.
  #top() {
    const { work, right } = this.screen;
    work.scrollTop = 0;
    if (this.isOneColumn && this.text) work.scrollTop = Math.max(0, right.offsetTop - work.clientHeight * 0.4);
  }

  #walk(place) {
    const { queue, judge, draw, filter } = this.place;
    const at = this.deck.find(place.mistake);
    const isHere = (place.queue ?? queue) === queue && (place.judge ?? judge) === judge && Number(place.draw ?? 1) === draw && place.filter === filter;
    if (at < 0 || !isHere) {
      this.open(place);
      return;
    }
    this.deck.go(at);
    this.#arrive(place.text);
  }

  // A place from the list of acts, or the target of an undo.
  async visit(home) {
    const { queue, judge, draw } = this.place;
    const at = this.deck.find(home.mistake, home.card);
    if (at >= 0 && home.queue === queue && home.judge === judge && (home.draw ?? 1) === draw) {
      this.deck.go(at);
      this.#arrive(home.text);
      return;
    }
    await this.outbox.drain(); // else the server would show it as it was
    this.open({ queue: home.queue, judge: home.judge, draw: home.draw, filter: home.filter, mistake: home.mistake, text: home.text });
  }

  back() { return this.#step(-1); }
  ahead() { return this.#step(1); }

  async #step(by) {
    if (this.deck.step(by)) {
      this.#arrive();
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
    this.#arrive();
  }

  // -- keys -----------------------------------------------------------------------------------------------------------

  #listen() {
    const ends = [
      listen((key, event) => this.#key(key, event)),
      this.frames.listen((key, event) => this.#key(key, event)),
      on(window, "pagehide", () => {
        this.address.flush();
        this.outbox.flush();
        this.leases.leave();
      }),
      on(window, "online", () => this.outbox.drain()),
      on(window, "storage", () => this.outbox.read()),
      on(document, "selectionchange", () => this.#select()),
      on(this.screen.right, "touchstart", ({ touches: [touch] }) => { this.#touch = [touch.clientX, touch.clientY]; }, { passive: true }),
      on(this.screen.right, "touchend", ({ changedTouches: [touch] }) => this.#swipe(touch)),
    ];
    this.#timers.push(setInterval(() => this.#count(), COUNTED));
    return () => ends.forEach((end) => end());
  }

  // Returns whether the key is ours.
  #key(key, event) {
    if (this.panel) return this.#panelKey(key, event);
    if (key === "Escape") return this.#blur();
    if (scrolls(key, event)) return this.#scroll(key, event);
    const act = actOf(key);
    if (!act || event.shiftKey && key.length > 1) return false;
    if (event.repeat) return true; // a key that is held down is one press
    if (act === "text") this.#digit(Number(key));
    else this.perform(act);
    return true;
  }

  #panelKey(key, event) {
    const { panel } = this.screen;
    if (key === "Escape") {
      this.#close();
      this.draw();
      return true;
    }
    if (key === "Tab") {
      const field = panel.querySelector(".mapd-field");
      if (event.shiftKey || !field || panel.contains(event.target) && event.target !== panel) return false;
      field.focus();
      return true;
    }
    const choice = this.choices.find((one) => one.key === key);
    if (scrolls(key, event) && !choice) {
      scroll(panel, key, event);
      return true;
    }
    if (this.panel === "reject" && ["ArrowLeft", "ArrowRight"].includes(key)) {
      this.step = stepBeside(this.text.text.text, this.step, key === "ArrowLeft" ? -1 : 1);
      this.#redrawPanel();
      return true;
    }
    if (event.repeat || key.length > 1 && !actOf(key)) return false;
    if (choice) choice.press();
    else if (key === keyOf(this.panel)) {
      this.#close();
      this.draw();
    } else if (actOf(key)) {
      this.say(`“${key}” means nothing while this is open: ${this.choices.length ? `${this.choices.map((one) => one.key).join(" ")} choose, ` : ""}Esc closes it`);
    } else return false;
    return true;
  }

  #scroll(key, event) {
    if (event.target.matches?.(".mapd-scroll:focus-visible") && !event.target.matches(".mapd-focus")) return false; // the browser scrolls it
    if (event.target !== document.body && !this.root.contains(event.target) && event.target.ownerDocument === document) return false;
    const { work, right } = this.screen;
    scroll(this.isOneColumn ? work : right.querySelector(".mapd-focus") ?? work, key, event);
    return true;
  }

  #blur() {
    if (this.root.contains(document.activeElement)) document.activeElement.blur();
    return false;
  }

  #digit(number) {
    const { card } = this;
    if (!card) return this.say("no mistake is open");
    const texts = [...textsOf(card, "rationale"), ...textsOf(card, "feedback")];
    const text = texts[number - 1];
    if (text) this.#enter(text.uid);
    else this.say(`this mistake has ${plural(texts.length, "text")}: there is no ${number}`);
  }

  #select() {
    const body = this.screen.right.querySelector(".mapd-focus .mapd-text");
    const range = body && selectedRange(body, document.getSelection());
    if (range) this.step = range;
  }

  #swipe({ clientX, clientY }) {
    const [x, y] = this.#touch ?? [clientX, clientY];
    this.#touch = null;
    if (Math.abs(clientX - x) < SWIPE || Math.abs(clientY - y) > SWIPE / 2 || !document.getSelection().isCollapsed || this.panel) return;
    this.perform(clientX > x ? "accept" : "reject");
  }

  // -- acts -----------------------------------------------------------------------------------------------------------

  perform(act) {
    const why = this.#refusal(act);
    if (why) this.say(why);
    else ACTS[act](this);
  }

  // Why an act can't be done now; empty where it can.
  #refusal(act) {
    const { card, text, may, subject } = this;
    if (["help", "guidelines", "judge", "draw", "acts", "undo", "redo", "class"].includes(act)) {
      return may || !["acts", "undo", "redo", "class"].includes(act) ? "" : "give your name above to judge";
    }
    if (act === "rest" && !card && !this.isOpening) return "";
    if (this.isOpening) return "the mistake is still loading";
    if (!card) return ["back", "ahead"].includes(act) ? "" : "no mistake is open";
    if (!may && !["feedback", "back", "ahead", "history", "render"].includes(act)) return "give your name above to judge";
    if (["accept", "reject"].includes(act) && subject.kind === "attempt" && card.about !== "attempt") {
      return "nobody has written on this mistake: x decides the attempt";
    }
    if (["repair", "answer", "render"].includes(act) && !text) return "no text is open";
    if (act === "repair" && text.covered) return "judge it first: then it can be repaired";
    if (act === "answer" && text.kind !== "rationale") return "only a rationale has an answer of its own";
    if (act === "render" && !text.markup) return "this text has no maths and no markdown";
    return "";
  }

  toggle(panel) {
    const isOpen = this.panel === panel;
    this.#close();
    if (!isOpen) {
      this.panel = panel;
      this.#drawPanel();
    }
    this.draw();
  }

  accept() {
    const { card, subject, isRevealed } = this;
    if (isRevealed && subject.said.decision === "accept") this.goOn();
    else this.decide("accept", { kind: subject.kind, target: subject.target.uid }, isRevealed && card.about === "texts");
  }

  reject(reason = null) {
    const { subject, step, isRevealed } = this;
    const marks = step && subject.kind !== "attempt" ? [step] : [];
    this.decide("reject", { kind: subject.kind, target: subject.target.uid, reason, marks }, isRevealed);
  }

  skip() {
    const { subject } = this;
    this.decide("skip", { kind: subject.kind, target: subject.target.uid });
  }

  // Enter: accept what is marked as waiting; where there is nothing to accept, go on.
  decideRest() {
    const { card, text, rest } = this;
    if (!card) {
      this.open({ ...this.#named() });
      return;
    }
    if (this.isRevealed) {
      this.goOn();
      return;
    }
    if (!rest.length) {
      const isCovered = text && textsOf(card, text.kind).some(({ covered }) => covered);
      this.say(isCovered ? "judge first: each text has its own decision" : `no ${text?.kind ?? "text"} is marked “waiting” here: → goes on`);
      return;
    }
    const texts = rest.map((uid) => ({ uid, seen: textOf(card, uid).seen, after: this.outbox.lastOn(uid) }));
    const target = rest.includes(this.focus) && this.drafts.has("note", this.focus) ? this.focus : null;
    this.decide("rest", { kind: text.kind, texts, target });
  }

  // Goes on without a decision: the next text that waits, else the next card.
  goOn() {
    const { card } = this;
    const next = card.open.find((uid) => uid !== this.focus);
    if (next && card.about === "texts") this.#enter(next);
    else this.#next();
  }

  #next() {
    this.deck.goOn();
    this.#arrive();
  }

  // A decision on the card in front: stored, applied, and one goes on unless one is to stay.
  decide(act, { kind, target = null, ...fields }, stays = false) {
    const { card } = this;
    const seen = target ? targetOf(card, target).seen : null;
    const decision = {
      token: newToken(), act, card: card.id, mistake: card.mistake, queue: card.queue, judge: card.judge, draw: card.draw, kind, target, seen,
      after: target ? this.outbox.lastOn(target) : null, seconds: this.#seconds(), offline: !this.leases.holds(card.mistake), ...fields,
    };
    const targets = targetsOf(decision);
    this.#takeAlong(decision, targets);
    const entry = { decision, targets, trace: trace(card, targets), words: this.#wordsOf(decision, card), home: this.#home(card, targets.at(-1)) };
    this.#add(entry);
    this.say(entry.words);
    this.#move(card, decision, stays);
  }

  // What was typed goes with the decision that it belongs to.
  #takeAlong(decision, targets) {
    const { act } = decision;
    const taker = ["accept", "reject", "skip", "rest"].includes(act) ? targets.find((uid) => uid === this.focus || decision.kind === "attempt") : null;
    if (taker && this.drafts.has("note", taker)) {
      decision.note = this.drafts.of("note", taker).trim();
      this.drafts.forget("note", taker);
    }
    const field = { note: "note", repair: "repair", correct: "value" }[act];
    if (field) this.drafts.forget(field, decision.target);
  }

  #add(entry) {
    this.trail.add({ token: entry.decision.token, words: entry.words, home: entry.home, targets: entry.targets, trace: entry.trace, decision: entry.decision });
    this.outbox.add(entry);
  }

  #move(before, { act, target, targets, kind, texts }, stays) {
    this.#close();
    const after = this.card;
    const uid = act === "rest" ? texts.at(-1).uid : target;
    const isAttemptAside = (kind === "attempt" || kind === "question") && before.about === "texts";
    const isCovered = act !== "skip" && textOf(before, uid)?.covered;
    const isPractice = before.beside === "practice" && act !== "skip";
    if (stays || isCovered || isPractice) {
      this.#enter(this.focus);
      return;
    }
    if (isAttemptAside) {
      this.#next();
      return;
    }
    const next = following(before, after, uid);
    const left = this.#left.get(`${before.id} rationale`);
    const isBack = textOf(before, uid)?.kind === "feedback" && after.open.includes(left) && textOf(after, next)?.kind === "rationale";
    if (next) this.#enter(isBack ? left : next);
    else this.#next();
  }

  #seconds() { return Math.min(86_400, Math.round((performance.now() - this.#appeared) / 10) / 100); }

  #home(card, uid) {
    const text = textOf(card, uid)?.uid ?? this.focus;
    return { mistake: card.mistake, text, queue: card.queue, judge: card.judge, draw: card.draw, filter: this.place.filter, card: card.id, question: card.question.number };
  }

  #wordsOf(decision, card) {
    const { act, kind, target, texts } = decision;
    const number = textOf(card, target)?.number;
    const about = act === "rest" ? plural(texts.length, kind, kind === "feedback" ? "feedback" : `${kind}s`) : `${kind}${number ? ` ${number}` : ""}`;
    return `${decided({ ...decision, decision: act }, kind, this.reasons)} · ${about}`;
  }

  decideClass(word, reason, { version, texts }) {
    const { queue, judge, draw, filter } = this.place;
    const { card } = this;
    const decision = { token: newToken(), act: "class", queue, judge, draw, reason, value: word, version };
    const words = `${word === "accept" ? "accepted" : "rejected"} the class · ${plural(texts, "text")}`;
    this.#add({ decision, targets: [], trace: null, words, home: { mistake: card?.mistake ?? null, text: this.focus, queue, judge, draw, filter } });
    this.say(`${words} …`);
    this.#close();
    this.draw();
  }

  turn(isRedo) {
    const token = newToken();
    const act = isRedo ? this.trail.redo(token) : this.trail.undo(token);
    if (!act) {
      this.say(isRedo ? "nothing to redo" : "nothing to undo");
      return;
    }
    const { home, targets = [home.text] } = act;
    const decision = {
      token, act: "undo", undoes: isRedo ? act.undo : act.live, queue: home.queue ?? this.place.queue, judge: home.judge ?? this.place.judge,
      draw: home.draw ?? 1, card: home.card ?? null, mistake: home.mistake, target: null,
    };
    this.outbox.add({ decision, targets, trace: isRedo ? null : act.trace ?? null, redo: isRedo ? act.decision ?? null : null, words: act.words, home, isRedo });
    this.say(`${isRedo ? "redone" : "undone"}: ${act.words}`);
    if (home.mistake) this.visit(home);
    else this.outbox.drain().then(() => this.open(this.#named()));
  }

  feedback() {
    const { card, text } = this;
    const other = text?.kind === "feedback" ? "rationale" : "feedback";
    const texts = textsOf(card, other);
    if (!texts.length) {
      this.say(`this mistake has no ${other}`);
      return;
    }
    const left = this.#left.get(`${card.id} ${other}`);
    this.#enter(textOf(card, left)?.uid ?? (texts.find(({ uid }) => card.open.includes(uid)) ?? texts[0]).uid);
  }

  chooseQueue(queue) {
    const { judge, isOwn } = this.place;
    this.screen.select.blur();
    this.open({ queue, judge: judge === "first" && !isOwn ? judge : null });
  }

  switchJudge() {
    const { judge } = this.place;
    if (!judge) return;
    this.open({ ...this.place, judge: judge === "first" ? "assisted" : "first", mistake: this.card?.mistake, text: this.focus });
  }

  drawAgain() {
    const { queue, judge, draw } = this.place;
    if (!this.meta?.queue.by_lot) this.say("only a random audit is drawn again");
    else this.open({ queue, judge, draw: draw + 1 });
  }

  async showClass() {
    if (!this.meta?.queue.class) {
      this.say("this queue has no class to decide at once");
      return;
    }
    this.classPanel = null;
    this.toggle("class");
    const { queue, judge } = this.place;
    await this.outbox.drain();
    const reply = await this.#ask(() => this.api.counts({ queue, judge, panel: true }));
    if (reply) this.classPanel = reply.class;
    if (this.panel === "class") this.#redrawPanel();
  }

  async showHistory() {
    const { card, focus } = this;
    this.past = null;
    this.toggle("history");
    if (this.panel !== "history") return;
    const { queue, judge } = this.place;
    this.past = await this.#ask(() => this.api.history({ card: card.id, mistake: card.mistake, text: focus, judge, queue }));
    if (this.panel === "history") this.#redrawPanel();
  }

  showGuidelines() {
    if (!this.meta?.hasGuidelines) {
      this.say("nobody has written guidelines yet");
      return;
    }
    this.isNewGuidelines = false;
    this.frames.toggleBeside(this.screen.beside);
    this.screen.work.classList.toggle("mapd-two", this.frames.isBesideOpen);
    this.draw();
  }

  // A request that only shows something: where it fails, it says so.
  async #ask(request) {
    try {
      return await request();
    } catch (error) {
      if (error.code === undefined) throw error;
      this.say(error.message);
      return null;
    }
  }

  // -- panels ---------------------------------------------------------------------------------------------------------

  choices = [];

  #drawPanel() {
    const panel = PANELS[this.panel](this);
    this.choices = panel.choices;
    const { panel: box } = this.screen;
    box.setAttribute("aria-label", panel.title);
    box.dataset.panel = this.panel;
    const onkept = (isKept) => { if (!isKept) this.say("the browser’s storage is full: what you type is kept only while this page is open"); };
    fill(box, drawPanel(panel, { close: () => { this.#close(); this.draw(); }, drafts: this.drafts, onkept }));
    box.hidden = false;
    const field = panel.choices.length ? null : box.querySelector(".mapd-field");
    (field ?? box).focus({ preventScroll: true });
  }

  #redrawPanel() {
    const { scrollTop } = this.screen.panel;
    this.#drawPanel();
    this.screen.panel.scrollTop = scrollTop;
    this.draw();
  }

  #close() {
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
    if (reply.queue && reply.queue.name === this.meta?.queue.name) Object.assign(this.meta.queue, { ...reply.queue, title: this.meta.queue.title });
    if (reply.guidelines && reply.guidelines !== this.meta?.guidelines?.uid) this.#fetchGuidelines();
    const gone = Object.entries(reply.gone);
    this.deck.drop(gone.map(([mistake]) => mistake));
    const here = gone.find(([mistake]) => mistake === this.card?.mistake);
    if (here) {
      this.notify(here[1].line, { isCalm: true });
      this.#next();
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
    if (decision.act === "class" || (decision.act === "undo" && !decision.mistake)) this.#afterClass(status, words, decision);
    const open = home?.mistake ? () => this.visit(home) : null;
    if (status === "saved") {
      this.deck.settle(entry);
      if (line || since.length) this.notify(line ?? `${words}: saved; ${since.map(({ person }) => person).join(", ")} decided on it meanwhile, see history`, { isCalm: true, open });
      return;
    }
    this.trail.forget(token, decision.undoes);
    this.#giveBack(decision);
    this.notify(`${words}: not saved. ${line}`, { open });
  }

  // A note or a repair that wasn't saved is in its field again.
  #giveBack({ act, target, texts, note, value }) {
    const uid = target ?? texts?.[0]?.uid;
    const field = act === "repair" ? "repair" : act === "correct" ? "value" : "note";
    const words = act === "repair" || act === "correct" ? value : note;
    if (uid && words && !this.drafts.has(field, uid)) this.drafts.keep(field, uid, words);
  }

  #afterClass(status, words, { act }) {
    if (status !== "saved") return;
    this.say(`${act === "undo" ? "undone" : "saved"}: ${words}`);
    this.#count();
    if (act === "class") this.open(this.#named());
  }

  #takeLeases({ refused, others }) {
    if (this.meta) this.meta.others = others;
    const { card } = this;
    this.deck.drop(refused.map(({ mistake }) => mistake));
    const here = refused.find(({ mistake }) => mistake === card?.mistake);
    if (!here) return;
    const isNew = performance.now() - this.#since < FRESH && waits(card) && this.asked?.mistake !== card.mistake;
    if (isNew && this.deck.ahead.length) {
      this.say(`${holders(here.people)}: the next one`);
      this.#next();
    } else if (waits(card)) {
      this.notify(`${holders(here.people)}. You may decide, too: both are kept, and both of you see it.`, { isCalm: true });
      this.draw();
    }
  }

  async #fetchGuidelines() {
    const reply = await this.#ask(() => this.api.window({ ...this.#named(), number: 1, guidelines: this.meta.guidelines?.uid }));
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

  // -- where there is no card -----------------------------------------------------------------------------------------

  #drawEmpty() {
    const { meta, trouble, outbox } = this;
    if (outbox.stop) return [element("h2", {}, "This page is closed."), element("p", {}, outbox.stop)];
    if (trouble) {
      const unsaved = outbox.entries.length ? ` ${plural(outbox.entries.length, "decision")} of yours will be saved then.` : "";
      return [element("h2", {}, this.trail.last.length && !this.isOpening ? "You have judged all that was fetched." : "The mistake can’t be read now."),
        element("p", {}, `${trouble}: trying again. More comes as soon as the server answers.${unsaved}`)];
    }
    if (this.isOpening || this.#isFetching || !meta || (!this.deck.end && this.deck.needsMore)) return element("p", { class: "mapd-note" }, "loading …");
    const { all, skipped, decided: number } = meta.queue;
    const others = meta.others.length > 0;
    const head = others ? "Nothing is free in this queue." : !all ? "Nothing is in this queue."
      : skipped ? `Nothing waits for you here: ${count(number)} decided, ${count(skipped)} skipped by you.` : `All ${count(all)} are decided.`;
    const queues = (this.counts?.queues ?? []).filter(({ name, waiting }) => waiting && name !== meta.queue.name);
    return [
      element("h2", {}, head),
      others && element("p", {}, `${holders(meta.others)}. What they leave undecided comes back; Enter looks again.`),
      meta.lacking && element("p", {}, meta.lacking),
      queues.length > 0 && [element("p", {}, "These queues wait:"), element("div", { class: "mapd-choices" }, queues.map(({ name, title, waiting }) => element("button", {
        type: "button", class: "mapd-act", onclick: () => this.chooseQueue(name) }, element("span", {}, `${title ?? name} · ${count(waiting)}`))))],
    ];
  }
}

// Draws a box anew; where it shows the same text, what was unfolded and how far it was scrolled stays.
function keepReading(box, isSame, draw) {
  const folds = isSame ? Array.from(box.querySelectorAll("details[open] > summary"), ({ textContent }) => textContent) : [];
  const places = isSame ? Array.from(box.querySelectorAll(".mapd-scroll"), ({ ariaLabel, scrollTop }) => [ariaLabel, scrollTop]) : [];
  draw();
  for (const summary of box.querySelectorAll("summary")) if (folds.includes(summary.textContent)) summary.parentNode.open = true;
  for (const scroller of box.querySelectorAll(".mapd-scroll")) {
    scroller.scrollTop = places.find(([title]) => title === scroller.ariaLabel)?.[1] ?? 0;
  }
}

function on(target, name, hear, options) {
  target.addEventListener(name, hear, options);
  return () => target.removeEventListener(name, hear, options);
}

const ACTS = {
  accept: (triage) => triage.accept(),
  reject: (triage) => (triage.subject.kind === "attempt" ? triage.reject() : triage.toggle("reject")),
  rest: (triage) => triage.decideRest(),
  skip: (triage) => triage.skip(),
  note: (triage) => triage.toggle("note"),
  repair: (triage) => triage.toggle("repair"),
  answer: (triage) => triage.toggle("answer"),
  attempt: (triage) => triage.toggle("attempt"),
  question: (triage) => triage.toggle("question"),
  class: (triage) => triage.showClass(),
  undo: (triage) => triage.turn(false),
  redo: (triage) => triage.turn(true),
  acts: (triage) => triage.toggle("acts"),
  history: (triage) => triage.showHistory(),
  help: (triage) => triage.toggle("help"),
  guidelines: (triage) => triage.showGuidelines(),
  render: (triage) => triage.frames.toggle(triage.text, () => triage.draw()),
  feedback: (triage) => triage.feedback(),
  judge: (triage) => triage.switchJudge(),
  draw: (triage) => triage.drawAgain(),
  back: (triage) => triage.back(),
  ahead: (triage) => triage.ahead(),
};
