// Where there is no mistake to show: nothing waits, others have it, it can't be read now, or the page is closed.

import { chooseQueue } from "./acts.js";
import { element } from "./dom.js";
import { count, holders, plural } from "./words.js";

export function drawEmpty(triage) {
  const { meta, trouble, outbox } = triage;
  if (outbox.stop) return [element("h2", {}, "This page is closed."), element("p", {}, outbox.stop)];
  if (trouble) {
    const unsaved = outbox.entries.length ? ` ${plural(outbox.entries.length, "decision")} of yours will be saved then.` : "";
    const isDone = triage.trail.last.length > 0 && !triage.isOpening;
    return [element("h2", {}, isDone ? "You have judged all that was fetched." : "The mistake can’t be read now."),
      element("p", {}, `${trouble}: trying again. More comes as soon as the server answers.${unsaved}`)];
  }
  const isLoading = triage.isOpening || triage.isFetching || !meta || triage.deck.needsMore;
  if (isLoading) return element("p", { class: "mapd-note" }, "loading …");
  const { all, skipped, decided: number } = meta.queue;
  const others = meta.others.length > 0;
  const head = others ? "Nothing is free in this queue." : !all ? "Nothing is in this queue."
    : skipped ? `Nothing waits for you here: ${count(number)} decided, ${count(skipped)} skipped by you.` : `All ${count(all)} are decided.`;
  const queues = (triage.counts?.queues ?? []).filter(({ name, waiting }) => waiting && name !== meta.queue.name);
  return [
    element("h2", {}, head),
    others && element("p", {}, `${holders(meta.others)}. What they leave undecided comes back; Enter looks again.`),
    meta.lacking && element("p", {}, meta.lacking),
    queues.length > 0 && [element("p", {}, "These queues wait:"), element("div", { class: "mapd-choices" }, queues.map(
      ({ name, title, waiting }) => element("button", { type: "button", class: "mapd-act", onclick: () => chooseQueue(triage, name) },
        element("span", {}, `${title ?? name} · ${count(waiting)}`))))],
  ];
}
