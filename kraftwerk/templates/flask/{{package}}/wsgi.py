"""What gunicorn calls: the `wsgi` of kraftwerk.yaml."""

from . import create_app

application = create_app()
