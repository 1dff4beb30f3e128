"""Sites by one command: what is wished for, what is in the way, what is remembered, and which node is meant."""

from dataclasses import replace
from pathlib import Path

import pytest

from kraftwerk import here, project
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.newproject.choice import Choice
from kraftwerk.node import Node, machine_id, save_node
from kraftwerk.site import clash, making, place, record, removing
from kraftwerk.site.clash import Clash
from kraftwerk.site.making import Wish
from kraftwerk.site.record import Site

BLUE = Node("blue", "192.0.2.7", "ssh")
DEFAULT = Clash(
    "default_server", "another site answers", "/etc/nginx/sites-enabled/default:22", "sites-enabled/default", ("_",)
)
NAME = Clash("server_name", "a.test is served", "/etc/nginx/sites-enabled/a:3", "sites-enabled/a", ("b.test",))
PORT = Clash("port", "apache2 (process 7) has port 80", "", "", ())
ADDRESS = Clash("address", "requests at 192.0.2.9 go elsewhere", "/etc/nginx/nginx.conf:9", "", ())


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Return a KRAFTWERK_HOME of its own."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    return tmp_path


def wish(folder, **given):
    return Wish(Choice("shop", "django", ("postgres", "files")), folder, BLUE, **given)


def test_a_wish_is_told_in_a_few_lines():
    told = "\n".join(wish(Path("/srv"), default_server=True, replaces=("sites-enabled/default",)).lines())
    assert "Site shop → blue\n  project   /srv/shop (django; postgres, files)\n  address   http://shop.blue" in told
    assert "aside     sites-enabled/default, until rmsite" in told and "all names that no other site has" in told


def test_kraftwerk_yaml_says_where_it_is_served_and_keeps_the_rest(home):
    folder = home / "shop"
    folder.mkdir()
    (folder / "kraftwerk.yaml").write_text("wsgi: shop.wsgi # mine\n#environments:\n")
    making._say_where(Wish(Choice("shop"), home, BLUE, ("a.test",), replaces=("conf.d/x.conf",)))
    written = (folder / "kraftwerk.yaml").read_text()
    assert written.startswith("wsgi: shop.wsgi # mine\n") and written.endswith("#environments:\n")
    assert not making.differs(Wish(Choice("shop"), home, BLUE, ("a.test",), replaces=("conf.d/x.conf",)))
    making._say_where(Wish(Choice("shop"), home, BLUE))
    assert not making.differs(Wish(Choice("shop"), home, BLUE))
    for other in ({"domains": ("b.test",)}, {"default_server": True}, {"replaces": ("conf.d/y.conf",)}):
        assert making.differs(Wish(Choice("shop"), home, BLUE, **other))
    assert (folder / "kraftwerk.yaml").read_text() == written, "said once; from then on the file is its owner's"
    instance = project.parse(folder).instance("production", "blue")
    assert instance.nginx_site == {"layout": "debian", "replaces": ["conf.d/x.conf"]}
    assert (instance.domains, project.parse(folder).nodes("production")) == (("a.test",), ("blue",))


def test_an_interrupted_mksite_goes_on_and_another_s_name_is_taken(home):
    (home / "shop").mkdir()
    with pytest.raises(KraftwerkError, match="is there already"):
        making.check(wish(home))
    record.save(Site("shop", "blue", home / "shop"))
    making.check(wish(home))
    making.check(wish(home / "elsewhere"))  # blue is gone, and the site with it
    save_node(BLUE)
    with pytest.raises(KraftwerkError, match="the site shop is on blue already"):
        making.check(wish(home / "elsewhere"))


@pytest.mark.parametrize(
    ("kind", "domain", "said"),
    [
        ("djagno", "a.test", "no template is called djagno; did you mean django"),
        ("wsgi", "http://a.test", "--domain http"),
    ],
)
def test_what_can_t_be_made_is_told_before_the_plan(home, kind, domain, said):
    with pytest.raises(KraftwerkError, match=said):
        making.check(Wish(Choice("shop", kind), home, BLUE, (domain,)))


def test_a_site_that_others_deployed_is_not_replaced_by_an_empty_project(home):
    live = Instance("shop", "shop", "production", "shop.wsgi")
    with pytest.raises(KraftwerkError, match="blue serves shop already"):
        making.check_free(wish(home), {"shop": live})
    making.check_free(wish(home), {"blog": live})
    making.check_free(wish(home), {"shop": replace(live, present=False)})


