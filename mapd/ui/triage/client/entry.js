// Starts triage in the element that the page draws, and ends it when streamlit takes the element away.

import { dress } from "./chips.js";
import { Triage } from "./triage.js";

const NAME = "mapd-triage";
let shown = null; // { root, triage }

function look() {
  const root = document.getElementById(NAME);
  if (root === (shown?.root ?? null)) return;
  shown?.triage.leave();
  shown = null;
  if (!root) return;
  const { token, base, exam, person, look: colours } = root.dataset;
  dress(JSON.parse(colours));
  shown = { root, triage: new Triage(root, { token, base, exam, person }) };
}

new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
look();
