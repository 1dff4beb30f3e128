"""What existing projects are found to be: small trees of every kind, none of which is ever run."""

import pytest

from kraftwerk.detect.project import detect

DJANGO = {
    "manage.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n# django\n',
    "requirements.txt": "Django>=5\n",
    "shop/__init__.py": "",
    "shop/wsgi.py": (
        "import os\nfrom django.core.wsgi import get_wsgi_application\n"
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\napplication = get_wsgi_application()\n'
    ),
    "shop/urls.py": "from django.urls import path\nurlpatterns = [path('', lambda request: None)]\n",
}
STARTPROJECT = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "django-insecure-1"
DEBUG = True
ALLOWED_HOSTS = []
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
INSTALLED_APPS = ["django.contrib.staticfiles"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
STATIC_URL = "static/"
MEDIA_ROOT = BASE_DIR / "media"
"""
BY_ENVIRON = """
import environ
env = environ.Env(DEBUG=(bool, False))
BASE_DIR = environ.Path(__file__) - 2
SECRET_KEY = env("DJANGO_SECRET_KEY")
DEBUG = env.bool("DJANGO_DEBUG", default=True)
ALLOWED_HOSTS = env.list("DJANGO_HOSTS_ALLOWED", default=[])
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
DATABASES = {"default": env.db("SHOP_DB", default="postgres:///shop")}
CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": env("SHOP_CACHE_URL")}}
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATIC_URL = "/static/"
STATIC_ROOT = env("SHOP_STATIC_ROOT", default="collected")
"""
PARTS = """
import os
SECRET_KEY = os.environ.get("SECRET_KEY")
DEBUG = bool(os.environ.get("DEBUG"))
ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")
DATABASES = {
    "default": {
        "ENGINE": os.environ.get("DB_ENGINE", "django.db.backends.sqlite3"),
        "NAME": os.environ.get("POSTGRES_DB", "shop"),
        "USER": os.environ.get("POSTGRES_USER"),
        "PASSWORD": os.environ.get("POSTGRES_PASSWORD"),
        "HOST": os.environ.get("POSTGRES_HOST", "db"),
        "PORT": os.environ.get("POSTGRES_PORT", 5432),
    }
}
STATIC_ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "public", "static")
STATIC_URL = "/assets/"
"""


@pytest.fixture
def project(tmp_path):
    """Write files into a folder and say what they are found to be."""

    def write(files):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return detect(tmp_path)

    return write


def values(found, key):
    return {name: each.value for name, each in found.below(key).items()}


def test_a_project_as_startproject_makes_it_gets_settings_over_its_own(project):
    found = project({**DJANGO, "shop/settings.py": STARTPROJECT})
    assert (found.framework, found.value("wsgi")) == ("django", "shop.wsgi:application")
    assert values(found, "services") == {"sqlite": {}, "files": {}}
    assert values(found, "environ") == {"DJANGO_SETTINGS_MODULE": "kraftwerk_settings"}
    (added,) = found.additions.values()
    assert "from shop.settings import *" in added
    for line in (
        "DEBUG = False",
        'SECRET_KEY = os.environ["SECRET_KEY"]',
        'ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")',
        'MEDIA_ROOT = os.environ["UPLOADS_PATH"]',
        'STATIC_ROOT = os.path.abspath(os.environ["STATIC_ROOT"])',
        'STATIC_URL = os.environ.get("STATIC_URL", STATIC_URL)',
    ):
        assert line in added
    compile(added, "kraftwerk_settings.py", "exec")
    told = {each.text: str(each.place) for each in found.cautions}
    assert told["DEBUG is on"] == "shop/settings.py:5"
    assert told["SECRET_KEY stands in the code"] == "shop/settings.py:4"
    assert any("several nodes" in text for text in told)


def test_settings_that_follow_the_environment_need_no_file_only_names(project):
    packages = "Django>=5\ndjango-environ\npsycopg[binary]\ndjango-redis\n"
    found = project({**DJANGO, "shop/settings.py": BY_ENVIRON, "requirements.txt": packages})
    assert found.additions == {}
    assert values(found, "services") == {"postgres": {}, "redis": {}}
    assert values(found, "environ") == {
        "DJANGO_DEBUG": "0",
        "DJANGO_SECRET_KEY": "${SECRET_KEY}",
        "DJANGO_HOSTS_ALLOWED": "${ALLOWED_HOSTS}",
        "SHOP_DB": "${DATABASE_URL}",
        "SHOP_CACHE_URL": "${REDIS_URL}",
        "SHOP_STATIC_ROOT": "${STATIC_ROOT}",
        "DJANGO_SETTINGS_MODULE": "shop.settings",
    }
    assert found.below("environ")["SHOP_DB"].place.line == 10


def test_a_database_in_parts_gets_the_parts_of_its_address(project):
    found = project({**DJANGO, "shop/settings.py": PARTS, "requirements.txt": "Django\npsycopg2-binary\n"})
    assert found.additions == {}
    assert values(found, "environ") == {
        "DB_ENGINE": "django.db.backends.postgresql",
        "POSTGRES_DB": "${DATABASE_URL.name}",
        "POSTGRES_USER": "${DATABASE_URL.user}",
        "POSTGRES_PASSWORD": "${DATABASE_URL.password}",
        "POSTGRES_HOST": "${DATABASE_URL.host}",
        "POSTGRES_PORT": "${DATABASE_URL.port}",
        "DJANGO_SETTINGS_MODULE": "shop.settings",
    }
    assert found.value("static") == {"/assets/": "public/static"}


ASYNCHRONOUS = (
    "import os\nimport fastapi\nfrom sqlalchemy.ext.asyncio import create_async_engine\n"
    "engine = create_async_engine({read})\napp = fastapi.FastAPI()\n"
)


@pytest.mark.parametrize(
    ("read", "required", "service", "address"),
    [
        ('os.environ["DATABASE_URL"]', "aiosqlite", "sqlite", "sqlite+aiosqlite:///${SQLITE_PATH}"),
        (
            'os.getenv("SHOP_DB_URL", "sqlite+aiosqlite:///./x.db")',
            "aiosqlite",
            "sqlite",
            "sqlite+aiosqlite:///${SQLITE_PATH}",
        ),
        ('os.environ["DATABASE_URL"]', "asyncpg", "postgres", "postgresql+asyncpg://${DATABASE_URL.address}"),
        (
            'os.getenv("DATABASE_URL", "sqlite+aiosqlite:///./x.db")',
            "asyncpg\naiosqlite",
            "postgres",
            "postgresql+asyncpg://${DATABASE_URL.address}",
        ),
        (
            'os.getenv("DATABASE_URL", "postgresql://localhost/x").replace("://", "+asyncpg://")',
            "asyncpg",
            "postgres",
            "postgresql://${DATABASE_URL.address}",
        ),
        ('os.environ["DATABASE_URL"]', "psycopg", "postgres", "${DATABASE_URL}"),
    ],
)
def test_an_asynchronous_engine_gets_its_driver_in_the_address(project, read, required, service, address):
    found = project({"app.py": ASYNCHRONOUS.format(read=read), "requirements.txt": f"fastapi\n{required}\n"})
    assert values(found, "services") == {service: {}}
    assert next(iter(values(found, "environ").values()), "${DATABASE_URL}") == address


def test_split_settings_the_ones_for_servers_are_taken(project):
    files = {name: text for name, text in DJANGO.items() if name != "shop/wsgi.py"}
    manage = files["manage.py"].replace("shop.settings", "shop.settings.local")
    found = project(
        {
            **files,
            "manage.py": manage,
            "shop/settings/__init__.py": "",
            "shop/settings/base.py": STARTPROJECT,
            "shop/settings/local.py": "from .base import *\n",
            "shop/settings/production.py": (
                'import os\nfrom .base import *\nDEBUG = False\nALLOWED_HOSTS = ["*"]\n'
                'SECRET_KEY = os.environ["KEY"]\nSTATIC_ROOT = BASE_DIR / "static"\n'
            ),
        }
    )
    added = found.additions["kraftwerk_settings.py"]
    assert "from shop.settings.production import *" in added
    assert "DEBUG" not in added and "ALLOWED_HOSTS" not in added and "SECRET_KEY" not in added
    assert values(found, "environ")["KEY"] == "${SECRET_KEY}"
    assert found.value("static") == {"/static/": "shop/static"}


def test_a_folder_with_the_source_and_a_front_page_that_is_missing(project):
    files = {f"backend/{path}": text for path, text in DJANGO.items() if path != "requirements.txt"}
    files["backend/shop/urls.py"] = "urlpatterns = [path('admin/', admin.site.urls), path('healthz', ready)]\n"
    found = project({**files, "backend/shop/settings.py": STARTPROJECT, "requirements.txt": "Django\n"})
    assert (found.value("src"), found.value("health")) == ("backend", "/healthz")
    assert list(found.additions) == ["backend/kraftwerk_settings.py"]


def test_channels_are_served_by_asgi(project):
    settings = (
        STARTPROJECT.replace('["django.contrib.staticfiles"]', '["channels"]') + 'ASGI_APPLICATION = "shop.asgi.app"\n'
    )
    found = project({**DJANGO, "shop/settings.py": settings, "shop/asgi.py": "app = ProtocolTypeRouter({})\n"})
    assert (found.value("asgi"), found.value("wsgi")) == ("shop.asgi:app", None)


@pytest.mark.parametrize(
    ("files", "kind", "target", "src"),
    [
        ({"app.py": "from flask import Flask\napp = Flask(__name__)\n"}, "wsgi", "app:app", "."),
        ({"main.py": "import fastapi\napi = fastapi.FastAPI()\n"}, "asgi", "main:api", "."),
        (
            {"src/shop/__init__.py": "import flask\ndef create_app(config=None):\n    return flask.Flask(__name__)\n"},
            "wsgi",
            "shop:create_app()",
            "src",
        ),
        (
            {
                "shop/__init__.py": "from flask import Flask\ndef make(kind):\n    app = Flask(kind)\n    return app\n",
                "shop/wsgi.py": "from shop import make\nsite = make_app('x')\n",
            },
            "wsgi",
            "shop.wsgi:site",
            ".",
        ),
        ({"hello.py": "def application(environ, start_response):\n    return []\n"}, "wsgi", "hello:application", "."),
        ({"hello.py": "async def app(scope, receive, send):\n    pass\n"}, "asgi", "hello:app", "."),
        ({"web.py": "import bottle\napp = bottle.default_app()\n"}, "wsgi", "web:app", "."),
        (
            {
                "a.py": "from flask import Flask\napp = Flask('a')\n",
                "tests/app.py": "import flask\napp = flask.Flask(1)\n",
            },
            "wsgi",
            "a:app",
            ".",
        ),
    ],
)
def test_callables_are_found(project, files, kind, target, src):
    found = project({**files, "requirements.txt": "x\n"})
    assert (found.value(kind), found.src) == (target, src)
    assert found.value("asgi" if kind == "wsgi" else "wsgi") is None


def test_what_a_procfile_starts_wins_and_brings_its_workers(project):
    found = project(
        {
            "requirements.txt": "flask\n",
            "one.py": "from flask import Flask\napp = Flask('one')\n",
            "two.py": "from flask import Flask\nsite = Flask('two')\n",
            "Procfile": "web: gunicorn -w 2 -b :$PORT two:site\nmail_out: python mail.py\nrelease: python prepare.py\n",
        }
    )
    assert found.value("wsgi") == "two:site"
    assert values(found, "processes") == {"mail-out": "python mail.py"}
    assert found.value("release") == ["python prepare.py"]


def test_an_ini_file_gets_a_callable_and_is_installed(project):
    found = project(
        {
            "setup.py": 'from setuptools import setup\nsetup(name="shop", install_requires=["pyramid", "waitress"])\n',
            "shop/__init__.py": "def main(global_config, **settings):\n    return Configurator().make_wsgi_app()\n",
            "production.ini": "[app:main]\nuse = egg:shop\n",
        }
    )
    assert (found.framework, found.value("wsgi")) == ("pyramid", "kraftwerk_wsgi:application")
    assert found.value("install") is True
    assert '"production.ini"' in found.additions["kraftwerk_wsgi.py"]


def test_celery_with_its_beat_needs_redis(project):
    found = project(
        {
            "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\ndependencies = ["flask", "celery[redis]"]\n',
            "shop/__init__.py": "",
            "shop/web.py": "from flask import Flask\napp = Flask(__name__)\n",
            "shop/queue.py": "from celery import Celery\nqueue = Celery('shop')\nqueue.conf.beat_schedule = {}\n",
        }
    )
    assert values(found, "services") == {"redis": {"celery": "yes"}}
    assert values(found, "processes")["worker"] == "celery --app shop.queue worker --loglevel info"
    assert "beat" in values(found, "processes")


def test_a_server_of_its_own_is_told(project):
    found = project({"requirements.txt": "aiohttp\n", "app.py": "from aiohttp import web\napp = web.Application()\n"})
    assert (found.value("wsgi"), found.value("asgi")) == (None, None)
    assert found.cautions[0].text.startswith("aiohttp is a server of its own")


def test_code_that_no_python_can_read_and_odd_files_are_passed_over(project):
    found = project(
        {
            "requirements.txt": "flask\n",
            "old.py": "print 'hello'  # Flask\n",
            "zero.py": "Flask\0",
            "pyproject.toml": "not = [toml",
            "package.json": "{",
            "app.py": "from flask import Flask\napp = Flask(__name__)\n",
        }
    )
    assert found.value("wsgi") == "app:app"


def test_nothing_of_a_project_is_run(project, tmp_path):
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    project({"requirements.txt": "flask\n", "app.py": f"{trap}app = Flask(1)\n", "settings.py": trap, "setup.py": trap})
    assert not (tmp_path / "ran").exists()


def test_keys_that_other_services_gave_are_not_ours(project):
    code = "import os, stripe\nfrom flask import Flask\napp = Flask(__name__)\n"
    code += 'app.config["SECRET_KEY"] = os.environ["COUNTER_KEY"]\nstripe.api_key = os.environ["STRIPE_SECRET_KEY"]\n'
    code += 'github = os.environ["GITHUB_CLIENT_SECRET"]\nsigner = os.environ["SESSION_SECRET"]\n'
    found = project({"app.py": code, "requirements.txt": "flask\n"})
    assert values(found, "environ") == {"COUNTER_KEY": "${SECRET_KEY}", "SESSION_SECRET": "${SECRET_KEY}"}


def test_a_redis_that_is_a_cache_becomes_the_queue_as_well(project):
    cache = 'CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": env("CACHE_URL")}}\n'
    found = project(
        {
            **DJANGO,
            "requirements.txt": "Django\ncelery\n",
            "shop/settings.py": STARTPROJECT + cache,
            "shop/celery.py": "from celery import Celery\napp = Celery('shop')\n",
        }
    )
    assert values(found, "services")["redis"] == {"celery": "yes"}


@pytest.mark.parametrize(
    ("apps", "procfile", "release"),
    [
        ('["django.contrib.staticfiles"]', "", None),
        ('MORE + ["shop"]', "", None),
        ('["shop"]', "", ["python manage.py migrate --noinput"]),
        ('["shop"]', "release: python manage.py migrate", ["python manage.py migrate"]),
        (
            '["django.contrib.staticfiles"]',
            "release: python manage.py migrate",
            ["python manage.py migrate", "python manage.py collectstatic --noinput"],
        ),
    ],
)
def test_static_files_are_collected_where_there_are_any(project, apps, procfile, release):
    settings = STARTPROJECT.replace('["django.contrib.staticfiles"]', apps)
    found = project({**DJANGO, "shop/settings.py": settings, "Procfile": procfile})
    assert found.value("release") == release


def test_hosts_that_are_split_at_spaces_are_said_anew(project):
    settings = STARTPROJECT.replace("ALLOWED_HOSTS = []", 'import os\nALLOWED_HOSTS = os.environ["HOSTS"].split(" ")')
    found = project({**DJANGO, "shop/settings.py": settings})
    assert 'ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")' in found.additions["kraftwerk_settings.py"]
    assert values(found, "environ")["HOSTS"] == "${ALLOWED_HOSTS}"


def test_a_server_of_asgi_says_what_is_called(project):
    web = "web: uvicorn --log-config logging.conf shop:app\n"
    found = project({"shop.py": "app = make()\n", "requirements.txt": "x\n", "Procfile": web})
    assert (found.value("asgi"), found.value("wsgi")) == ("shop:app", None)


def test_a_manage_py_of_others_is_not_taken_for_djangos(project):
    app = "from flask import Flask\napp = Flask(__name__)\n"
    found = project({"app.py": app, "manage.py": "from app import app\n", "requirements.txt": "flask\n"})
    assert found.value("release") == []


def test_a_word_in_capitals_is_no_prefix_of_variables(project):
    code = "import os\nfrom flask import Flask\napp = Flask(__name__)\napp.secret_key = 'abc'\nos.environ.items()\n"
    code += "select = query.startswith('SELECT')\nheaders = name.startswith('HTTP_')\n"
    found = project({"app.py": code, "requirements.txt": "flask\n"})
    assert values(found, "environ") == {}
    assert "SECRET_KEY" in found.additions["kraftwerk_wsgi.py"]
    found = project({"app.py": code + "ours = name.startswith('SHOP_')\n"})
    assert values(found, "environ") == {"SHOP_SECRET_KEY": "${SECRET_KEY}"}


def test_another_kind_of_database_gets_nothing_of_ours(project):
    code = "import os\nfrom flask import Flask\napp = Flask(__name__)\n"
    code += 'os.environ["MONGO_DB_PASSWORD"], os.environ["DB_PASSWORD"]\n'
    found = project({"app.py": code, "requirements.txt": "flask\npsycopg\n"})
    assert values(found, "environ") == {"DB_PASSWORD": "${DATABASE_URL.password}"}


@pytest.mark.parametrize(
    ("code", "said", "added"),
    [
        ('os.environ.get("DJANGO_ENV", "dev") != "production"', {}, True),
        ('not bool(os.environ.get("PRODUCTION"))', {}, True),
        ('"RENDER" not in os.environ', {}, True),
        ('os.environ.get("SHOP_DEBUG", "true").lower() in ("1", "true")', {"SHOP_DEBUG": "0"}, False),
        ('os.environ.get("SHOP_DEBUG", "0") == "1"', {}, False),
    ],
)
def test_debug_is_off_whatever_it_follows(project, code, said, added):
    settings = STARTPROJECT.replace("DEBUG = True", f"import os\nDEBUG = {code}")
    found = project({**DJANGO, "shop/settings.py": settings})
    assert ("DEBUG = False" in found.additions["kraftwerk_settings.py"]) is added
    assert {name: value for name, value in values(found, "environ").items() if name != "DJANGO_SETTINGS_MODULE"} == said
