"""Keyboard keys for a page's buttons: the widget key names the key, the label shows it; client/room.js presses it.

st.button(keys.label("enter", "reveal"), key=keys.name("enter", uid))
with st.container(key=keys.focus_name(uid)): …  # its first field gets the focus, once
scripts.run("room")                             # once, at the page's end
"""

KEY_SIGNS = {"left": "←", "right": "→", "enter": "Enter"}


def name(key: str, uid: str) -> str:
    """Return a widget key that gives the button this key."""
    return f"hot_{key}_{uid}"


def focus_name(uid: str) -> str:
    """Return a container key that gives the container's first field the focus, once: people type there first.

    Until they type something the left and right arrows stay the page's keys.
    """
    return f"hotfocus_{uid}"


def label(key: str, words: str = "") -> str:
    """Return a button's label that shows its key."""
    return f"`{KEY_SIGNS.get(key, key)}` {words}".rstrip()
