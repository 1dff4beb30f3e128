"""Virtualenvs anywhere, made by whomever: named, read, compared with a wheelhouse, changed, and put back."""
