// Rendered documents (the guidelines, a text's maths) in frames that run nothing: the server makes and cleans them.

import { note } from "./chips.js";
import { element } from "./dom.js";
import { listen } from "../keys.js";

export class Frames {
  #triage; #take;
  #open = new Set(); // uids, or "guidelines"
  #documents = new Map(); // by uid, version and theme; "" while it is on its way

  // `take` hears the keys that are pressed within a frame: they are the page's keys, too.
  constructor(triage, take) {
    this.#triage = triage;
    this.#take = take;
  }

  isOpen(uid) { return this.#open.has(uid); }

  toggle(uid) {
    if (!this.#open.delete(uid)) this.#open.add(uid);
  }

  // The frame of a document, which is asked for where it isn't at hand yet, in this version.
  draw(uid, title, version = "") {
    const isDark = getComputedStyle(this.#triage.root).colorScheme.includes("dark");
    const theme = isDark ? "dark" : "light";
    const key = `${uid} ${version} ${theme}`;
    if (!this.#documents.has(key)) this.#load(uid, theme, key);
    const srcdoc = this.#documents.get(key);
    if (!srcdoc) return note("loading …");
    const onload = ({ target }) => listen(this.#take, target.contentWindow);
    const attributes = { sandbox: "allow-same-origin", srcdoc, title, identity: key, onload };
    return element("iframe.mapd-frame", attributes);
  }

  async #load(uid, theme, key) {
    this.#documents.set(key, "");
    const reply = await this.#triage.ask((api) => api.window({ render: uid, theme }));
    this.#documents.set(key, reply?.rendered?.document);
    if (!reply?.rendered) { // said by now; to open it again asks again
      this.#open.delete(uid);
      this.#documents.delete(key);
    }
    this.#triage.draw();
  }
}
