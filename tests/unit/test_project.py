"""kraftwerk.yaml and pillar files: defaults, precedence, names, and the commented sample."""

import json
import os
import re

import pytest

from kraftwerk import project
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.newproject import layers
from kraftwerk.newproject.choice import Choice

WHOLE = """
wsgi: mysite.wsgi:application
workers: 2
services: [postgres, files]
processes:
  mail: python manage.py send_queued_mail
cron:
  clear-sessions: {at: "17 3 * * *", run: python manage.py clearsessions}
release:
  - python manage.py migrate --noinput
  - python manage.py collectstatic --noinput
static: {/static/: staticfiles}
health: /
environ: {DJANGO_SETTINGS_MODULE: mysite.settings}
environments:
  staging:    {nodes: [blue]}
  production: {nodes: [web1], domain: [www.example.com], aliases: [example.com]}
"""


@pytest.fixture
def root(tmp_path):
    """Return the folder of a project that says only what it must."""
    folder = tmp_path / "mysite"
    (folder / "pillar").mkdir(parents=True)
    (folder / "kraftwerk.yaml").write_text("wsgi: mysite.wsgi\n")
    return folder


def mistakes(root):
    with pytest.raises(KraftwerkError) as caught:
        project.parse(root)
    assert caught.value.code == 2
    return caught.value.cause


def test_the_whole_file_of_the_design(root):
    (root / "kraftwerk.yaml").write_text(WHOLE)
    found = project.parse(root)
    assert found.nodes("staging") == ("blue",)
    assert found.nodes("production") == ("web1",)
    assert found.instance("production", "web1") == Instance(
        name="mysite",
        project="mysite",
        environment="production",
        wsgi="mysite.wsgi:application",
        workers=2,
        services=("postgres", "files"),
        processes={"mail": "python manage.py send_queued_mail"},
        cron={"clear-sessions": {"at": "17 3 * * *", "run": "python manage.py clearsessions"}},
        release=("python manage.py migrate --noinput", "python manage.py collectstatic --noinput"),
        static={"/static/": "staticfiles"},
        environ={"DJANGO_SETTINGS_MODULE": "mysite.settings"},
        domains=("www.example.com",),
        aliases=("example.com",),
        package="mysite",
    )
    assert found.instance("staging", "blue").domains == ("mysite-staging.blue",)


def test_only_wsgi_is_needed(root):
    instance = project.parse(root).instance("production", "blue")
    assert instance.wsgi == "mysite.wsgi:application"
    assert instance.domains == ("mysite.blue",)
    assert (instance.release, instance.static, instance.services) == ((), {}, ())
    assert Instance.from_dict(json.loads(json.dumps(instance.as_dict()))) == instance


def test_asgi_in_place_of_wsgi(root):
    (root / "kraftwerk.yaml").write_text("asgi: shop.main:create_app('production')\n")
    instance = project.parse(root).instance("production", "blue")
    assert (instance.wsgi, instance.asgi) == ("", "shop.main:create_app('production')")
    assert instance.application == "shop.main:create_app('production')"
    (root / "kraftwerk.yaml").write_text("wsgi: shop.wsgi\nasgi: shop.asgi\n")
    assert mistakes(root).endswith("kraftwerk.yaml:2: asgi: wsgi is given, too; only one of them can be served")


def test_a_later_file_may_serve_the_other_one(root):
    (root / "pillar" / "staging.sls").write_text("asgi: mysite.asgi\n")
    found = project.parse(root)
    assert found.instance("staging", "blue").application == "mysite.asgi:application"
    assert found.instance("staging", "blue").wsgi == ""
    assert found.instance("production", "blue").application == "mysite.wsgi:application"


def test_what_is_installed(root):
    text = "wsgi: shop.wsgi\nrequirements: [requirements/base.txt, more.in]\nextras: [redis]\ngroups: server\n"
    (root / "kraftwerk.yaml").write_text(text)
    instance = project.parse(root).instance("production", "blue")
    assert instance.requirements == ("requirements/base.txt", "more.in")
    assert (instance.extras, instance.groups, instance.install) == (("redis",), ("server",), False)
    assert Instance.from_dict(json.loads(json.dumps(instance.as_dict()))) == instance


def test_a_package_in_src_is_installed_unless_it_says_otherwise(root):
    def installed(text="wsgi: shop.wsgi\n"):
        (root / "kraftwerk.yaml").write_text(text)
        return project.parse(root).instance("production", "blue").install

    (root / "src" / "shop").mkdir(parents=True)
    assert not installed()
    (root / "pyproject.toml").touch()
    assert installed()
    assert not installed("wsgi: shop.wsgi\ninstall: false\n")
    assert not installed("wsgi: shop.wsgi\nsrc: src\n")
    (root / "shop.py").touch()
    assert not installed()
    assert installed("wsgi: shop.wsgi\ninstall: true\n")


