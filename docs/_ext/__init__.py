"""What builds the guide beside Sphinx, MyST and furo: extensions that docs/conf.py names, and build_site.py."""
