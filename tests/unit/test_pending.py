"""Migrations that a deploy would apply."""

from kraftwerk.pending import between, named

NONE = frozenset()


def test_what_is_known_here_and_not_applied_is_left():
    assert between({"shop.0001": NONE, "shop.0002": NONE}, {"shop.0001", "auth.0001"}) == ("shop.0002",)


def test_squashed_migrations_take_the_place_of_others_only_where_none_was_applied():
    known = {"shop.0001": NONE, "shop.0002": NONE, "shop.0001_squashed": frozenset({"shop.0001", "shop.0002"})}
    assert between(known, set()) == ("shop.0001_squashed",)
    assert between(known, {"shop.0001"}) == ("shop.0002",)
    assert between(known, {"shop.0001", "shop.0002"}) == ()
    assert between(known, {"shop.0001_squashed"}) == ()


def test_new_files_name_their_migrations():
    files = [
        "src/shop/migrations/0002_price.py",
        "shop/migrations/__init__.py",
        "shop/views.py",
        "till/migrations/0001_initial.py",
    ]
    assert named(files) == ("shop.0002_price", "till.0001_initial")
