"""YAML into dataclasses: what is taken, and what each mistake is told."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from kraftwerk import schema
from kraftwerk.errors import KraftwerkError
from kraftwerk.schema import anything, list_of, mapping_of, number, one_of, record, setting, text


@dataclass(frozen=True)
class Job:
    """A part with a key that must be given."""

    run: str = setting(text())
    at: str = setting(text(), default="noon")


@dataclass(frozen=True)
class Sample:
    """One key for each kind of parser."""

    name: str = setting(text("[a-z]+", "a lower-case word"), default="x")
    count: int | None = setting(number(1, 9), default=None)
    mode: str = setting(one_of("ask", "always", "never"), default="ask")
    words: tuple[str, ...] = setting(list_of(text(), or_one=True), default=())
    pairs: Mapping[str, str] = setting(mapping_of(text(), "[A-Z]+", "in capitals"), default_factory=dict)
    jobs: Mapping[str, Job] = setting(mapping_of(record(Job), "[a-z]+", "a word"), default_factory=dict)
    free: object = setting(anything, default=None)


def parse(folder, written):
    file = folder / "sample.yaml"
    file.write_text(written)
    problems = []
    given = schema.given(Sample, schema.load(file, problems))
    schema.check(problems)
    return Sample(**given)


@pytest.fixture
def mistakes(tmp_path, monkeypatch):
    """Return a function that returns the lines that some YAML is answered with."""
    monkeypatch.chdir(tmp_path)

    def of(written):
        with pytest.raises(KraftwerkError) as caught:
            parse(tmp_path, written)
        assert caught.value.code == 2
        return caught.value.cause.splitlines()

    return of


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", Sample()),
        ("# only a comment\n", Sample()),
        ("{}", Sample()),
        ("name:\ncount: ~\n", Sample()),
        ("count: 3", Sample(count=3)),
        ("words: one", Sample(words=("one",))),
        ("words: [one, 2, yes, one]", Sample(words=("one", "2", "yes"))),
        ("pairs: {A: 1.10, B: true, C: 0755, D: ''}", Sample(pairs={"A": "1.10", "B": "true", "C": "0755", "D": ""})),
        ("jobs: {a: {run: x}}", Sample(jobs={"a": Job("x")})),
        ("free: {deep: [1, {x: y}]}", Sample(free={"deep": [1, {"x": "y"}]})),
        ("words: &w [a]\nfree: *w", Sample(words=("a",), free=["a"])),
    ],
)
def test_what_is_taken(tmp_path, written, expected):
    assert parse(tmp_path, written) == expected


def test_a_missing_file_gives_nothing(tmp_path):
    problems = []
    assert schema.given(Sample, schema.load(tmp_path / "none.yaml", problems)) == {}
    assert problems == []


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("nmae: x", "sample.yaml:1: nmae: unknown key; did you mean name?"),
        ("zzz: x", "sample.yaml:1: zzz: unknown key"),
        ("name: Loud", "sample.yaml:1: name: 'Loud' is not a lower-case word"),
        ("name: [x]", "sample.yaml:1: name: must be a lower-case word, not a list"),
        ("\ncount: many", "sample.yaml:2: count: must be a whole number, not 'many'"),
        ("count: '3'", "sample.yaml:1: count: must be a whole number, not '3'"),
        ("count: 10", "sample.yaml:1: count: must be between 1 and 9, not 10"),
        ("mode: nevr", "sample.yaml:1: mode: 'nevr' is not one of ask, always, never; did you mean never?"),
        ("words: {a: b}", "sample.yaml:1: words: must be a list, not a mapping"),
        ("words:\n- a\n- [b]", "sample.yaml:3: words[1]: must be one line of text, not a list"),
        ('words: ["a\\nb"]', "sample.yaml:1: words[0]: 'a\\nb' is not one line of text"),
        ("pairs: [a]", "sample.yaml:1: pairs: must be a mapping (key: value), not a list"),
        ("pairs:\n  low: 1", "sample.yaml:2: pairs.low: 'low' is not in capitals"),
        ("jobs: {a: {at: x}}", "sample.yaml:1: jobs.a: run missing"),
        ("jobs:\n  a:\n    rnu: x\n    run: y", "sample.yaml:3: jobs.a.rnu: unknown key; did you mean run?"),
        ("jobs:\n  a: {run: [x]}", "sample.yaml:2: jobs.a.run: must be one line of text, not a list"),
        ("name: x\nname: y", "sample.yaml:2: name: given twice"),
        ("? [a]\n: b", "sample.yaml:1: a key must be a word"),
        ("- a", "sample.yaml:1: must be a mapping (key: value), not a list"),
        ("just words", "sample.yaml:1: must be a mapping (key: value), not 'just words'"),
        ("free: 2020-99-99", "sample.yaml:1: free: not plain YAML: month must be in 1..12"),
        ("words: [a\nname: x", "sample.yaml:2: not valid YAML: expected ',' or ']', but got ':'"),
        ("{% if x %}", "sample.yaml:1: not valid YAML: found character '%' that cannot start any token"),
    ],
)
def test_each_mistake_has_file_line_key_and_suggestion(mistakes, written, line):
    assert mistakes(written) == [line]


def test_all_mistakes_are_told_at_once(mistakes):
    lines = mistakes("nmae: x\ncount: many\nwords: [[], {}]\njobs: {a: {}, B: 1}")
    assert [line.split(": ")[1] for line in lines] == ["nmae", "count", "words[0]", "words[1]", "jobs.a", "jobs.B"]


def test_bytes_that_are_no_text_are_told(tmp_path):
    (tmp_path / "sample.yaml").write_bytes(b"name: \xff")
    with pytest.raises(KraftwerkError, match="can't be read"):
        schema.load(tmp_path / "sample.yaml", [])


def test_foreign_keys_pass_unless_they_look_misspelt(tmp_path):
    (tmp_path / "base.sls").write_text("nginx: {a: b}\ncuont: 1\n")
    problems = []
    assert schema.given(Sample, schema.load(tmp_path / "base.sls", problems), foreign=True) == {}
    assert [line.partition(": ")[2] for line in problems] == ["cuont: unknown key; did you mean count?"]


def test_a_folder_and_an_encrypted_value_are_told_in_words(tmp_path, mistakes):
    with pytest.raises(KraftwerkError, match=r"^\S+ can't be read: Is a directory$"):
        schema.load(tmp_path, [])
    assert mistakes("count: '-----BEGIN AGE ENCRYPTED FILE-----'")[0].endswith("not an encrypted value")
