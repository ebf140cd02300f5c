"""`mapd openapi`: the app's routes, described."""

from mapd.cli.shared import AsJson, show


def openapi(as_json: AsJson = False) -> None:
    """Describe the app's routes in OpenAPI, as the code has them."""
    # Here: its library is not needed for the other commands.
    from mapd.api import routes

    show(routes.describe(), as_json, "The routes below /api; --json prints all of it.")
