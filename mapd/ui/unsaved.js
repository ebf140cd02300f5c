// Shows what the server has not saved yet, and keeps in this tab what was typed on it. See unsaved.py.
if (!window.mapdUnsaved) {
  window.mapdUnsaved = true;
  const APP = '[data-testid="stApp"]';
  const PANEL = '[class*="st-key-hotpanel_"]';
  const BUTTONS = `.st-key-mapd_triage_actions button, ${PANEL} button`;
  const root = document.documentElement;
  const draft = (marker) => `mapd-draft ${marker.dataset.mapdDraft}`;

  // A button was pressed: "saving …" stands there until a run of the page has ended.
  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest?.(BUTTONS);
    if (pressed && !pressed.getAttribute("aria-haspopup")) root.classList.add("mapd-waits");
  }, true);

  // What is typed is kept under the text that it is on.
  document.addEventListener("input", ({ target }) => {
    const key = target.closest?.(PANEL)?.className.match(/st-key-hotpanel_([a-z])_/)?.[1];
    const marker = key && target.matches("textarea") && document.querySelector(`[data-mapd-field="${key}"]`);
    if (marker) sessionStorage.setItem(draft(marker), target.value);
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
      const { mapdField: key, mapdBegun: begun } = marker.dataset;
      const text = sessionStorage.getItem(draft(marker));
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
  new MutationObserver((records) => {
    const changed = records.some(({ type }) => type === "attributes");
    if (changed && document.querySelector(APP)?.dataset.testScriptState === "notRunning") root.classList.remove("mapd-waits");
    if (!asked) {
      asked = true;
      requestAnimationFrame(() => { asked = false; look(); });
    }
  }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-test-script-state"] });
  look();
}
