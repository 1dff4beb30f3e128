"""The style sheets and scripts of a page: which are asked for, and what is said of one that doesn't answer."""

import http.server
import threading
from dataclasses import replace

import pytest

from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.ports import free_port
from kraftwerk.why import outside, page
from kraftwerk.why.case import Case
from kraftwerk.why.outside import Answer

PAGE = """\
<link rel="icon" href="/static/icon.svg">
<link rel="preload stylesheet" href="/static/{style}"><LINK REL="Stylesheet" HREF="/static/{style}">
<link rel="stylesheet" href="http://[broken"><link rel="stylesheet"><script>let x = "<p>"</script>
<script src="../static/app.js?v=2"></script><script src="https://elsewhere.example/x.js"></script>
<link rel="stylesheet" href="/generated.css">
"""
THERE = ("/static/site.css", "/static/app.js?v=2")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(
            200 if self.path in (*THERE, "/", "/shop/") else 404 if self.path.startswith("/static/") else 500
        )
        page = {"/": f'<link rel="stylesheet" href="{THERE[0]}">', "/shop/": "<h1>shop</h1>"}.get(self.path, "")
        self.send_header("Content-Type", "text/html; charset=utf-8" if page else "text/plain")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *words):
        pass


@pytest.fixture
def server():
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def case(server):
    static = {"/static/": "staticfiles"}
    mysite = Instance("mysite", "mysite", "production", "mysite.wsgi", domains=("mysite.blue",), static=static)
    return Case(f"http://mysite.blue:{server.server_port}/shop/", Node("blue", "127.0.0.1", "local"), mysite)


def steps(case, text):
    return [(step.ok, step.text, step.next_command) for step in page.steps(case, Answer(200, page=text))]


def test_those_of_the_site_are_asked_for_once_each_and_nobody_else(case, server):
    assert steps(case, PAGE.format(style="site.css")) == [(True, "the page's style sheets and scripts answer (2)", "")]
    assert server.asked == [*THERE]


def test_one_that_is_not_there_is_told_with_its_folder(case, server):
    text = "GET /static/lost.css 404: it isn't in staticfiles, or not readable to nginx"
    look = "kraftwerk run --node blue -- ls -l staticfiles"
    assert steps(case, PAGE.format(style="lost.css")) == [(False, text, look)]
    assert server.asked == ["/static/lost.css"]  # and no further


@pytest.mark.parametrize("text", ["", "<p>hello", '<link rel="stylesheet" href="/generated.css">'])
def test_a_page_without_any_has_no_such_step(case, server, text):
    assert steps(case, text) == [] and server.asked == []


def test_a_page_of_hundreds_costs_a_few_questions(case, server):
    steps(
        case,
        "".join(f'<script src="/static/app.js?v=2"></script><script src="{THERE[0]}#{n}"></script>' for n in range(99)),
    )
    assert len(server.asked) == page.MOST


def cdn(case, server, **given):
    place = {"url": f"http://127.0.0.1:{server.server_port}", **given}
    return replace(case, instance=replace(case.instance, cdn=place)), place["url"]


def test_those_of_a_cdn_are_asked_for_there(case, server):
    behind, place = cdn(case, server)
    link = f'<link rel="stylesheet" href="{place}%s">'
    assert steps(behind, link % THERE[0])[0][0] is True
    assert steps(behind, link % "/x.css") == [(False, f"{place}/x.css 500", f"curl -I {place}/x.css")]
    lost = f"{place}/static/lost.css"
    assert steps(behind, link % "/static/lost.css") == [(False, f"{lost} 404", f"curl -I {lost}")]
    text, then = f"{lost} 404: it isn't there, or the CDN may not read it", "kraftwerk deploy blue"
    filled, _ = cdn(case, server, bucket="s3://x")
    assert steps(filled, link % "/static/lost.css") == [(False, text, then)]


def test_a_cdn_that_does_not_answer_is_told_why(case):
    place = f"http://127.0.0.1:{free_port()}"
    behind = replace(case, instance=replace(case.instance, cdn={"url": f"{place}/"}))
    said = (False, f"{place}/static/a.js Connection refused", f"curl -I {place}/static/a.js")
    assert steps(behind, f'<script src="{place}/static/a.js"></script>') == [said]


def test_of_what_is_answered_only_html_is_read(case):
    assert outside.ask(case).page == "<h1>shop</h1>"
    assert outside.ask(replace(case, url=f"{case.url[:-6]}{THERE[0]}")).page == ""
