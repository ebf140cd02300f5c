"""Keys for a streamlit page's buttons: the button's own key says which, its label shows it; client/room.js presses it.

st.button(keys.label("enter", "reveal"), key=keys.name("enter", uid))
with st.container(key=keys.waiting(uid)): …     # its first field has the focus, once
scripts.run("room")                             # once, at the page's end
"""

KEY_SIGNS = {"left": "←", "right": "→", "enter": "Enter"}


def name(key: str, uid: str) -> str:
    """Return a widget key that gives the button this key."""
    return f"hot_{key}_{uid}"


def focus_name(uid: str) -> str:
    """Return a container key that gives the container's first field the focus, once: what one does first is to type.

    Until something is typed the arrows to the left and right are the page's keys in it, too.
    """
    return f"hotfocus_{uid}"


def label(key: str, words: str = "") -> str:
    """Return a button's label that shows its key."""
    return f"`{KEY_SIGNS.get(key, key)}` {words}".rstrip()
