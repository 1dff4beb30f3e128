"""What the modules of postgres do without a server: sorting a dump's contents, renaming roles, addresses, passwords."""

import pytest

LISTING = """;
; Archive created at 2026-11-21
3351; 1262 16384 DATABASE - mysite web-mysite
2; 3079 16385 EXTENSION - pg_trgm
3352; 0 0 COMMENT - EXTENSION pg_trgm
215; 1259 16390 TABLE public ACL web-mysite
3353; 0 0 COMMENT public COLUMN people.name web-mysite
3354; 0 0 ACL public TABLE people web-mysite
1800; 826 16500 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES web-mysite
3200; 3256 16600 POLICY public people own web-mysite
3201; 0 16600 ROW SECURITY public people web-mysite
3300; 3466 16700 EVENT TRIGGER - watch postgres
3301; 0 0 COMMENT - EVENT TRIGGER watch postgres
3302; 6104 16701 PUBLICATION - everything postgres
3303; 6100 16702 SUBSCRIPTION - elsewhere postgres
"""


@pytest.fixture
def toc(loaders):
    """The functions of kw_pgtoc."""
    return loaders.modules.kw_pgtoc


@pytest.fixture
def rename(toc):
    """Rename the roles of a script of one statement: what it says then, and the roles that it names."""

    def run(text):
        (tokens,) = toc.statements(text)
        return tuple(toc.renamed(tokens, {"web-mysite": "web-other", "old": 'new "one"'}))

    return run


def test_contents_are_sorted_by_who_restores_them(toc):
    found = {kind: [line.split(";")[0] for line in lines] for kind, lines in toc.sort(LISTING).items()}
    assert found == {
        "role": ["3351", "215", "3353"],
        "extensions": ["2", "3352"],
        "policies": ["3200", "3201"],
        "grants": ["3354", "1800"],
        "admin": ["3300", "3301", "3302"],
        "left out": ["3303"],
    }


@pytest.mark.parametrize(
    ("text", "renamed", "roles"),
    [
        ('GRANT ALL ON TABLE "a TO b" TO "web-mysite";', 'GRANT ALL ON TABLE "a TO b" TO "web-other"', ["web-other"]),
        (
            "GRANT ALL ON FUNCTION f(a text, b old) TO old WITH GRANT OPTION;",
            'GRANT ALL ON FUNCTION f(a text, b old) TO "new ""one""" WITH GRANT OPTION',
            ['new "one"'],
        ),
        ("REVOKE ALL ON SCHEMA old FROM PUBLIC;", "REVOKE ALL ON SCHEMA old FROM PUBLIC", []),
        (
            'ALTER DEFAULT PRIVILEGES FOR ROLE "web-mysite" GRANT SELECT ON TABLES TO r;',
            'ALTER DEFAULT PRIVILEGES FOR ROLE "web-other" GRANT SELECT ON TABLES TO "r"',
            ["r", "web-other"],
        ),
        (
            "CREATE POLICY p ON t FOR SELECT TO old, x USING ((a = ANY (ARRAY['TO old', ';'])));",
            'CREATE POLICY p ON t FOR SELECT TO "new ""one""", "x" USING ((a = ANY (ARRAY[\'TO old\', \';\'])))',
            ['new "one"', "x"],
        ),
        (
            "CREATE USER MAPPING FOR old SERVER s OPTIONS (password E'it\\'s; TO old');",
            'CREATE USER MAPPING FOR "new ""one""" SERVER s OPTIONS (password E\'it\\\'s; TO old\')',
            ['new "one"'],
        ),
    ],
)
def test_roles_are_renamed_where_roles_stand(rename, text, renamed, roles):
    assert rename(text) == (renamed, roles)


def test_statements_come_without_comments_and_psql_s_own_lines(toc):
    text = "--\n-- Name: x; Type: ACL\n--\n\n\\restrict abc\nSELECT $a$;--$a$; SELECT ';' /* ; */ ;\n\\unrestrict abc\n"
    assert ["".join(token for _, token in each).strip() for each in toc.statements(text)] == [
        "SELECT $a$;--$a$",
        "SELECT ';'",
    ]


