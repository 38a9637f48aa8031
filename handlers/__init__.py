"""The endpoints: HTTP to domain and back."""

from .app import create_app as create_app
