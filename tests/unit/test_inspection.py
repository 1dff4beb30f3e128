"""What services hold, as it is printed and as JSON."""

from kraftwerk.inspection import Inspection, parse

FOUND = {
    "version": "15.8",
    "size": 8_400_000,
    "counts": {"tables": 2, "rows": 45, "by_table": {"item": 44, "other": 1}},
    "detail": {"tables": [{"name": "item", "count": 44, "size": 90_000}, {"name": "other", "count": 1, "size": 8192}]},
    "seconds": 0.12,
}
DUMPED = {"size": 1000, "counts": {"tables": 2, "rows": 31, "by_table": {"item": 30, "other": 1}}}


def inspection(*held, dumped=""):
    return Inspection("mysite", "blue", "production", held, dumped, 212_000 if dumped else 0)


def test_a_service_is_one_line_and_its_largest_parts_are_lines_below():
    lines = list(inspection(parse("postgres", FOUND, DUMPED), dumped="2020-01-01T00:00:00+00:00").lines(1))
    assert lines[0] == "postgres 15.8        8.4 MB  2 tables 45 rows  since the last dump: +14 rows"
    assert lines[1].split() == ["item", "90", "kB", "44", "rows"]
    assert lines[2] == "  … 1 more → kraftwerk inspect postgres blue"
    assert lines[3].startswith("last dump ")
    assert lines[3].endswith(" days ago, 212 kB")


def test_what_a_service_does_not_name_is_counted_all_the_same():
    many = {**FOUND, "counts": {"tables": 87, "rows": 45}}
    assert "  … 85 more" in list(inspection(parse("postgres", many)).lines(5))


def test_the_number_of_keys_is_not_that_of_prefixes():
    keys = {"version": "7", "size": 9, "counts": {"keys": 6}, "detail": {"keys": [{"name": "cart", "count": 6}]}}
    assert len(list(inspection(parse("redis", keys)).lines(5))) == 3


def test_without_a_dump_nothing_is_said_of_growth():
    lines = list(inspection(parse("postgres", FOUND)).lines(5))
    assert "since" not in lines[0]
    assert lines[-1] == "no dump yet"


def test_counts_that_are_those_of_the_dump_are_told_so():
    assert parse("postgres", FOUND, {"counts": FOUND["counts"]}).growth == "as dumped"


def test_a_service_that_does_not_answer_hides_no_other():
    broken = parse("redis", {"error": "Connection refused", "seconds": 0.1})
    lines = list(inspection(broken, parse("postgres", FOUND)).lines(5))
    assert lines[0] == "redis      Connection refused"
    assert lines[1].startswith("postgres 15.8")
    assert inspection(broken).as_dict()["services"]["redis"] == {"error": "Connection refused", "seconds": 0.1}


def test_an_instance_without_services():
    assert list(inspection().lines(5)) == ["it has no services"]


def test_a_module_without_detail_names_no_parts():
    plain = {"version": "7", "size": 10, "counts": {"files": 3}}
    held = parse("files", plain)
    assert (held.kind, held.parts, held.headline) == ("", (), "3 files")
    assert held.as_dict()["detail"] == {}


def test_a_detail_that_names_no_parts_is_no_parts():
    held = parse("memcached", {"version": "1.6", "size": 10, "counts": {"items": 3}, "detail": {"items": 3}})
    assert (held.kind, held.parts) == ("", ())
