"""Extensions of Sphinx for the guide; docs/conf.py names them."""
