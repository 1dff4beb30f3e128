"""A slot's log, as it is shown when a release doesn't come up."""

from kraftwerk.slot import last, telling

PRINTED = """\
2026-11-20_23:28:10.79001 [2026-11-20 23:28:10 +0000] [15] [ERROR] Exception in worker process
2026-11-20_23:28:10.79002 Traceback (most recent call last):
2026-11-20_23:28:10.79003   File "/web/hello/releases/3/hello/wsgi.py", line 4
2026-11-20_23:28:10.79004     def  broken(application(environ):
2026-11-20_23:28:10.79005 SyntaxError: '(' was never closed
2026-11-20_23:28:10.79006
2026-11-20_23:28:10.79106 Traceback (most recent call last):
2026-11-20_23:28:10.79107   File "/web/hello/venvs/x/bin/gunicorn", line 10, in <module>
2026-11-20_23:28:10.79108     sys.exit(run())
2026-11-20_23:28:10.79109 gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>
"""


def test_the_applications_own_traceback_is_shown_without_stamps_and_gunicorns():
    assert telling(PRINTED).splitlines() == [
        "[2026-11-20 23:28:10 +0000] [15] [ERROR] Exception in worker process",
        "Traceback (most recent call last):",
        '  File "/web/hello/releases/3/hello/wsgi.py", line 4',
        "    def  broken(application(environ):",
        "SyntaxError: '(' was never closed",
    ]


def test_no_more_than_twenty_lines_are_shown():
    words = [f"{chr(97 + number % 26)}{chr(97 + number // 26)}" for number in range(90)]
    assert telling("\n".join(words)).splitlines() == words
    assert last("\n".join(words)) == [f"  {word}" for word in words[-20:]]


def test_what_repeats_at_the_end_is_shown_once():
    assert telling('boot\n- "GET / HTTP/1.1" 404 12\n- "GET / HTTP/1.1" 404 13\n- "GET / HTTP/1.1" 404 11') == (
        'boot\n- "GET / HTTP/1.1" 404 12'
    )
    traceback = "Traceback\n  File x\nError: no\n"
    assert telling("boot\n" + 3 * traceback).splitlines() == ["boot", "Traceback", "  File x", "Error: no"]
