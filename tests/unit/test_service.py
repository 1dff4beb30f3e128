"""The services of a project and their options: three ways to write them, and every mistake in one line."""

import pytest

from kraftwerk import configdiff, configleaf, project, secret, service
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, save_node

CIPHER = "-----BEGIN AGE ENCRYPTED FILE-----\n      abc\n      -----END AGE ENCRYPTED FILE-----\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return the folder of a project with a service of its own that takes options."""
    folder = tmp_path / "mysite"
    own = folder / "salt" / "services" / "search"
    own.mkdir(parents=True)
    (folder / "pillar").mkdir()
    (own / "defaults.yaml").write_text(
        "takes:\n  node:\n  host:\n  url: {match: 'search://.+', meaning: a search server}\n  password:\n"
        "  size: {match: '\\d+', meaning: a number}\n  folders: {list: true}\n"
    )
    monkeypatch.chdir(folder)
    return folder


def parsed(root, services, **pillar):
    (root / "kraftwerk.yaml").write_text(f"wsgi: a.wsgi\nservices: {services}\n")
    for name, text in pillar.items():
        (root / "pillar" / f"{name}.sls").write_text(text)
    return project.parse(root)


def mistakes(root, services):
    with pytest.raises(KraftwerkError) as caught:
        parsed(root, services)
    assert caught.value.code == 2
    return caught.value.cause.splitlines()


@pytest.mark.parametrize(
    ("written", "names", "options"),
    [
        ("[files, search]", ("files", "search"), {}),
        ("files", ("files",), {}),
        ("[files, {search: {size: 3}}]", ("files", "search"), {"search": {"size": "3"}}),
        ("{search: {folders: [a, b]}, files: }", ("search", "files"), {"search": {"folders": ("a", "b")}}),
        ("{files: {}, search: {url: 'search://x/1'}}", ("files", "search"), {"search": {"url": "search://x/1"}}),
    ],
)
def test_three_ways_to_write_them(root, written, names, options):
    instance = parsed(root, written).instance("production", "blue")
    assert (instance.services, instance.options) == (names, options)


@pytest.mark.parametrize(
    ("written", "mistake"),
    [
        ("[searhc]", "services[0]: unknown service searhc; did you mean search?"),
        ("{Search: {}}", "services.Search: 'Search' is not a name: lower-case letters, digits and dashes"),
        ("{search: {siez: 3}}", "services.search.siez: unknown option; did you mean size?"),
        ("[{files: {x: 1}}]", "services[0].files.x: unknown option; files takes none"),
        (
            "{search: {zzz: 1}}",
            "services.search.zzz: unknown option; search takes node, host, url, password, size, folders",
        ),
        ("{search: {size: big}}", "services.search.size: 'big' is not a number"),
        ("{search: {node: a b}}", "services.search.node: 'a b' is not a node's name"),
        ("{search: 3}", "services.search: must be a mapping (key: value), not '3'"),
        ("[[a]]", "services[0]: must be one line of text, not a list"),
        ("3", "services: unknown service 3; there are"),
    ],
)
def test_each_mistake_is_one_line(root, written, mistake):
    assert [line for line in mistakes(root, written) if f"kraftwerk.yaml:2: {mistake}" in line]


@pytest.mark.parametrize("option", ["password: x", "url: 'search://me:secret@x/1'"])
def test_a_password_in_plain_text_is_refused(root, option):
    (line,) = mistakes(root, f"{{search: {{{option}}}}}")
    name = option.partition(":")[0]
    assert line.endswith(f"encrypted by: kraftwerk config set services.search.{name} --secret --env production")


def test_a_list_names_all_and_a_mapping_adds(root):
    pillar = {"base": f"services:\n  search:\n    password: |\n      {CIPHER}", "staging": "services: [search]\n"}
    found = parsed(root, "[files, {search: {size: 1}}]", **pillar)
    production, staging = found.instance("production", "blue"), found.instance("staging", "blue")
    assert (production.services, staging.services) == (("files", "search"), ("search",))
    assert production.options == staging.options
    assert secret.is_encrypted(production.options["search"].pop("password"))
    assert production.options == {"search": {"size": "1"}}


def test_where_a_service_lives(root):
    save_node(Node("db1", "192.0.2.7", "ssh"))
    found = parsed(root, "{search: {node: db1}}")
    web, db = found.instance("production", "web1"), found.instance("production", "db1")
    assert web.options == {"search": {"node": "db1", "host": "192.0.2.7"}}
    assert service.places(web.options) == {"search": "db1"}
    assert db.options == {}
    found = parsed(root, "{search: {node: db1, host: 10.0.0.7}}")
    assert found.instance("production", "web1").options["search"]["host"] == "10.0.0.7"
    found = parsed(root, "{search: {node: db1, url: 'search://x'}}")
    with pytest.raises(KraftwerkError, match=r"services\.search: node and url say two places"):
        found.instance("production", "web1")


def test_a_later_file_says_another_place(root):
    staging = "services: {search: {url: 'search://elsewhere/1'}}"
    found = parsed(root, "{search: {node: db1, host: 10.0.0.7, size: 1}}", staging=staging)
    assert found.instance("staging", "web1").options == {"search": {"url": "search://elsewhere/1", "size": "1"}}
    assert found.instance("production", "web1").options["search"]["node"] == "db1"
    found = parsed(root, "{search: {url: 'search://x'}}", staging="services: {search: {node: db2}}")
    assert found.instance("staging", "web1").options == {"search": {"node": "db2"}}


def test_config_shows_services_and_their_options(root):
    found = parsed(root, "[files]", production=f"services:\n  search:\n    password: |\n      {CIPHER}")
    leaves = {leaf.as_dict()["key"]: leaf.text() for leaf in configleaf.leaves(found, "production").values()}
    assert leaves["services"] == "files, search"
    assert leaves["services.search.password"] == "(encrypted)"
    changes = configdiff.deployed(parsed(root, "[search]").instance("staging", "b"), found.instance("staging", "b"))
    assert [each.line() for each in changes] == ["services: search → files"]


def test_anonymize_names_scripts_of_the_project_and_a_command(root):
    (root / "kraftwerk.yaml").write_text("wsgi: a.wsgi\nanonymize: {search: sql/a.sql, run: python -m x y}\n")
    instance = project.parse(root).instance("staging", "blue")
    assert instance.anonymize == {"search": "sql/a.sql", "run": "python -m x y"}
    (root / "kraftwerk.yaml").write_text("wsgi: a.wsgi\nanonymize: {search: ../a.sql}\n")
    with pytest.raises(KraftwerkError, match=r"anonymize\.search: '\.\./a\.sql' leads out of"):
        project.parse(root)
