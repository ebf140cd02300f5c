"""The routes that triage's client speaks to: JSON over what review/ does. No streamlit here; app.py mounts them.

    app = st.App("app.py", routes=[Mount("/api", routes.make(house.HOUSE))])

    GET  /api/window      the person's next cards          access.py     who may: a token that the page handed out
    POST /api/decisions   what they decided                routes.py     the five routes and how they refuse
    POST /api/lease       what is in front of them
    GET  /api/history     what was said
    GET  /api/counts      how much there is to do

`mapd openapi` prints their description, which comes from the models in review/messages.py.
"""
