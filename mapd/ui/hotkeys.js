// Presses the button whose streamlit key is "hot_KEY" or begins with "hot_KEY_"; installed once a page load. See hotkeys.py.
// It listens before everybody else does (capture, on window): streamlit reruns the script on a bare "r".
if (!window.mapdHotkeys) {
  window.mapdHotkeys = true;
  const NAMES = { ArrowLeft: "left", ArrowRight: "right", "?": "help" };
  const PANEL = '[class*="st-key-hotpanel_"]';
  const SOON = 500; // ms: so long a panel may take to be there once its key is pressed
  const FRAMES = 40;
  const SCROLLS = ["pageup", "pagedown", " ", "arrowup", "arrowdown", "home", "end"];
  const LINE = 40; // px that an arrow scrolls

  const button = (within, key) => {
    const name = `st-key-hot_${CSS.escape(key)}`;
    return within.querySelector(`:is([class~="${name}"], [class*="${name}_"]) button:enabled`);
  };
  const panel = () => document.querySelector(PANEL);
  const main = () => document.querySelector('[data-testid="stMain"]');

  // A closed selectbox keeps the focus after a choice, but nobody types there.
  const typing = (element) => element.closest("input, textarea, select, [contenteditable=true]") !== null
    && !(element.getAttribute("role") === "combobox" && element.getAttribute("aria-expanded") !== "true");

  // Where Enter already means "press this".
  const presses = (element) => element.closest("button, a, summary, [role=button], [role=option], [role=menuitem]") !== null;

  // With shift they select, but for the space bar, which goes back.
  const scrolls = (event, key) => SCROLLS.includes(key) && (key === " " || !event.shiftKey);
  const scroll = (event, key) => {
    const box = document.querySelector('[data-testid="stPopoverBody"]') ?? main();
    const bar = box.querySelector('[data-testid="stBottom"]')?.offsetHeight ?? 0; // lies over the box's last lines
    const page = 0.9 * (box.clientHeight - bar);
    const all = box.scrollHeight;
    const by = { pageup: -page, pagedown: page, arrowup: -LINE, arrowdown: LINE, home: -all, end: all };
    box.scrollBy(0, by[key] ?? (event.shiftKey ? -page : page));
  };

  // "r" and then at once "1": the panel that "r" opens may need a frame or two.
  const pressSoon = (key, frames) => {
    const found = panel() && button(panel(), key);
    if (found) found.click();
    else if (frames > 0) requestAnimationFrame(() => pressSoon(key, frames - 1));
  };

  // A panel that is there to type in gets the focus, one with keys of its own where Tab asks for it; streamlit takes it
  // for the panel's frame a moment after opening.
  const focusSoon = (frames, asked = false) => {
    const field = panel()?.querySelector("textarea, input");
    const wanted = field && (asked || !panel().querySelector('[class*="st-key-hot_"]'));
    if (wanted && !panel().contains(document.activeElement)) field.focus();
    if (frames > 0) requestAnimationFrame(() => focusSoon(frames - 1, asked));
  };

  // Streamlit gives the focus back to the opener of a panel that is closed, where Enter would open it again.
  const releaseSoon = (opener, frames, top = main()?.scrollTop) => {
    if (!panel() && document.activeElement === opener) {
      opener.blur();
      main().scrollTop = top; // where the focus took it is nowhere one was
    } else if (frames > 0) requestAnimationFrame(() => releaseSoon(opener, frames - 1, top));
  };

  // A field that waits to be typed in gets the focus once it is there, unless somebody is elsewhere on the page.
  const WAITS = '[class*="st-key-hotfocus_"]';
  let given, typed; // the name of what had it last, and whether something was typed there
  const give = () => {
    const place = document.querySelector(WAITS);
    const name = place?.className.match(/st-key-hotfocus_\S+/)[0];
    const field = place?.querySelector("input, textarea");
    if (name === given || (place && !field)) return;
    [given, typed] = [name, false];
    const at = document.activeElement;
    if (!field || !(at === document.body || at?.closest('[class*="st-key-hot_"], form, [data-testid="stForm"]'))) return;
    field.focus();
    field.select();
  };
  const untouched = (element) => !typed && element.closest(WAITS) !== null;
  document.addEventListener("input", ({ target }) => { if (target.closest?.(WAITS)) typed = true; }, true);
  new MutationObserver(give).observe(document.body, { subtree: true, childList: true, attributeFilter: ["class"] });
  give();

  let opened = -SOON, tabbed = -SOON; // when a key opened a panel, and when Tab asked for its field
  const isSoon = (since) => performance.now() - since < SOON;
  const inPanel = (event, key, take) => {
    if (key === "tab" && !event.shiftKey && !panel()?.contains(event.target)) {
      if (!isSoon(opened) && !panel().querySelector("textarea, input")) return; // it may come after its panel
      take();
      tabbed = performance.now();
      focusSoon(FRAMES, true);
      return;
    }
    if (["escape", "tab", "enter"].includes(key)) return; // streamlit closes; the browser moves
    if (scrolls(event, key) && panel()?.contains(event.target)) return; // the browser scrolls, or presses
    if (key === " " && presses(event.target)) return;
    take();
    if (isSoon(tabbed)) return; // what comes before the field has the focus was meant for the field
    if (scrolls(event, key)) {
      scroll(event, key);
      return;
    }
    if (event.repeat) return;
    const opener = button(document, key);
    if (opener?.ariaExpanded === "true") { // the same key closes it
      opener.click();
      releaseSoon(opener, FRAMES);
    } else pressSoon(key, 30);
  };

  const listen = (event) => {
    const key = NAMES[event.key] ?? event.key.toLowerCase();
    if (key === "escape" && panel()) {
      // Streamlit takes over what was typed when the field is left; a panel that Escape closes would drop it. A draft
      // is kept; a value isn't, it would be saved.
      if (event.target.closest(`${PANEL} textarea`)) event.target.blur();
      releaseSoon(document.querySelector('[class*="st-key-hot_"] [aria-expanded="true"]'), FRAMES);
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(event.target) && !(["left", "right"].includes(key) && untouched(event.target))) return;
    if (!document.querySelector(".st-key-hotkeys") || document.querySelector('[role="dialog"] [data-testid="stDialog"]')) return;

    const take = () => { event.preventDefault(); event.stopImmediatePropagation(); };
    if (panel() || isSoon(opened)) {
      inPanel(event, key, take);
      return;
    }
    // What has the focus scrolls as the browser does it, and what it means is its own. Where nothing has it, the browser
    // would scroll the body, which can't be scrolled.
    if (scrolls(event, key) && event.target === document.body) {
      take();
      scroll(event, key);
      return;
    }
    if (key === "enter" && presses(event.target)) return;
    const target = button(document, key);
    if (!target) return;
    take();
    if (event.repeat) return;
    if (target.getAttribute("aria-haspopup")) {
      opened = performance.now();
      focusSoon(FRAMES);
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
