"""Compiled templates are kept, and only what was compiled the same way is taken again."""

import jinja2
import jinja2.sandbox

from kraftwerk.transport import templatecache


def environment(folder, calls, **options):
    """Return an environment whose templates are compiled through the cache; `calls` gets each that really was."""

    def stock(self, source, name=None, filename=None, raw=False, **more):
        calls.append(source)
        return jinja2.Environment.compile(self, source, name, filename, raw, **more)

    kept = templatecache.compiling(stock, folder, "1")

    class Environment(jinja2.sandbox.SandboxedEnvironment):
        compile = kept

    return Environment(**options)


def test_a_template_is_compiled_once_and_kept(tmp_path):
    calls = []
    for _ in range(2):
        each = environment(tmp_path, calls)
        assert [each.from_string("{{ a + 1 }}").render(a=number) for number in (1, 2)] == ["2", "3"]
    assert calls == ["{{ a + 1 }}"]


def test_other_options_are_another_template(tmp_path):
    calls = []
    text = "{% if true %}\nx{% endif %}"
    assert environment(tmp_path, calls).from_string(text).render() == "\nx"
    assert environment(tmp_path, calls, trim_blocks=True).from_string(text).render() == "x"
    assert len(calls) == 2


def test_what_a_filter_makes_of_a_constant_is_not_kept(tmp_path):
    """Such as `{{ 8 | random_str }}`, or `{{ '/etc/hosts' | file_hashsum }}`."""
    numbers = iter(range(9))
    for _ in range(2):
        each = environment(tmp_path, [])
        each.filters["next"] = lambda text: f"{text}{next(numbers)}"
        each.tests["odd_now"] = lambda _: next(numbers) % 2
        text = "{% set a = 'a' | next %}{{ a }} {{ 'b' | next | upper }} {{ 'c' | upper }} {{ 1 is odd_now }}"
        (first, second, upper, _) = each.from_string(text).render().split()
        assert (first[0], second[0], upper) == ("a", "B", "C")
    assert next(numbers) == 6


def test_a_damaged_file_is_made_anew(tmp_path):
    environment(tmp_path, []).from_string("{{ a }}")
    for path in tmp_path.iterdir():
        path.write_bytes(b"no code")
    assert environment(tmp_path, []).from_string("{{ a }}").render(a=1) == "1"


def test_they_are_their_owner_s_alone(tmp_path):
    folder = tmp_path / "kept"
    environment(folder, []).from_string("{{ a }}")
    assert folder.stat().st_mode & 0o077 == 0
