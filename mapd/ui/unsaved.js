// Shows what the server has not saved yet, and keeps in this tab what was typed on it. See unsaved.py.
if (!window.mapdUnsaved) {
  window.mapdUnsaved = true;
  const PANEL = '[class*="st-key-hotpanel_"]';
  const BUTTONS = `.st-key-mapd_triage_actions button, ${PANEL} button`;
  const PRESSED = 'button, a[href], label, [role="option"]';
  const HEADER = '[data-testid="stHeader"]';
  const NOTICED = 400; // ms: a wait that is seen to be one
  const root = document.documentElement;
  const draft = (marker) => `mapd-draft ${marker.dataset.mapdDraft}`;

  const run = () => document.querySelector("[data-mapd-run]")?.dataset.mapdRun; // of the page, another each time
  const opens = (button) => button.getAttribute("aria-haspopup") !== null;
  const hold = (event) => { event.preventDefault(); event.stopImmediatePropagation(); };

  // Until the page has run for a press, "saving …" stands there and nothing else is taken: streamlit would drop a press
  // that it has not come to where another one arrives.
  let since = 0, before;
  const waits = () => root.classList.contains("mapd-waits") && run() && run() === before;
  const begin = () => {
    [since, before] = [performance.now(), run()];
    root.classList.add("mapd-waits");
    root.classList.remove("mapd-held");
  };
  const refuse = (event) => {
    hold(event);
    if (performance.now() - since > NOTICED) root.classList.add("mapd-held");
  };

  // A field that the server knows nothing of (any more), and that this button's press would take along. What was typed
  // in the session that is still there arrives with the press.
  const typed = new Map(); // by draft, in which session
  const here = () => document.querySelector("[data-mapd-session]")?.dataset.mapdSession;
  const of = (key) => `[class*="st-key-hot_${key}_"], [class*="st-key-hotpanel_${key}_"]`;
  const lost = (pressed) => [...document.querySelectorAll("[data-mapd-along]")].find(
    (marker) => opener(marker.dataset.mapdField)?.closest(".mapd-draft") && typed.get(draft(marker)) !== here()
      && marker.dataset.mapdAlong.split(" ").some((key) => key && pressed.closest(of(key))),
  );
  const opener = (key) => document.querySelector(`[class*="st-key-hot_${key}_"] button`);

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest?.(PRESSED);
    if (!pressed || opens(pressed) || pressed.closest(HEADER)) return;
    if (waits()) {
      refuse(event);
      return;
    }
    if (!pressed.matches(BUTTONS)) return;
    const marker = lost(pressed);
    if (marker) { // it is shown instead, and handed over by that
      hold(event);
      document.querySelector('[class*="st-key-hot_"] button[aria-expanded="true"]')?.click();
      opener(marker.dataset.mapdField).click();
    } else begin();
  }, true);

  // Streamlit's own key for the button behind a text.
  document.addEventListener("keydown", (event) => {
    const saves = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    if (saves && event.target.matches?.(`${PANEL} textarea`) && waits()) refuse(event);
  }, true);

  // What is typed is kept under the text that it is on.
  document.addEventListener("input", ({ target, isTrusted }) => {
    const key = target.closest?.(PANEL)?.className.match(/st-key-hotpanel_([a-z])_/)?.[1];
    const marker = key && target.matches("textarea") && document.querySelector(`[data-mapd-field="${key}"]`);
    if (!marker) return;
    sessionStorage.setItem(draft(marker), target.value);
    if (isTrusted) typed.set(draft(marker), here());
  }, true);

  // React takes a value over only where it comes as if typed; streamlit sends it on once the field is left.
  const type = (area, text) => {
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(area, text);
    area.dispatchEvent(new Event("input", { bubbles: true }));
    requestAnimationFrame(() => area.dispatchEvent(new FocusEvent("focusout", { bubbles: true })));
  };

  const look = () => {
    for (const { dataset: { mapdDone: name, mapdSaved: once } } of document.querySelectorAll("[data-mapd-done]")) {
      if (sessionStorage.getItem(`mapd-saved ${name}`) === once) continue;
      sessionStorage.setItem(`mapd-saved ${name}`, once);
      sessionStorage.removeItem(`mapd-draft ${name}`);
    }
    for (const marker of document.querySelectorAll("[data-mapd-draft]")) {
      const { mapdField: key, mapdBegun: begun, mapdSaid: said } = marker.dataset;
      let text = sessionStorage.getItem(draft(marker));
      if (text && !begun && JSON.parse(decodeURIComponent(said)).includes(text.trim())) {
        sessionStorage.removeItem(draft(marker)); // it was saved just before the server was lost
        text = null;
      }
      const lost = Boolean(text) && !begun; // the server knows nothing of it (any more)
      document.querySelector(`[class*="st-key-hot_${key}_"]`)?.classList.toggle("mapd-draft", lost);
      const area = document.querySelector(`[class*="st-key-hotpanel_${key}_"] textarea`);
      if (area && lost && area.value !== text) {
        type(area, text);
        setTimeout(look, 300); // a field that is only just being drawn may forget it
      }
    }
  };

  let asked = false;
  new MutationObserver(() => {
    if (!waits()) root.classList.remove("mapd-waits");
    if (!asked) {
      asked = true;
      requestAnimationFrame(() => { asked = false; look(); });
    }
  }).observe(document.body, { subtree: true, childList: true });
  look();
}
