// Rendered documents (the guidelines, a text's maths) in frames that run nothing: the server makes and cleans them.

import { element, fill } from "./dom.js";
import { listen } from "../keys.js";

export class Frames {
  #api; #root; #documents = new Map(); #rendered = null; #take = null;
  isBesideOpen = false;

  constructor(api, root) {
    this.#api = api;
    this.#root = root;
  }

  // Keys that are pressed within a frame are the page's keys, too.
  listen(take) {
    this.#take = take;
    return () => { this.#take = null; };
  }

  // The frame of a text that is shown rendered; null where it is shown as written.
  of(text) {
    const { uid } = text;
    if (this.#rendered !== uid) return null;
    const known = this.#documents.get(this.#key(uid));
    return known ? this.#frame(known, "the text, rendered") : element("p", { class: "mapd-note mapd-focus" }, "rendering …");
  }

  // What tells one drawing of a text from another.
  stateOf({ uid }) { return this.#rendered === uid ? [this.#key(uid), this.#documents.has(this.#key(uid))] : null; }

  async toggle({ uid }, draw) {
    this.#rendered = this.#rendered === uid ? null : uid;
    draw();
    if (this.#rendered && !this.#documents.has(this.#key(uid))) {
      if (!await this.#load(uid)) this.#rendered = null;
      draw();
    }
  }

  async toggleBeside(box) {
    this.isBesideOpen = !this.isBesideOpen;
    box.hidden = !this.isBesideOpen;
    if (!this.isBesideOpen) return;
    const known = () => this.#documents.get(this.#key("guidelines"));
    fill(box, known() ? this.#frame(known(), "the guidelines") : "loading …");
    if (known()) return;
    await this.#load("guidelines");
    fill(box, known() ? this.#frame(known(), "the guidelines") : "The guidelines can’t be read now: press i again.");
  }

  forget(name) {
    for (const theme of ["light", "dark"]) this.#documents.delete(`${name} ${theme}`);
  }

  async #load(uid) {
    const key = this.#key(uid);
    try {
      const { rendered } = await this.#api.window({ render: uid, theme: this.#theme() });
      if (rendered) this.#documents.set(key, rendered.document);
    } catch (error) {
      if (error.code === undefined) throw error;
    }
    return this.#documents.has(key);
  }

  #key(uid) { return `${uid} ${this.#theme()}`; }

  #theme() { return getComputedStyle(this.#root).colorScheme.includes("dark") ? "dark" : "light"; }

  #frame(document, title) {
    const frame = element("iframe", { class: "mapd-frame", sandbox: "allow-same-origin", title });
    frame.srcdoc = document;
    frame.addEventListener("load", () => listen((key, event) => this.#take?.(key, event) ?? false, frame.contentWindow));
    return frame;
  }
}
