"""The only place in `mapd/` that imports streamlit: safe text, the look, the current exam and person, the frame."""
