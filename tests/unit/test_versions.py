"""Whether nodes have the same version."""

from kraftwerk import versions
from kraftwerk.release import Release
from kraftwerk.status import Check, Status

ONE = Release(4, commit="0123456789", content="aaa")
OTHER = Release(9, commit="0123456789", dirty=True, content="bbb")


def status(node, release, instance="shop"):
    return Status(node, instance, (Check("web", "web 1/1"),), release)


def test_numbers_may_differ_where_the_content_is_the_same():
    assert versions.mixed([status("a", ONE), status("b", Release(1, content="aaa", commit="0123456789"))]) == {}


def test_commits_may_differ_where_the_content_is_the_same():
    """As where somebody deploys to one, commits that, and deploys to the other."""
    same = [status("a", Release(4, commit="99999999", dirty=True, content="aaa")), status("b", ONE)]
    assert versions.mixed(same) == {}
    told = versions.mixed([*same, status("c", OTHER)])
    assert told == {"shop": {"01234567 aaa": ["a", "b"], "01234567+ bbb": ["c"]}}


def test_what_does_not_say_its_content_is_not_compared():
    assert versions.mixed([status("a", ONE), status("b", None), status("c", Release(1, commit="99"))]) == {}
    assert versions.mixed([status("a", ONE), status("b", OTHER, "another")]) == {}


def test_mixed_versions_are_told_and_are_not_ok():
    found = [status("a", ONE), status("b", OTHER), status("c", ONE)]
    judged = versions.judged(found, "abc", "kraftwerk deploy --all")
    assert versions.lines(judged, "kraftwerk deploy --all") == [
        "✗ shop: versions are mixed: 01234567 aaa on a, c; 01234567+ bbb on b → kraftwerk deploy --all"
    ]
    assert [each.ok for each in judged] == [False] * 3
    assert judged[1].as_dict()["checks"]["version"]["text"] == "version 01234567+ bbb, others have another"
    assert judged[1].as_dict()["release"] == 9


def test_nodes_that_do_not_belong_together_may_differ_but_are_told():
    found = [status("a", ONE), status("b", OTHER), status("c", ONE)]
    judged = versions.judged(found, "ac", "kraftwerk deploy --all")
    assert [each.ok for each in judged] == [True] * 3
    told = "shop: versions are mixed: 01234567 aaa on a, c; 01234567+ bbb on b"
    assert versions.lines(judged, "kraftwerk deploy --all") == [told]
