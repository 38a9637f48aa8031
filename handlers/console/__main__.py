"""`python -m handlers.console` compiles the templates, as compileall does modules: for who may write nothing later."""

from __future__ import annotations

from wz import App

from . import add_pages

add_pages(App("handlers.console")).compile()
