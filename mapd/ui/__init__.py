"""The only place in `mapd/` that imports streamlit: safe text, colours, the current exam and person, the frame."""