def test_what_may_stand_aside_is_asked_for_and_all_else_refused(home):
    agreed = making.settle(wish(home), [DEFAULT, NAME, ADDRESS], lambda each: True)
    assert agreed.replaces == ("sites-enabled/default", "sites-enabled/a")
    with pytest.raises(KraftwerkError, match="default:22: another site answers") as error:
        making.settle(wish(home), [DEFAULT], lambda each: False)
    assert "--replace" in str(error.value.next_command)
    asked = []
    with pytest.raises(KraftwerkError, match="apache2") as error:
        making.settle(wish(home), [DEFAULT, PORT], asked.append)
    assert not asked, "what would not help is not asked for"
    assert "b.test" in NAME.question() and "(" not in DEFAULT.question()
    assert NAME.unserved == ("b.test",) and DEFAULT.unserved == ()
    assert clash.refuse([], "blue") is None


def test_sites_are_remembered_and_forgotten(home):
    record.save(Site("shop", "blue", Path("/srv/shop")))
    record.save(Site("blog", "blue", Path("/srv/blog")))
    record.forget("shop", "blue")
    record.forget("shop", "blue")
    record.forget("blog", "green")
    assert record.all_sites() == {"blog": Site("blog", "blue", Path("/srv/blog"))}
    record.file().write_text("blog: 7\n")
    with pytest.raises(KraftwerkError, match="must name sites"):
        record.all_sites()


def test_which_node_a_site_is_for(home):
    def never(question):
        raise AssertionError(question)

    with pytest.raises(KraftwerkError, match="there is no node yet"):
        place.choose("", lambda question: False)
    save_node(BLUE)
    assert place.choose("", never) == BLUE
    save_node(Node("green", "192.0.2.8", "ssh"))
    with pytest.raises(KraftwerkError, match="which node is meant"):
        place.choose("", never)
    this = Node("web1", "192.0.2.9", "here", machine_id=machine_id())
    save_node(this)
    assert place.choose("", never) == here.find() == this
    assert place.choose("blue", never) == BLUE


def test_projects_go_to_srv_on_the_server_itself_only(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(making, "SRV", tmp_path)
    assert making.default_parent(Node("web1", "", "here")) == tmp_path
    monkeypatch.setattr(making, "SRV", tmp_path / "none")
    assert making.default_parent(Node("web1", "", "here")) == making.default_parent(BLUE) == tmp_path


def test_the_source_of_a_site_goes_when_told(home):
    folder = home / "shop"
    folder.mkdir()
    removing.remove_source(removing.Leaving("shop", BLUE, None, folder))
    removing.remove_source(removing.Leaving("shop", BLUE, None, None))
    assert not folder.exists()
    with pytest.raises(KraftwerkError, match="No such file"):
        removing.remove_source(removing.Leaving("shop", BLUE, None, folder))


def test_a_site_of_another_node_is_not_taken_for_gone(home, monkeypatch):
    for node in (BLUE, Node("green", "192.0.2.8", "ssh")):
        save_node(node)
    record.save(Site("shop", "blue", home / "shop"))
    monkeypatch.setattr(removing.registry, "sync", lambda connection: {})
    assert removing.find("shop", "").node == BLUE
    with pytest.raises(KraftwerkError, match="green has no site shop"):
        removing.find("shop", "green")


def test_a_site_whose_node_is_gone_is_forgotten(home):
    record.save(Site("shop", "blue", home / "shop"))
    with pytest.raises(KraftwerkError, match=r"was on blue, which is no node any more.* → rm -r .*/shop"):
        removing.find("shop", "")
    assert record.all_sites() == {}


def test_a_project_behind_a_link_is_not_emptied(home):
    (home / "real").mkdir()
    (home / "real" / "kraftwerk.yaml").touch()
    (home / "shop").symlink_to(home / "real")
    with pytest.raises(KraftwerkError, match=r"is a link; the project in .*/real stays"):
        removing.remove_source(removing.Leaving("shop", BLUE, None, home / "shop"))
    assert (home / "real" / "kraftwerk.yaml").exists()


def test_nginx_site_of_kraftwerk_yaml(home):
    folder = home / "shop"
    folder.mkdir()
    (folder / "kraftwerk.yaml").write_text("wsgi: a\nnginx_site: {layout: debian, default_server: true}\n")
    assert project.parse(folder).deployment("production").nginx_site == {"layout": "debian", "default_server": True}
    (folder / "kraftwerk.yaml").write_text("wsgi: a\nnginx_site: {layout: apache, replaces: ../x}\n")
    with pytest.raises(KraftwerkError, match=r"(?s)'apache' is not one of.*'\.\./x' is not a file below /etc/nginx"):
        project.parse(folder)
