"""Waiting until the app is drawn and rests, told by what page and server say to each other: no pause can be too short.

resting.listen(context)                         # before its pages are opened; conftest does it for `page`
resting.load(page, app.url)
resting.visit(page, "browse?show=feedback")     # as back and forward do: nothing is loaded anew
with resting.after(page):                       # what makes the script run
    page.keyboard.press("a")
"""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, Page
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

# Numbers what is said over the socket: a run asked for, begun, ended to be followed by another, ended.
LISTEN = """({ ASKED, BEGUN, ENDED, EARLY }) => {
  const said = window.said = { number: 0, asked: 0, begun: 0, ended: 0 };
  const varint = (bytes, at) => {
    let value = 0, shift = 1;
    for (;; shift *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * shift;
      if (byte < 128) return [value, at];
    }
  };
  const fields = function* (data) {  // of a protobuf message: each field's number, and its value where that is a number
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
    for (let at = 0, tag, value; at < bytes.length;) {
      [tag, at] = varint(bytes, at);
      [value, at] = varint(bytes, at);
      if (tag % 8 === 2) at += value;
      yield [Math.floor(tag / 8), value];
    }
  };
  window.WebSocket = class extends WebSocket {
    constructor(...of) {
      super(...of);
      this.addEventListener("message", ({ data }) => {
        for (const [field, value] of fields(data)) {
          if (field === BEGUN) said.begun = ++said.number;
          if (field === ENDED && value !== EARLY) said.ended = ++said.number;
        }
      });
    }
    send(data) {
      for (const [field] of fields(data)) if (field === ASKED) said.asked = ++said.number;
      super.send(data);
    }
  };
}"""
NUMBERS = {
    "ASKED": BackMsg.RERUN_SCRIPT_FIELD_NUMBER,
    "BEGUN": ForwardMsg.NEW_SESSION_FIELD_NUMBER,
    "ENDED": ForwardMsg.SCRIPT_FINISHED_FIELD_NUMBER,
    "EARLY": ForwardMsg.FINISHED_EARLY_FOR_RERUN,
}
# A run was asked for since `since`, it has begun and ended, and for `ms` nothing else has been said or drawn.
RESTS = """([since, ms]) => {
  const app = document.querySelector('[data-testid="stApp"]'), now = performance.now(), { said } = window;
  const over = said.asked > since && said.asked < said.begun && said.begun < said.ended;
  const waits = document.querySelector('[data-testid="stSkeleton"]');  // for a part of streamlit's own script
  const drawn = app?.dataset.testScriptState === "notRunning" && !waits;
  if (!over || !drawn || window.restNumber !== said.number) window.restSince = now;
  window.restNumber = said.number;
  return now - window.restSince > ms;
}"""
VISIT = """path => {
  history.pushState({}, "", path);
  dispatchEvent(new PopStateEvent("popstate", { state: {} }));
}"""
SHORT = 120  # ms: what follows of itself (st.rerun) is asked for at once
PATIENCE = 120_000  # ms: a busy machine is no fault of the code


def listen(context: BrowserContext) -> None:
    """Listen on every page that is opened from now on."""
    context.add_init_script(f"({LISTEN})({NUMBERS})")


def load(page: Page, url: str, ms: int = SHORT) -> None:
    """Load the page anew."""
    page.goto(url)
    rest(page, 0, ms)


def visit(page: Page, path: str) -> None:
    """Go to another page of the app."""
    with after(page):
        page.evaluate(VISIT, f"/{path}")


@contextmanager
def after(page: Page, ms: int = SHORT) -> Iterator[None]:
    """Wait until the run that this makes has ended, and nothing follows it for `ms`."""
    since = page.evaluate("window.said.number")
    yield
    rest(page, since, ms)


def rest(page: Page, since: int, ms: int = SHORT) -> None:
    """Wait until a run asked for after number `since` has ended."""
    page.wait_for_function(RESTS, arg=[since, ms], polling=30, timeout=PATIENCE)
