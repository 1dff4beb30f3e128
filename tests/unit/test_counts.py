from kraftwerk.counts import compare, headline

POSTGRES = {"tables": 2, "rows": 31, "by": {"auth_user": 30, "site": 1}}
FILES = {"files": 0, "bytes": 0}


def test_counts_are_compared_one_by_one():
    found = compare("postgres", POSTGRES, {"tables": 2, "rows": 30, "by": {"auth_user": 30}})
    assert [(line.name, line.wanted, line.found) for line in found] == [
        ("tables", 2, 2),
        ("rows", 31, 30),
        ("by: auth_user", 30, 30),
        ("by: site", 1, None),
    ]


def test_what_is_told_when_all_is_right():
    lines = [*compare("postgres", POSTGRES, POSTGRES), *compare("files", FILES, FILES)]
    assert ", ".join(str(line) for line in lines if line.told) == "31/31 rows, 0/0 files"


def test_headline():
    assert headline("postgres", POSTGRES) == "postgres 2 tables 31 rows"
    assert headline("files", {"files": 3, "bytes": 100}) == "files 3"


def test_large_numbers_and_single_things_are_told_as_people_do():
    assert headline("", {"tables": 1, "rows": 1234567}).strip() == "1 table 1,234,567 rows"
    assert str(compare("files", {"files": 1034}, {"files": 1033})[0]) == "1,033/1,034 files"
