import subprocess

from tests import console

PAGE = """\
# Sample

```console
$ cd /
$ read one; read two; echo "$one $two" > {out}
Deploy? [y/N/more]: y
Type green to go on: green
```

<!-- not run: it would fail -->
```console
$ false
```

```console
$ pwd >> {out}
```
"""


def page(folder, text=PAGE):
    path = folder / "page.md"
    path.write_text(text.replace("{out}", str(folder / "out")))
    return path


def test_commands_with_what_is_typed(tmp_path):
    found = console.commands(page(tmp_path))
    assert [(each.place, each.answers) for each in found] == [
        ("page.md:4", []),
        ("page.md:5", ["y", "green"]),
        ("page.md:16", []),
    ]


def test_the_script_is_one_shell_and_feeds_the_answers(tmp_path):
    subprocess.run(["bash", "-c", console.script(page(tmp_path))], check=True, timeout=10)
    assert (tmp_path / "out").read_text() == "y green\n/\n"


def test_the_script_ends_where_a_command_fails(tmp_path):
    text = "\n```console\n$ true\n$ sh -c 'exit 3'\n$ echo never\n```\n"
    done = subprocess.run(
        ["bash", "-c", console.script(page(tmp_path, text))], capture_output=True, text=True, timeout=10
    )
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "exit code 3 at page.md:4: sh -c 'exit 3'"
