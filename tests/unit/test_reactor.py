"""What the reactor keeps and finds: its section of config.yaml, reactions, pushes that wait, replays, the journal."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from kraftwerk import (
    admin,
    argv,
    events,
    flock,
    job,
    process,
    push,
    pushdeploy,
    reactions,
    reactor,
    reactoradd,
    replays,
    repository,
)
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import SOCKET_ROOM, master_sockets, private, share
from kraftwerk.push import Push
from kraftwerk.reactorconfig import ReactorConfig, Source

DONE = job.Job(0, ("Release 7 is live in 1.0s   http://mysite.blue",))
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config(text):
    admin.config_file().write_text(text)
    admin.config_file().chmod(0o600)
    return admin.load().reactor


def test_the_section_of_the_shipped_sample_is_one():
    assert config(admin.SAMPLE.read_text()) == ReactorConfig()
    lines = admin.SAMPLE.read_text().partition("#reactor:")
    found = config("".join(line.removeprefix("#") + "\n" for line in "".join(lines[1:]).splitlines()))
    assert found.address == ("127.0.0.1", 8787)
    assert found.projects["mysite"].branches == {"main": "production", "staging": "staging"}
    assert len(found.alerts) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("listen: 8787", "config.yaml:1: reactor.listen: '8787' is not an address and port"),
        ("port: 1", "config.yaml:1: reactor.port: unknown key"),
        ("interval: 1", "config.yaml:1: reactor.interval: must be between 5 and 86400, not 1"),
        ("projects: {My: {repository: x}}", "'My' is not a name"),
        ("projects: {a: {}}", "reactor.projects.a: repository missing"),
        ("projects: {a: {repository: --upload-pack=x}}", "is not an address or folder"),
        ("projects: {a: {repository: 'https://me:geheim@host/a'}}", "a.repository: must have no user or password"),
        ("projects: {a: {repository: 'https://geheim@host/a'}}", "a.repository: must have no user or password"),
        ("projects: {a: {repository: 'ssh://me:geheim@host/a'}}", "a.repository: must have no user or password"),
        ("projects: {a: {repository: x, branches: {-x: production}}}", "'-x' is not a branch's name"),
        ("projects: {a: {repository: x, branches: {'a b': production}}}", "'a b' is not a branch's name"),
        ("projects: {a: {repository: x, branches: {main: Prod}}}", "reactor.projects.a.branches.main: 'Prod'"),
    ],
)
def test_mistakes_are_named(text, told):
    with pytest.raises(KraftwerkError) as caught:
        config(f"reactor: {{{text}}}")
    assert told in caught.value.cause and "geheim" not in caught.value.cause


@pytest.mark.parametrize(
    "address", ["git@host:me/a.git", "ssh://git@host:22/a", "https://host/a@b.git", "/srv/a", "file:///srv/a:b@c", "."]
)
def test_repositories_of_all_kinds(address):
    found = config(f"reactor: {{projects: {{a: {{repository: '{address}'}}}}}}")
    assert found.projects["a"].repository == address


@pytest.mark.parametrize("branch", ["main", "feature/x-1", "größe", "release/1.2"])
def test_branches_of_all_kinds(branch):
    assert config(f"reactor: {{projects: {{a: {{repository: x, branches: {{{branch}: staging}}}}}}}}").projects["a"]


def test_add_keeps_comments_and_says_what_it_can_not_know(home):
    admin.ensure()
    assert reactoradd.add("mysite", "git@example.com:me/mysite.git", ["main=production"]) == (
        "mysite",
        Source("git@example.com:me/mysite.git", {"main": "production"}),
    )
    reactoradd.add("other", "/srv/other.git", ["main=production", "next=staging"])
    text = admin.config_file().read_text()
    assert text.startswith(admin.SAMPLE.read_text().splitlines()[0])
    assert set(yaml.safe_load(text)["reactor"]["projects"]) == {"mysite", "other"}
    with pytest.raises(KraftwerkError, match="which project"):
        reactoradd.add(None, None, [])
    with pytest.raises(KraftwerkError, match="fetched from"):
        reactoradd.add("mysite", None, [])
    with pytest.raises(KraftwerkError, match="is not BRANCH=ENVIRONMENT"):
        reactoradd.add("mysite", "x", ["main"])
    with pytest.raises(KraftwerkError, match="is not a branch's name"):
        reactoradd.add("mysite", "x", ["a..b=production"])
    assert admin.config_file().read_text() == text


def test_add_in_a_project_knows_it_all(home, monkeypatch):
    root = home / "mysite"
    root.mkdir()
    (root / "kraftwerk.yaml").write_text("wsgi: mysite\n")
    process.run(argv.git(root, "init", "--quiet", "--initial-branch=trunk"))
    process.run(argv.git(root, "remote", "add", "origin", "https://example.com/mysite.git"))
    monkeypatch.chdir(root)
    expected = Source("https://example.com/mysite.git", {"trunk": "production"})
    assert reactoradd.add(None, None, []) == ("mysite", expected)
    with pytest.raises(KraftwerkError, match="no environment prodction; did you mean production"):
        reactoradd.add(None, None, ["trunk=prodction"])


def test_reactions_are_found_and_an_own_one_wins(home):
    own = home / "salt" / "reactor" / "push.sls"
    own.parent.mkdir(parents=True)
    own.write_text("{# on: kraftwerk/push/* my/own #}\n")
    found = reactions.find([home / "salt", share("salt")])
    assert found["push.sls"] == own and found["created.sls"] == share("salt", "reactor", "created.sls")
    settings = {tag: paths for each in reactions.mapping(found.values()) for tag, paths in each.items()}
    assert settings["kraftwerk/push/*"] == settings["my/own"] == [str(own)]
    own.write_text("push:\n")
    with pytest.raises(KraftwerkError, match=r"push.sls:1: must name the events"):
        reactions.mapping([own])


def test_every_shipped_reaction_quotes_what_it_is_given():
    for path in share("salt", "reactor").glob("*.sls"):
        printed = [line for line in path.read_text().splitlines() if "{{" in line]
        assert reactions.tags(path) and all("| json }}" in line for line in printed), path


@pytest.fixture
def told(monkeypatch):
    """What was fired."""
    fired = []
    monkeypatch.setattr(events, "fire", lambda tag, data: fired.append((tag, data)))
    return fired


def a_push(environment="production", received=1.0, commit=COMMIT):
    return Push("mysite", "main", commit, environment, received=received)


def test_of_pushes_that_wait_the_newest_counts():
    push.note(a_push(received=2, commit="b" * 40))
    push.note(a_push(received=1))
    push.note(a_push("staging", received=0.5))
    assert [(each.environment, each.commit[0]) for each in push.pending("mysite")] == [
        ("staging", "0"),
        ("production", "b"),
    ]
    push.note(a_push(received=3))
    push.finish(a_push(received=2, commit="b" * 40))  # a later one came: it stays
    assert push.pending("mysite")[-1] == a_push(received=3)
    push.finish(a_push(received=3))
    push.finish(a_push("staging", received=0.5))
    assert push.pending() == []


def test_one_works_and_others_leave_it_to_him(monkeypatch):
    done = []
    monkeypatch.setattr(pushdeploy, "_deploy", lambda this, lock: done.append(this))
    push.note(a_push())
    with flock.held(push.at_work("mysite"), busy=""):
        pushdeploy.work("mysite")
        assert done == [] and pushdeploy.stranded() == set()
    assert pushdeploy.stranded() == {"mysite"}
    pushdeploy.work("mysite")
    assert done == [a_push()] and not push.pending()


def test_what_comes_while_one_works_is_done_by_him(monkeypatch):
    done = []

    def deploy(this, lock):
        done.append(this)
        if len(done) == 1:
            pushdeploy.receive(a_push(received=5))  # it finds the lock held, and leaves

    monkeypatch.setattr(pushdeploy, "_deploy", deploy)
    pushdeploy.receive(a_push())
    assert done == [a_push(), a_push(received=5)]


def test_a_deploy_whose_runner_was_killed_keeps_its_work_tree_to_itself(monkeypatch):
    with flock.held(push.at_work("mysite"), busy="") as lock:
        left = process.popen(["cat"], stdin=process.PIPE, keep=(lock,))
    push.note(a_push())
    assert pushdeploy.stranded() == set()
    pushdeploy.work("mysite")
    assert push.pending() == [a_push()]
    left.communicate()
    assert pushdeploy.stranded() == {"mysite"}
    given = []
    monkeypatch.setattr(pushdeploy, "_prepare", lambda this: Path("/"))
    monkeypatch.setattr(job, "run", lambda *_, keep, **__: given.append(flock.is_held(push.at_work("mysite"))) or DONE)
    pushdeploy.work("mysite")
    assert given == [True] and push.pending() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"project": "../../../../outside"},
        {"project": "a/b"},
        {"project": ["mysite"]},
        {"environment": "../production"},
        {"branch": "--upload-pack=x"},
        {"branch": "main\n"},
        {"commit": "HEAD"},
        {"commit": "--help"},
        {"commit": None},
    ],
)
def test_what_a_minion_could_fire_writes_no_file(home, changes):
    before = sorted(home.rglob("*"))
    with pytest.raises(KraftwerkError, match="this is no push"):
        pushdeploy.receive(replace(a_push(), **changes))
    assert sorted(home.rglob("*")) == before and not (home.parent / "outside").exists()


def test_a_push_goes_where_the_configuration_says_and_nowhere_else(told):
    config("reactor: {projects: {mysite: {repository: /nowhere, branches: {main: production}}}}")
    for wrong in (a_push("staging"), replace(a_push(), branch="idea"), replace(a_push(), project="another")):
        pushdeploy.receive(wrong)
    assert [what for what, _ in told] == ["kraftwerk/deploy/mysite/failed"] * 2 + ["kraftwerk/deploy/another/failed"]
    assert "branch main is not deployed to staging" in told[0][1]["reason"] and not push.pending()


def test_a_push_from_the_future_keeps_no_later_one_out(monkeypatch):
    done = []
    monkeypatch.setattr(pushdeploy, "_deploy", lambda this, lock: done.append(this))
    for received in (float("inf"), float("nan"), 1e300):
        pushdeploy.receive(a_push(received=received))
    assert len(done) == 3 and all(abs(this.received - time.time()) < 60 for this in done)


def test_a_failure_is_told_though_the_disk_is_full(home, told):
    (private(home / ".state" / "reactor") / "deploys").write_text("no folder: what is written into it fails")
    config("reactor: {}")
    pushdeploy.receive(a_push())
    assert [what for what, _ in told] == ["kraftwerk/deploy/mysite/failed"] and not push.pending()


def test_what_is_told_fits_into_any_reaction():
    odd = "a\x7fb\x9bc\ud800d\uffff" + "\x1b[1m\x00\n\u2028😀 {{ 7 * 7 }}"
    told = events._writable(odd)
    assert yaml.safe_load(json.dumps(told, ensure_ascii=False)) == told
    assert told == "a�b�c�d�" + odd[8:] and events._writable(1.5) == 1.5


def test_what_is_damaged_is_passed_over():
    push.note(a_push())
    events.keep("kraftwerk/x", {})
    with events.journal().open("a") as file:
        file.write('{"time": "20')
    next(events.journal().parent.glob("pushes/mysite/*.json")).write_text("")
    assert push.pending() == [] and len(events.last(5)) == 1
    push.note(a_push())
    assert push.pending() == [a_push()]


def test_replays_are_known_and_bounded(monkeypatch):
    monkeypatch.setattr(replays, "LAST", 3)
    for number in range(8):
        assert not replays.known("mysite", str(number))
        replays.remember("mysite", str(number))
    assert [replays.known("mysite", str(number)) for number in (2, 3, 7)] == [False, True, True]
    assert not replays.known("another", "7")
    assert replays.file_of("mysite").stat().st_mode & 0o777 == 0o600


def test_the_journal_is_bounded_and_holds_no_configuration(monkeypatch):
    events.keep("salt/auth", {"id": "x"})
    events.keep("salt/cloud/web1/requesting", {"name": "web1", "kwargs": {"password": "geheim"}})
    assert [each.as_dict()["data"] for each in events.last(5)] == [{"name": "web1"}]
    monkeypatch.setattr(events, "LIMIT", 100)
    for number in range(5):
        events.keep("kraftwerk/x", {"n": number, "_stamp": "now"})
    assert [each.data for each in events.last(2)] == [{"n": 3}, {"n": 4}]
    assert events.journal().stat().st_mode & 0o777 == 0o600


def test_following_goes_on_after_the_journal_was_moved_aside(monkeypatch):
    monkeypatch.setattr(events, "LIMIT", 100)
    events.keep("kraftwerk/before", {})
    seen = events.follow(timeout=5)
    for number in range(2):
        events.keep("kraftwerk/x", {"n": number})
    assert events.journal().with_suffix(".old").exists()
    assert [next(seen).data["n"], next(seen).data["n"]] == [0, 1]


def test_what_tells_why_a_command_failed():
    lines = [
        "migrate ✗",
        "Error: `manage.py migrate` failed",
        *(f"File {number}" for number in range(20)),
        "   ^^^^^",
        "Boom",
    ]
    told = job.telling(lines)
    assert len(told) == job.WORDS and told[0] == lines[1] and told[-2:] == ("File 19", "Boom")
    assert job.telling(lines[:4]) == tuple(lines[:4]) and job.telling([]) == ()
    assert job.reason(job.Job(1, told)).startswith("`manage.py migrate` failed\nFile ")


def test_an_event_in_one_line():
    data = {"project": "mysite", "commit": COMMIT, "reason": "two\nlines", "delivery": "", "received": 1.5}
    line = events.Event("2026-11-21T01:00:00.000+00:00", "kraftwerk/deploy/mysite/failed", data).line()
    assert line.partition(" kraftwerk")[2] == '/deploy/mysite/failed commit=01234567 reason="two …"'
    assert json.loads(events.Event("t", "kraftwerk/x", data).text())["data"] == data


def test_nobody_takes_an_event_where_no_reactor_runs():
    assert events.fire("kraftwerk/x", {}) is False


def test_sockets_have_short_paths_wherever_the_home_is(home):
    deep = private(home / ("a" * 60) / ("b" * 60))
    assert master_sockets(Path("/srv/m")) == Path("/srv/m/run")
    assert len(str(master_sockets(deep))) < SOCKET_ROOM
    assert master_sockets(deep) == master_sockets(deep) != master_sockets(private(home / ("c" * 100)))


def test_a_repository_is_fetched_checked_out_and_healed(home):
    origin = home / "origin"
    origin.mkdir()
    for words in (["init", "-q", "-b", "main"], ["config", "user.name", "A"], ["config", "user.email", "a@b"]):
        process.run(argv.git(origin, *words))
    commits = []
    for body in ("one", "two"):
        (origin / "site.py").write_text(body)
        process.run(argv.git(origin, "add", "."))
        process.run(argv.git(origin, "commit", "-q", "-m", body))
        commits.append(process.run(argv.git(origin, "rev-parse", "HEAD")).stdout.decode().strip())
    tip = repository.fetch("mysite", str(origin), "main")
    assert tip == commits[1] == repository.tip(str(origin), "main")
    assert repository.contains("mysite", tip, commits[0]) and not repository.contains("mysite", tip, COMMIT)
    folder = repository.check_out("mysite", commits[0])
    assert folder.name == "mysite" and (folder / "site.py").read_text() == "one"
    (folder / "left").write_text("by somebody")
    (folder / ".git" / "index.lock").touch()  # a git that was killed
    repository.fetch("mysite", str(origin), "main")
    repository.check_out("mysite", tip)
    assert (folder / "site.py").read_text() == "two" and not (folder / "left").exists()
    for absent in (
        lambda: repository.tip(str(origin), "gone"),
        lambda: repository.fetch("mysite", str(origin), "gone"),
    ):
        with pytest.raises(KraftwerkError):
            absent()


def test_an_address_that_this_computer_lacks_is_said_so():
    config("reactor: {listen: '127.0.0.1:9', interface: 203.0.113.9}")
    with pytest.raises(KraftwerkError, match=r"can't listen on 203\.0\.113\.9: this computer has no such address"):
        reactor.start()
