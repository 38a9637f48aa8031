"""OpenAPI 3.1 from the routes and the signatures of their views, and a page that shows it.

    OpenAPI(app, title="rewards", version="1.0")        # GET /openapi.json, GET /docs

Read from the app: paths and URL values (Map's rules and converters), the query, the form, the headers and the JSON body
(parameters annotated with a Struct), the answer (the return annotation), summary and description (the docstring),
operationId (the endpoint), tags (the blueprint), and the problems that the framework itself answers. What a signature
can't say is said by `@operation`: on a view for that view, on a `before_request` hook for all views that the hook runs
before:

    @boards.delete("/<board>")
    @operation(responses={204: "deleted", 404: "there is no such board"})
    def delete_board(board: str) -> Response: ...

Nothing here runs before the first request for the document, which is built once and kept.
"""

from .endpoints import OpenAPI as OpenAPI
from .operations import Content as Content
from .operations import operation as operation
