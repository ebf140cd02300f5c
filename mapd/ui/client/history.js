// One press, one entry in the browser's history; what completes an address adds none. See browser_history.py.
const STILL = ["PageUp", "PageDown", "Tab", "Shift", "Control", "Alt", "Meta"]; // they lead nowhere
let isPressed = false; // since the last entry
const push = history.pushState.bind(history);
const replace = history.replaceState.bind(history);
const READ = ["after", "before", "mistake"]; // with another of these something else is read
const read = (url) => READ.map((key) => new URL(url, location.href).searchParams.get(key)).join();

// Streamlit replaces where a filter was set by hand, and adds an entry for whatever the server then says to it.
history.pushState = history.replaceState = (state, unused, url) => {
  const moves = isPressed && new URL(url ?? "", location.href).href !== location.href;
  if (moves) {
    isPressed = false;
    const main = document.querySelector('[data-testid="stMain"]');
    if (read(url) !== read(location.href)) main?.scrollTo(0, 0);
  }
  (moves ? push : replace)(state, unused, url);
};

const press = () => { isPressed = true; };
// A double click is one press.
window.addEventListener("mousedown", ({ detail }) => { if (detail < 2) press(); }, true);
window.addEventListener("keydown", ({ key }) => { if (!STILL.includes(key)) press(); }, true);
// The click at a pointer's end is no second press; one without a pointer (a hotkey, a screen reader) is a press.
window.addEventListener("click", ({ detail }) => { if (!detail) press(); }, true);
// Heard before streamlit answers it.
window.addEventListener("popstate", () => { isPressed = false; }, true);
