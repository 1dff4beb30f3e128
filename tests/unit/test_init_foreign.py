"""Templates of other people: found in folders and git, their questions, what they run, and how they are broken."""

import json
import subprocess

import pytest

from kraftwerk import clone
from kraftwerk.errors import KraftwerkError
from kraftwerk.newproject import answers, completion, cookies, copies, creation, layers, questions, source, trust
from kraftwerk.newproject.choice import Choice
from kraftwerk.webaddress import bare

COPIER = """project_name: {type: str}
module_name: {type: str, default: "{{ project_name | replace('-', '_') }}"}
colour: {type: str, choices: [red, blue], default: red}
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "home" / "templates"


def files(folder, contents):
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def theirs(tmp_path):
    return files(
        tmp_path / "theirs",
        {
            "copier.yml": COPIER,
            "{{module_name}}/app.py.jinja": "COLOUR = '{{ colour }}'\nSERVICES = {{ services }}\n",
            "{% if redis %}cache.py{% endif %}": "",
            "{{_copier_conf.answers_file}}.jinja": "{{ _copier_answers|to_nice_yaml }}",
        },
    )


def render(folder, into, choice, **options):
    contents = questions.read(folder, layers.structure(folder))
    copies.render(folder, into, answers.prepare(choice, contents), shown={}, **options)
    return into


def git(folder, *words):
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", "-C", folder, *identity, *words], check=True, capture_output=True)


def repository(folder, tag=""):
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")
    if tag:
        git(folder, "tag", tag)
    return folder


def test_a_template_of_copiers_is_used_as_it_is(theirs, tmp_path):
    made = render(theirs, tmp_path / "my-site", Choice("my-site", "theirs", ("rq",), data={"colour": "blue"}))
    assert (made / "my_site" / "app.py").read_text() == "COLOUR = 'blue'\nSERVICES = ['redis']\n"
    assert (made / "cache.py").exists() and not (made / "kraftwerk.yaml").exists()
    assert "project_name: my-site" in (made / ".copier-answers.yml").read_text()


@pytest.mark.parametrize(
    ("data", "said", "more"),
    [
        ({"colour": "green"}, "colour: 'green' is not in ['red', 'blue']", "add --data colour=…"),
        ({"color": "red"}, "--data color: the template doesn't ask that; did you mean colour?", ""),
        ({"x": "1"}, "--data x: the template doesn't ask that; it asks: project_name, module_name, colour", ""),
    ],
)
def test_answers_that_do_not_fit(theirs, tmp_path, data, said, more):
    with pytest.raises(KraftwerkError) as caught:
        render(theirs, tmp_path / "a", Choice("a", "theirs", data=data))
    assert (caught.value.cause, caught.value.next_command, caught.value.code) == (said, more, 2)


def test_a_question_without_a_default_is_named(theirs, tmp_path):
    (theirs / "copier.yml").write_text(f"{COPIER}licence: {{type: str}}\n")
    with pytest.raises(KraftwerkError, match="needs an answer for licence → add --data licence=…"):
        render(theirs, tmp_path / "a", Choice("a", "theirs"))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt.jinja", "1\n{% if %}", "a.txt.jinja:2: Expected an expression"),
        ("b.txt.jinja", "1\n2\n{{ x.y.z }}", "b.txt.jinja:3: 'x' is undefined"),
        ("{{ x.y }}.txt", "", "in the name of a file: {{ x.y }}.txt: 'x' is undefined"),
        ("copier.yml", "a: 1\nb: [\n", "copier.yml:3: "),
        ("copier.yml", "- a\n", "copier.yml: questions are wanted"),
        ("copier.yml", "_min_copier_version: '99'\n", "This template requires Copier version >= 99"),
    ],
)
@pytest.mark.parametrize("in_git", [False, True])
def test_a_broken_template_is_named_with_file_and_line(theirs, tmp_path, name, text, said, in_git):
    files(theirs, {name: text})
    if in_git:
        repository(theirs)
    with pytest.raises(KraftwerkError) as caught:
        render(theirs, tmp_path / "a", Choice("a", "theirs"))
    assert said in caught.value.cause and "\n" not in caught.value.cause and caught.value.code == 2


def test_what_would_run(theirs):
    tasks = "_tasks:\n  - make all\n  - [pip, install, x]\n  - {command: rm x}\n_jinja_extensions: [a.B]\n"
    (theirs / "copier.yml").write_text(COPIER + tasks)
    found = questions.read(theirs, "copier.yml")
    assert found.code == ("make all", "pip install x", "rm x", "the Jinja extension a.B")
    assert list(found.questions) == ["project_name", "module_name", "colour"]


def test_code_runs_when_somebody_said_so(theirs, tmp_path, monkeypatch, capsys):
    foreign = source.Source("theirs", theirs, "copier.yml")
    assert not trust.check(foreign, (), trust=False, ask=False)
    assert trust.check(foreign, ("make",), trust=True, ask=False)
    assert trust.check(source.Source("ours", theirs, "copier.yml", own=True), ("make",), trust=False, ask=False)
    with pytest.raises(KraftwerkError, match="theirs runs code on this computer: make; rm → read it, then add --trust"):
        trust.check(foreign, ("make", "rm"), trust=False, ask=False)
    for answer, result in ((True, True), (False, None)):
        monkeypatch.setattr("kraftwerk.screen.confirm", lambda question, answer=answer: answer)
        if result:
            assert trust.check(foreign, ("make",), trust=False, ask=True)
        else:
            with pytest.raises(KraftwerkError, match="nothing was made"):
                trust.check(foreign, ("make",), trust=False, ask=True)
    assert "theirs runs code on this computer, as you:\n  make\n" in capsys.readouterr().out


def test_tasks_that_are_hidden_in_another_file_do_not_run(theirs, tmp_path):
    files(theirs, {"copier.yml": "!include more.yml\n---\nproject_name: x\n", "more.yml": "_tasks: [touch ran]\n"})
    assert not questions.read(theirs, "copier.yml").complete
    with pytest.raises(KraftwerkError, match="runs code on this computer: tasks → read it, then add --trust"):
        render(theirs, tmp_path / "a", Choice("a", "theirs"))
    assert not (tmp_path / "a" / "ran").exists()
    assert (render(theirs, tmp_path / "b", Choice("b", "theirs"), trust=True) / "ran").exists()


def test_code_of_several_documents_and_of_files_that_are_included(theirs):
    (theirs / "copier.yml").write_text("_jinja_extensions: [a.B]\n---\n!include x.yml\n---\n_jinja_extensions: [c.D]\n")
    found = questions.read(theirs, "copier.yml").code
    assert found == ("the Jinja extension a.B", "the Jinja extension c.D", "what the files say that it includes")


def test_states_of_a_template_are_asked_about(tmp_path, monkeypatch):
    plain = files(tmp_path / "plain", {"salt/a/init.sls": "", "kraftwerk.yaml": "wsgi: a\n", "requirements.txt": ""})
    with pytest.raises(
        KraftwerkError, match=r"plain runs code on its nodes as root, and here: salt/, .* → read it, then"
    ):
        creation.create(Choice("a", str(plain)), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"plain"}
    monkeypatch.setattr(creation, "_install", lambda choice, folder: [])
    assert creation.create(Choice("a", str(plain)), tmp_path, may_run_code=True).files == 3


def test_nothing_is_written_through_a_link(theirs, tmp_path):
    plain = files(
        tmp_path / "plain", {"app.py": "import flask\napp = flask.Flask(__name__)\n", "requirements.txt": "flask"}
    )
    (plain / "pillar").symlink_to(tmp_path)
    _, told = completion.complete(Choice("plain"), plain)
    assert told == ["plain has no kraftwerk.yaml yet: pillar/base.sls is a link that leads out of the project"]
    assert not (tmp_path / "base.sls").exists() and not (plain / "kraftwerk.yaml").exists()


def test_a_django_project_without_static_or_media_root_gets_both(tmp_path):
    plain = files(
        tmp_path / "plain",
        {
            "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'a.settings')\n",
            "a/__init__.py": "",
            "a/settings.py": "INSTALLED_APPS = ['django.contrib.staticfiles']\nDEBUG = True\n",
            "a/wsgi.py": "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
            "requirements.txt": "django\n",
        },
    )
    assert completion.complete(Choice("plain", wanted=("files",)), plain)[0] == "django"
    added = (plain / "kraftwerk_settings.py").read_text()
    assert (
        'STATIC_ROOT = os.path.abspath(os.environ["STATIC_ROOT"])\nMEDIA_ROOT = os.environ["UPLOADS_PATH"]\n' in added
    )
    assert "files: --with" in (plain / "kraftwerk.yaml").read_text()


def test_a_folder_that_somebody_put_in_the_way_is_not_emptied(theirs, tmp_path):
    (tmp_path / ".a.kraftwerk-init").symlink_to(theirs)
    with pytest.raises(KraftwerkError, match="is in the way, and somebody else's"):
        creation.create(Choice("a", str(theirs)), tmp_path)
    assert (theirs / "copier.yml").exists()


def test_a_folder_and_a_name(theirs, home):
    with source.opened(str(theirs)) as found:
        assert found == source.Source("theirs", theirs, "copier.yml")
    files(home / "django", {"copier.yml": "a: 1\n"})
    files(home / "ours", {"app.py": ""})
    with source.opened("django") as found:
        assert (found.structure, found.own) == ("copier.yml", True), "a structure replaces the shipped one"
    with source.opened("ours") as found:
        assert (found.folder, found.structure) == (None, ""), "files lie over what all projects have"


def test_an_ordinary_project_is_copied_as_it_is(tmp_path):
    plain = files(tmp_path / "plain", {"{{x}}/app.py.jinja": "{{", ".git/config": "", "run": "", ".gitignore": "*.kw"})
    (plain / "run").chmod(0o755)
    (plain / "dangling").symlink_to("nowhere")
    with source.opened(str(plain)) as found:
        assert (found.folder, found.structure, found.own) == (plain, "", False)
    copies.as_it_is(plain, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"{{x}}", "run", ".gitignore", "dangling"}
    assert (tmp_path / "out" / "run").stat().st_mode & 0o777 == 0o755
    with pytest.raises(KraftwerkError, match="it asks: nothing"):
        answers.prepare(Choice("a", data={"x": "1"}), questions.read(plain, ""))


def test_an_empty_copier_yml_makes_a_template(tmp_path):
    plain = files(tmp_path / "plain", {"{{package}}/app.py.jinja": "'{{ template }}'", "copier.yml": ""})
    made = render(plain, tmp_path / "out", Choice("my-site", "plain"))
    assert (made / "my_site" / "app.py").read_text() == "'plain'"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("djangoo", "no template is called djangoo; did you mean django?; a folder or a git address does as well"),
        ("./nowhere", "there is no folder ./nowhere"),
    ],
)
def test_no_such_template(word, said):
    with pytest.raises(KraftwerkError) as caught, source.opened(word):
        pass
    assert caught.value.cause.startswith(said) and caught.value.code == 2


def test_a_password_in_an_address_is_gits_alone(tmp_path, monkeypatch):
    for name, value in (("COUNT", "1"), ("KEY_0", "a.b"), ("VALUE_0", "c")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    public, variables = clone.concealed("https://anna:s3cret@example.com/a/b.git")
    assert public == "https://example.com/a/b.git"
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    asked = subprocess.run(["git", "ls-remote", "--get-url", public], capture_output=True, text=True, cwd=tmp_path)
    assert asked.stdout.strip() == "https://anna:s3cret@example.com/a/b.git"
    assert clone.concealed("git@example.com:a/b.git") == ("git@example.com:a/b.git", {})


@pytest.mark.parametrize("word", ["wsgi", "."])
def test_versions_are_for_templates_in_git(word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KraftwerkError, match="--ref is for templates in git"), source.opened(word, "v1"):
        pass


def test_git_gives_the_newest_release_or_what_is_asked_for(theirs, tmp_path):
    repository(theirs, "v1.9")
    files(theirs, {"ten.txt": ""})
    repository(theirs, "v1.10")
    files(theirs, {"rc.txt": ""})
    repository(theirs, "v2.0rc1")
    address = f"file://{theirs}"
    for ref, expected in (("", {"ten.txt"}), ("main", {"ten.txt", "rc.txt"}), ("v1.9", set())):
        with source.opened(address, ref) as found:
            assert (found.label, found.structure, found.address) == ("theirs", "copier.yml", address)
            made = render(found.folder, tmp_path / (ref or "newest"), Choice("a", "t"), address=found.address)
            assert {path.name for path in made.glob("*.txt")} == expected
    assert not found.folder.exists()
    remembered = (tmp_path / "newest" / ".copier-answers.yml").read_text()
    assert f"_src_path: {address}\n" in remembered and "_commit: v1.10\n" in remembered, "for `copier update`"


def test_a_ref_that_does_not_exist(theirs):
    repository(theirs, "1.0")
    for template in (f"file://{theirs}", str(theirs)):
        with pytest.raises(KraftwerkError) as caught, source.opened(template, "--nope"):
            pass
        assert caught.value.cause.endswith("no branch, tag or commit of that name; its newest tags: 1.0")
        assert caught.value.code == 2


@pytest.mark.parametrize(
    ("text", "is_one", "long"),
    [
        ("https://example.com/a/b.git", True, "https://example.com/a/b.git"),
        ("git+https://example.com/a/b", True, "https://example.com/a/b"),
        ("git@example.com:a/b.git", True, "git@example.com:a/b.git"),
        ("ssh://git@example.com:22/a", True, "ssh://git@example.com:22/a"),
        ("gh:owner/name", True, "https://github.com/owner/name"),
        ("django", False, "django"),
        ("../templates/x", False, "../templates/x"),
        ("ext::sh -c x", False, "ext::sh -c x"),
        ("--upload-pack=x", False, "--upload-pack=x"),
    ],
)
def test_addresses(text, is_one, long):
    assert clone.is_address(text) == is_one
    assert clone.expanded(text) == long


def test_passwords_in_addresses_are_not_shown():
    assert bare("https://ada:secret@example.com/x.git") == "https://example.com/x.git"
    assert bare("https://ada:s@cret@example.com/x.git@main") == "https://example.com/x.git@main"
    assert bare("git@example.com:x.git") == "git@example.com:x.git"


@pytest.mark.parametrize(
    ("said", "cause", "more"),
    [
        (
            "fatal: could not read Username for 'https://example.com': terminal prompts disabled",
            "https://example.com/x.git is private, or there is no such repository: git has no password or key for it",
            "git ls-remote https://example.com/x.git",
        ),
        (
            "fatal: unable to access 'https://example.com/x.git/': Could not resolve host: example.com",
            "no way to https://example.com/x.git: Could not resolve host: example.com",
            "",
        ),
        (
            "remote: nope\nfatal: repository 'x' not found",
            "there is no git repository at https://example.com/x.git: repository 'x' not found",
            "",
        ),
        (
            "Host key verification failed.\nfatal: Could not read from remote repository.",
            "https://example.com/x.git: ssh doesn't know that server's key yet",
            "ssh -T git@example.com",
        ),
    ],
)
def test_what_git_refuses_is_said_clearly(said, cause, more):
    error = clone.refusal("https://example.com/x.git", said)
    assert (error.cause, error.next_command) == (cause, more)


def test_nothing_is_fetched_from_nowhere(tmp_path):
    with pytest.raises(KraftwerkError, match="there is no git repository at file:///"):
        clone.clone(f"file://{tmp_path}/none", tmp_path / "x", ask=False)
    with pytest.raises(KraftwerkError, match=r"no way to http://127\.0\.0\.1:9/x\.git: Failed to connect"):
        clone.clone("http://127.0.0.1:9/x.git", tmp_path / "x", ask=False)


SLUG = "{{ cookiecutter.project_name|slugify(separator='_') }}"
COOKIES = {
    "cookiecutter.json": json.dumps({"project_name": "x", "project_slug": SLUG, "licence": ["MIT", "BSD"]}),
    "{{cookiecutter.project_slug}}/app.py": "{{ cookiecutter.licence }}\n",
}


def bake(folder, into, choice):
    cookies.render(folder, into, answers.prepare(choice, questions.read(folder, "cookiecutter.json")))
    return into


def test_a_template_of_cookiecutters_is_used_as_it_is(tmp_path):
    folder = files(tmp_path / "cookie", {**COOKIES, "hooks/post_gen_project.py": "open('ran', 'w')"})
    assert questions.read(folder, "cookiecutter.json").code[1:] == ("hooks/post_gen_project.py",)
    (tmp_path / ".cookiecutterrc").write_text("default_context: {licence: BSD}\n")
    before = set(tmp_path.iterdir())
    made = bake(folder, tmp_path / "my-site", Choice("my-site", "cookie"))
    assert (made / "app.py").read_text() == "BSD\n" and (made / "ran").exists()
    assert set(tmp_path.iterdir()) - before == {made}
    made = bake(folder, tmp_path / "other", Choice("other", "cookie", data={"licence": "MIT"}))
    assert (made / "app.py").read_text() == "MIT\n"


@pytest.mark.parametrize(
    ("change", "data", "said"),
    [
        ({"cookiecutter.json": '{"a": 1,\n}'}, {}, "cookiecutter.json:2: "),
        ({"{{cookiecutter.project_slug}}/x.py": "1\n{% if %}"}, {}, "x.py:2: Expected an expression"),
        ({"{{cookiecutter.project_slug}}/x.py": "{{ cookiecutter.nmae }}"}, {}, "has no attribute 'nmae'"),
        ({}, {"licence": "GPL"}, "GPL provided for choice variable licence"),
    ],
)
def test_a_broken_one_is_named(tmp_path, change, data, said):
    folder = files(tmp_path / "cookie", {**COOKIES, **change})
    with pytest.raises(KraftwerkError) as caught:
        bake(folder, tmp_path / "a", Choice("a", "cookie", data=data))
    assert said in caught.value.cause and "\n" not in caught.value.cause and caught.value.code == 2
    assert not (tmp_path / "a").exists()


def test_a_hook_that_refuses(tmp_path, capfd):
    folder = files(tmp_path / "cookie", {**COOKIES, "hooks/pre_gen_project.py": "raise SystemExit('not on Mondays')"})
    with pytest.raises(KraftwerkError, match="a hook of the template refused or failed; what it said stands above"):
        bake(folder, tmp_path / "a", Choice("a", "cookie"))
    assert capfd.readouterr().err == "not on Mondays\n"


def test_names_that_follow_from_others_are_left_to_the_template(tmp_path):
    asked = {"project_name": "x", "project_slug": "{{ cookiecutter.project_name }}", "app_name": "", "repo_name": "r"}
    contents = questions.Contents(asked)
    assert answers.prepare(Choice("my-site"), contents).suggested == {
        "project_name": "my-site",
        "app_name": "my_site",
        "repo_name": "my-site",
    }


def test_what_copier_says_after_is_handed_on(theirs, tmp_path):
    (theirs / "copier.yml").write_text(f"{COPIER}_message_after_copy: Now call make in {{{{ project_name }}}}.\n")
    contents = questions.read(theirs, "copier.yml")
    said = copies.render(theirs, tmp_path / "a", answers.prepare(Choice("a", "t"), contents), shown={})
    assert said == "Now call make in a."


def test_an_extension_that_is_not_installed(theirs, tmp_path):
    (theirs / "copier.yml").write_text(f"{COPIER}_jinja_extensions: [nobody_has_this.Extension]\n")
    with pytest.raises(KraftwerkError, match=r"module nobody_has_this .* -m pip install nobody-has-this$"):
        render(theirs, tmp_path / "a", Choice("a", "t"), trust=True)


def test_an_extension_of_cookiecutters_that_is_not_installed(tmp_path):
    wanted = {"project_name": "x", "project_slug": SLUG, "_extensions": ["nobody_has_this.Extension"]}
    folder = files(tmp_path / "cookie", {**COOKIES, "cookiecutter.json": json.dumps(wanted)})
    with pytest.raises(KraftwerkError, match=r"module nobody_has_this .* -m pip install nobody-has-this$"):
        bake(folder, tmp_path / "a", Choice("a", "t"))
