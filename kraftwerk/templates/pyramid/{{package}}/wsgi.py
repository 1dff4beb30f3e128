"""What gunicorn calls: the `wsgi` of kraftwerk.yaml."""

from . import main

application = main()
