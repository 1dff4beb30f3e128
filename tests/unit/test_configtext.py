"""Keys set and removed in YAML text: whatever the file looks like, only the lines of that key change."""

import itertools

import pytest
import yaml

from kraftwerk import configtext
from kraftwerk.errors import KraftwerkError

CIPHER = "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\nLS0t\n-----END AGE ENCRYPTED FILE-----\n"
BLOCKS = [
    "# A heading.\n\n",
    "#workers: 8   (a sample)\n",
    "plain: one   # why\n",
    "quoted: 'it''s'   \n",
    'double: "a\\tb"\n',
    "aligned:    {a: 1,   b: [x,  y]}  # kept\n",
    "block:\n    deep:\n        x: 1\n        # inner\n        y: 2\n    # after\n",
    "list:\n- a  # first\n- {b: c}\n",
    "folded: >-\n  some\n  words\n\n  more\n\n",
    "literal: |\n  #!/bin/sh\n    echo\n\n",
    "kept: |+\n  text\n\n\n",
    "empty:\n",
    "nothing: ~  # yet\n",
    "number: 0x1F\nswitch: yes\n",
    "flow: {\n  a: 1,\n  b: 2,  # two\n}\n",
]
VALUES = ["4", "a word", "it's: # odd", "", "yes", CIPHER, "two\nlines", " spaces ", "ü☃", "tab\there"]
KEYS = [("workers",), ("environ", "DEBUG"), ("a", "b", "c"), ("block", "deep", "z"), ("aligned", "c"), ("empty", "x")]
EXISTING = [("plain",), ("quoted",), ("block", "deep"), ("block", "deep", "x"), ("list",), ("folded",), ("literal",)]
EXISTING += [("kept",), ("empty",), ("nothing",), ("aligned", "a"), ("aligned",), ("flow", "b"), ("double",)]


def files():
    """Yield files: each block alone, each pair of neighbours, and all of them, in both orders."""
    yield ""
    for size in (1, 2):
        for start in range(len(BLOCKS) - size + 1):
            yield "".join(BLOCKS[start : start + size])
            yield "".join(reversed(BLOCKS[start : start + size]))
    yield "".join(BLOCKS)
    yield "".join(reversed(BLOCKS))


FILES = list(files())


def under(tree, keys):
    for key in keys:
        tree = tree.get(key, {}) if isinstance(tree, dict) else {}
    return tree


def kept_lines(before, after):
    """Return the lines of `before` that are not in `after`, in their order."""
    left = iter(after.splitlines())
    return [line for line in before.splitlines() if line not in left]


@pytest.mark.parametrize("keys", KEYS, ids=".".join)
@pytest.mark.parametrize("value", VALUES)
def test_a_new_key_adds_lines_and_takes_none_away(keys, value):
    for text in FILES:
        after = configtext.put(text, keys, value)
        assert under(yaml.safe_load(after), keys) == value
        changed = [line for line in text.splitlines() if line not in after.splitlines()]
        assert len(changed) <= 1, (text, after)
        assert all(line.startswith((keys[0], "nothing")) for line in changed), (text, after)


@pytest.mark.parametrize("keys", EXISTING, ids=".".join)
@pytest.mark.parametrize("value", VALUES)
def test_an_existing_key_changes_in_its_own_lines_only(keys, value):
    for text in FILES:
        if configtext.find(text, keys) is None:
            continue
        after = configtext.put(text, keys, value)
        assert under(yaml.safe_load(after), keys) == value
        own = next(block for block in BLOCKS if block.startswith(keys[0]))
        for block in BLOCKS:
            assert block == own or block not in text or block.strip("\n") in after, (text, after)


def test_setting_and_removing_again_gives_the_same_bytes():
    for text, keys in itertools.product(FILES, [("workers",), ("environ", "A"), ("block", "deep", "z")]):
        if keys[0] == "block" and "block" not in text:
            continue
        ended = text if not text or text.endswith("\n") else f"{text}\n"
        assert configtext.remove(configtext.put(text, keys, CIPHER), keys) == ended


def test_removing_takes_the_mapping_that_it_leaves_empty():
    assert configtext.remove("a: 1\nenviron:\n  B: x  # bb\nc: 2\n", ("environ", "B")) == "a: 1\nc: 2\n"
    assert configtext.remove("environ: {B: x}\n", ("environ", "B")) == ""
    assert configtext.remove("environ: {A: y, B: x, C: z}\n", ("environ", "B")) == "environ: {A: y, C: z}\n"
    assert configtext.remove("environ: {B: x, C: z}  # c\n", ("environ", "B")) == "environ: {C: z}  # c\n"


def test_yaml_is_written_as_it_was_typed():
    assert configtext.put("a: 1\n", ("domain",), "[a.example,  b.example]", as_yaml=True) == (
        "a: 1\ndomain: [a.example,  b.example]\n"
    )
    assert configtext.put("environ: {A: 1}\n", ("environ", "B"), "x", as_yaml=True) == "environ: {A: 1, B: x}\n"
    assert configtext.put("environ: {A: 1}\n", ("environ", "B"), "a,b", as_yaml=True) == "environ: {A: 1, B: 'a,b'}\n"


def test_a_block_in_braces_opens_them():
    assert configtext.put("environ: {A: 1}  # all\nb: 2\n", ("environ", "B"), CIPHER) == (
        "environ:  # all\n  A: 1\n  B: |\n" + "".join(f"    {line}\n" for line in CIPHER.splitlines()) + "b: 2\n"
    )


def test_a_block_that_would_swallow_a_comment_is_quoted():
    after = configtext.put("a: x\n    # note\nb: 1\n", ("a",), "two\nlines")
    assert after == 'a: "two\\nlines"\n    # note\nb: 1\n'


def test_line_breaks_of_windows_stay():
    after = configtext.put("a: 1  # x\r\nb:\r\n  c: 2\r\n", ("b", "d"), "two\nlines\n")
    assert after == "a: 1  # x\r\nb:\r\n  c: 2\r\n  d: |\r\n    two\r\n    lines\r\n"
    assert configtext.remove(after, ("b", "d")) == "a: 1  # x\r\nb:\r\n  c: 2\r\n"


def test_a_last_line_without_a_break_gets_one():
    assert configtext.put("a: 1", ("b",), "x") == "a: 1\nb: x\n"


@pytest.mark.parametrize(
    ("text", "keys", "words"),
    [
        ("- a\n", ("b",), "must be a mapping"),
        ("a: 1\n", ("a", "b"), "a is no mapping"),
        ("a: [1]\n", ("a", "b"), "a is no mapping"),
        ("a: &x {b: 1}\nc: *x\n", ("a", "b"), "can't be changed safely"),
        ("a: [\n", ("a",), "not valid YAML"),
    ],
)
def test_what_isn_t_understood_is_left_alone(text, keys, words):
    with pytest.raises(KraftwerkError, match=words):
        configtext.put(text, keys, "x")


def test_the_value_of_an_alias_is_not_changed_behind_its_back():
    assert configtext.find("a: &x 1\nb: *x\n", ("b",)) is None
    with pytest.raises(KraftwerkError, match=r"can.t be changed safely|not valid"):
        configtext.put("a: &x 1\nb: *x\n", ("b",), "2")


def test_removing_what_isn_t_there():
    with pytest.raises(KraftwerkError, match=r"environ\.B isn't there"):
        configtext.remove("a: 1\n", ("environ", "B"))
