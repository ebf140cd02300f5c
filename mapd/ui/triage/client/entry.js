// Starts triage in the element that the page draws, and ends it when streamlit takes it away.

import { dress } from "./chips.js";
import { Triage } from "./triage.js";

let root = null;
let triage = null;

function follow() {
  const element = document.getElementById("mapd-triage");
  if (element === root) return;
  triage?.leave();
  [root, triage] = [element, null];
  if (!root) return;
  dress(JSON.parse(root.dataset.look));
  triage = new Triage(root);
}

new MutationObserver(follow).observe(document.body, { subtree: true, childList: true });
follow();
