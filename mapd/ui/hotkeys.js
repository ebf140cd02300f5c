// Presses the button whose streamlit key begins with "hot_KEY_"; installed once a page load. See hotkeys.py.
// It listens before everybody else does (capture, on window): streamlit reruns the script on a bare "r".
if (!window.mapdHotkeys) {
  window.mapdHotkeys = true;
  const NAMES = { ArrowLeft: "left", ArrowRight: "right", "?": "help" };
  const PANEL = '[class*="st-key-hotpanel_"]';

  const button = (within, key) => within.querySelector(`[class*="st-key-hot_${CSS.escape(key)}_"] button:enabled`);
  const panel = () => document.querySelector(PANEL);

  // A closed selectbox keeps the focus after a choice, but nobody types there.
  const typing = (element) => element.closest("input, textarea, select, [contenteditable=true]") !== null
    && !(element.getAttribute("role") === "combobox" && element.getAttribute("aria-expanded") !== "true");

  // Where Enter already means "press this".
  const presses = (element) => element.closest("button, a, summary, [role=button], [role=option], [role=menuitem]") !== null;

  // "r" and then at once "1": the panel that "r" opens may need a frame or two.
  const pressSoon = (key, frames) => {
    const found = panel() && button(panel(), key);
    if (found) found.click();
    else if (frames > 0) requestAnimationFrame(() => pressSoon(key, frames - 1));
  };

  // A panel that is there to type in gets the focus; streamlit takes it for the panel's frame a moment after opening.
  const focusSoon = (frames) => {
    const field = panel()?.querySelector("textarea");
    if (field && document.activeElement !== field) field.focus();
    if (frames > 0) requestAnimationFrame(() => focusSoon(frames - 1));
  };

  let opener = null; // the key that opened a panel, until the panel has been seen to be gone
  const listen = (event) => {
    const key = NAMES[event.key] ?? event.key.toLowerCase();
    // Streamlit takes over what was typed when the field is left; a panel that Escape closes would drop it.
    if (key === "escape" && event.target.closest(`${PANEL} textarea, ${PANEL} input`)) event.target.blur();
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (!document.querySelector(".st-key-hotkeys") || document.querySelector('[role="dialog"] [data-testid="stDialog"]')) return;
    if (!panel() && opener && performance.now() - opener.at > 500) opener = null;

    const take = () => { event.preventDefault(); event.stopImmediatePropagation(); };
    if (panel() || opener) {
      if (key === "escape" || key === "tab" || key === "enter" || key === " ") return; // streamlit closes; the browser moves
      take();
      if (event.repeat) return;
      const again = button(document, key);
      if (opener && key === opener.key && again) { opener = null; again.click(); } // the same key closes it
      else pressSoon(key, 30);
      return;
    }
    if (key === "enter" && presses(event.target)) return;
    const target = button(document, key);
    if (!target) return;
    take();
    if (event.repeat) return;
    if (target.getAttribute("aria-haspopup")) {
      opener = { key, at: performance.now() };
      focusSoon(40);
    }
    target.click();
  };
  window.addEventListener("keydown", listen, true);

  // A rendered text is a frame (rendered.py): with the focus in it, its keys are pressed in there.
  window.addEventListener("blur", () => {
    const frame = document.activeElement;
    if (frame?.closest('[class*="st-key-mapd_rendered_"]')) frame.contentWindow.addEventListener("keydown", listen, true);
  });
}