def test_the_keys_of_2012(root):
    (root / "site").mkdir()
    (root / "kraftwerk.yaml").write_text(
        "domain: example.com\naliases: [www.example.com, example.com]\nservices: [postgres]\nworkers: 4\n"
        "wsgi: site.wsgi\nenviron: {A: b}\nsrc: site\npackage: shop.web\n"
    )
    instance = project.parse(root).instance("production", "blue")
    assert (instance.domains, instance.aliases) == (("example.com",), ("www.example.com",))
    assert (instance.src, instance.package, instance.workers) == ("site", "shop.web", 4)
    assert project.parse(root).instance("staging", "blue").domains == ("mysite-staging.blue",)


def test_a_django_project_needs_no_release_commands(root):
    (root / "manage.py").touch()
    instance = project.parse(root).instance("production", "blue")
    assert instance.release == project.DJANGO_RELEASE
    assert instance.static == project.DJANGO_STATIC
    (root / "kraftwerk.yaml").write_text("wsgi: mysite.wsgi\nrelease: []\nstatic: {}\n")
    instance = project.parse(root).instance("production", "blue")
    assert (instance.release, instance.static) == ((), {})


def test_a_variable_may_have_several_lines_and_nothing_that_a_terminal_obeys(root):
    (root / "kraftwerk.yaml").write_text('wsgi: a.wsgi\nenviron: {KEY: "one\\n\\ttwo\\n"}\n')
    assert project.parse(root).instance("production", "blue").environ == {"KEY": "one\n\ttwo\n"}
    (root / "kraftwerk.yaml").write_text('wsgi: a.wsgi\nenviron: {KEY: "\\e[31m"}\n')
    with pytest.raises(KraftwerkError, match=r"environ.KEY: .* is not text without control characters"):
        project.parse(root)


def test_pillar_wins_over_the_file_and_the_environment_over_base(root):
    (root / "kraftwerk.yaml").write_text(
        "wsgi: mysite.wsgi\nworkers: 1\nhealth: /file\nenviron: {A: file, B: file}\n"
        "environments: {staging: {domain: s.example.com}}\n"
    )
    (root / "pillar" / "base.sls").write_text("workers: 2\nhealth: /base\nenviron: {B: base, C: base}\nnginx: {x: y}\n")
    (root / "pillar" / "staging.sls").write_text("workers: 3\ndomain: pillar.example.com\n")
    found = project.parse(root)
    staging, production = found.deployment("staging"), found.deployment("production")
    assert (staging.workers, production.workers) == (3, 2)
    assert staging.health == production.health == "/base"
    assert staging.environ == {"A": "file", "B": "base", "C": "base"}
    assert (staging.domain, production.domain) == (("pillar.example.com",), ())
    assert found.sources("staging")["workers"].endswith("pillar/staging.sls")
    assert found.sources("production")["workers"].endswith("pillar/base.sls")


def test_mistakes_name_the_right_file(root, monkeypatch):
    monkeypatch.chdir(root)
    (root / "kraftwerk.yaml").write_text("wsgi: mysite.wsgi\nworker: 2\n")
    (root / "pillar" / "base.sls").write_text("# common\nworkers: none\n")
    (root / "pillar" / "staging.sls").write_text("health: here\n")
    assert mistakes(root).splitlines() == [
        "kraftwerk.yaml:2: worker: unknown key; did you mean workers?",
        "pillar/base.sls:2: workers: must be a whole number, not 'none'",
        "pillar/staging.sls:1: health: 'here' is not a URL's path, such as /",
    ]


@pytest.mark.parametrize(
    ("written", "part"),
    [
        ("workers: 2", ":1: wsgi: missing"),
        ("wsgi: my site", "wsgi: 'my site' is not module or module:callable"),
        ("asgi: my site", "asgi: 'my site' is not module or module:callable"),
        ("requirements: environment.yml", "'environment.yml' is no file of requirements; known are requirements.txt"),
        ("requirements: [../requirements.txt]", "leads out of the project"),
        ("install: 'yes'", "install: must be true or false, not 'yes'"),
        ("extras: [-x]", "extras[0]: '-x' is not the name of an extra or of a group"),
        ("services: [postgre]", "services[0]: unknown service postgre; did you mean postgres?"),
        ("services: [..]", "services[0]: '..' is not a name"),
        ("processes: {web: x}", "processes.web: web is what kraftwerk calls the web process"),
        ("processes: {my-web-a: x}", "my-web-a is what kraftwerk calls"),
        ("processes: {Mail: x}", "'Mail' is not a name"),
        ("processes: {mail: ''}", "processes.mail: '' is not a command on one line"),
        ("cron: {x: {at: daily, run: y}}", "cron.x.at: 'daily' is not five fields of cron"),
        ("cron: {x: {run: y}}", "cron.x: at missing"),
        ("static: {/static/: ../secrets}", "leads out of the project"),
        ("static: {/static/: a/../../b}", "leads out of the project"),
        ("static: {/static/: .}", "serves the whole source"),
        ("static: {/static/: /etc}", "'/etc' is not a folder inside the project"),
        ("static: {static: build}", "static.static: 'static' is not a URL that begins and ends with a slash"),
        ("src: ..", "src: '..' leads out of the project"),
        ("src: nowhere", "src: there is no folder nowhere"),
        ("health: 'https://x/'", "is not a URL's path"),
        ("environ: {A-B: c}", "environ.A-B: 'A-B' is not the name of an environment variable"),
        ('environ: {A: "b\\0C=d"}', "is not text without control characters"),
        ("domain: Example_com", "domain: 'Example_com' is not a domain"),
        ("domain: ['a.com; return 444']", "is not a domain"),
        ("environments: {staging: {node: blue}}", "environments.staging.node: unknown key; did you mean nodes?"),
        ("environments: {'../x': {}}", "environments.../x: '../x' is not a name"),
        ("environments: {staging: {nodes: ['-oProxy']}}", "'-oProxy' is not a node's name"),
        ("python: 2.7", "python: '2.7' is not a version of Python 3"),
        ("package: a/b", "package: 'a/b' is not the name of a Python package"),
    ],
)
def test_bad_values_are_refused(root, written, part):
    (root / "kraftwerk.yaml").write_text(written)
    assert part in mistakes(root)