@pytest.mark.parametrize("text", ["SELECT 1 \\! touch /tmp/x ;", "CREATE PUBLICATION p \\gexec"])
def test_a_dump_gives_psql_no_commands(toc, text):
    with pytest.raises(ValueError, match="a command for psql"):
        toc.statements(text)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("CREATE PUBLICATION everything FOR ALL TABLES", True),
        ("CREATE PUBLICATION \"all; of it\" FOR ALL TABLES WITH (publish = 'insert', via_root = true)", True),
        ('ALTER PUBLICATION p ADD TABLES IN SCHEMA "Odd ""one"""', True),
        ("COMMENT ON PUBLICATION p IS 'it''s; :all'", True),
        ("CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION f()", False),
        ("COMMENT ON EVENT TRIGGER watch IS 'x'", False),
        ("CREATE PUBLICATION :LAST_ERROR_MESSAGE", False),  # psql would put there what the archive chose
        ("CREATE PUBLICATION p :LAST_ERROR_MESSAGE FOR ALL TABLES", False),
        ("COMMENT ON PUBLICATION p IS 'a\\'' ; DROP DATABASE x; --' 'b'", False),
        ("COMMENT ON PUBLICATION p IS E'a\\''", False),
        ('ALTER ROLE "web-mysite" SUPERUSER', False),
        ("COMMENT ON DATABASE mysite IS 'x'", False),
        ("DO $$ BEGIN END $$", False),
    ],
)
def test_an_administrator_runs_no_more_than_a_few_kinds_of_statements(toc, text, allowed):
    assert toc.harmless(text) is allowed


def test_a_hidden_second_statement_is_seen(toc):
    """`$1$` quotes nothing for psql; taken for a quote it would hide what follows."""
    assert len(toc.statements("CREATE PUBLICATION p $1$; DROP TABLE x; $1$")) == 3


def test_a_verifier_is_the_one_that_the_server_would_make(loaders):
    role = loaders.modules.kw_pgrole
    text = (  # of RFC 7677's example
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
        "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    assert role.verifies(text, "pencil") is True
    assert role.verifies(text, "pen") is False
    assert role.verifies("", "pencil") is False
    assert role.verifies("md5d41d8cd98f00b204e9800998ecf8427e", "pencil") is False


def test_another_node_s_address_holds_any_password(loaders):
    postgres, parts = loaders.modules.kw_postgres, loaders.modules.kw_service.parts
    assert parts(postgres.url("mysite", "[::1]", "p@s/s:?"))["password"] == "p@s/s:?"
    assert postgres.url("mysite", "db1", "x") == "postgresql://web-mysite:x@db1:5432/mysite?sslmode=require"


@pytest.mark.parametrize(
    ("url", "variables"),
    [
        (
            "postgres://u:p%40ss%2Fw%3Ard@[::1]:6432/a%20b?sslmode=verify-full&conn_max_age=60",
            {"PGUSER": "u", "PGPASSWORD": "p@ss/w:rd", "PGHOST": "::1", "PGPORT": "6432", "PGDATABASE": "a b"}
            | {"PGSSLMODE": "verify-full"},
        ),
        ("postgis://u@%2Frun%2FPg/db", {"PGUSER": "u", "PGHOST": "/run/Pg", "PGDATABASE": "db"}),
        ("postgresql://u@/db?host=/tmp&port=1", {"PGUSER": "u", "PGHOST": "/tmp", "PGPORT": "1", "PGDATABASE": "db"}),
        ("postgresql://u@db.example.com", {"PGUSER": "u", "PGHOST": "db.example.com", "PGDATABASE": "u"}),
    ],
)
def test_what_an_address_says_reaches_libpq_by_the_environment(loaders, patch_module, url, variables):
    patch_module("kw_pgserver", __salt__={"kw_service.options": lambda instance, service: {"url": url}})
    assert loaders.modules["kw_pgserver.of"]("mysite").variables == variables