@pytest.mark.parametrize("name", ["MySite", "my_site", "my.site", "-x", "x" * 64, "my site"])
def test_the_folder_must_be_a_hostname(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "kraftwerk.yaml").write_text("wsgi: x\n")
    assert "must be a name: lower-case letters, digits and dashes" in mistakes(tmp_path / name)


def test_the_name_of_an_instance_fits_a_linux_user(tmp_path):
    root = tmp_path / ("x" * 20)
    root.mkdir()
    (root / "kraftwerk.yaml").write_text("wsgi: x\n")
    found = project.parse(root)
    assert len(found.instance("production", "blue").user) <= 32
    with pytest.raises(KraftwerkError, match="has 28 characters, and the name of an instance at most 27"):
        found.instance("staging", "blue")


def test_an_environment_must_be_known(root):
    found = project.parse(root)
    with pytest.raises(KraftwerkError, match=r"mysite has no environment stagin; did you mean staging\?"):
        found.nodes("stagin")
    (root / "kraftwerk.yaml").write_text("wsgi: x\nenvironments: {qa: {nodes: green}}\n")
    assert project.parse(root).nodes("qa") == ("green",)


def test_a_service_of_the_projects_own(root):
    (root / "salt" / "services" / "search").mkdir(parents=True)
    (root / "kraftwerk.yaml").write_text("wsgi: x\nservices: [search]\n")
    assert tuple(project.parse(root).deployment("production").services) == ("search",)


def test_find_walks_up(root, tmp_path):
    (root / "a" / "b").mkdir(parents=True)
    assert project.find(root / "a" / "b").root == root
    with pytest.raises(KraftwerkError, match=r"there is no kraftwerk.yaml in .* or above it") as caught:
        project.find(tmp_path)
    assert caught.value.code == 2


@pytest.mark.parametrize("django", [True, False])
@pytest.mark.parametrize("services", [(), ("postgres", "files")])
@pytest.mark.parametrize("samples", [False, True])
def test_the_commented_sample(root, django, services, samples):
    """The file that `init` writes parses, and so do its samples once their # is taken away."""
    written = layers.sample(Choice("mysite", "django" if django else "wsgi", services))
    if samples:
        written = re.sub(r"(?m)^#(?=\S|  )", "", written)
    (root / "kraftwerk.yaml").write_text(written)
    instance = project.parse(root).instance("production", "blue")
    assert instance.services == services
    assert (instance.workers, instance.domains) == ((2, ("www.example.com",)) if samples else (None, ("mysite.blue",)))


def test_foreign_keys_of_pillar_files_are_for_states_of_the_project_s_own(root):
    (root / "pillar" / "base.sls").write_text("workers: 2\nmail: {host: a, port: 25}\nsince: 2026-01-02\n")
    (root / "pillar" / "staging.sls").write_text("mail: {host: b}\nnothing:\n")
    found = project.parse(root)
    staging = found.instance("staging", "blue")
    assert staging.pillar == {"mail": {"host": "b", "port": 25}, "since": "2026-01-02"}
    assert found.instance("production", "blue").pillar["mail"] == {"host": "a", "port": 25}
    assert Instance.from_dict(json.loads(json.dumps(staging.as_dict()))) == staging


def test_a_project_that_somebody_else_put_into_a_folder_of_everybody_is_none(tmp_path, monkeypatch):
    (tmp_path / "kraftwerk.yaml").touch()
    (tmp_path / "below").mkdir()
    tmp_path.chmod(0o1777)
    assert project.find_root(tmp_path / "below") == tmp_path
    if os.geteuid() == 0:
        os.chown(tmp_path / "kraftwerk.yaml", 1000, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 1)
    assert project.find_root(tmp_path / "below") is None
    tmp_path.chmod(0o755)
    assert project.find_root(tmp_path / "below") == tmp_path
