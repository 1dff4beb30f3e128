"""kraftwerk mksite: a new site, from nothing to an answer."""

import sys
from pathlib import Path

import click

from kraftwerk import screen
from kraftwerk.newproject import layers
from kraftwerk.newproject.choice import Choice, words
from kraftwerk.options import complete_nodes, yes_option
from kraftwerk.site import making, place
from kraftwerk.site.making import Wish


@click.command("mksite")
@click.argument("kind", metavar="[TYPE]", required=False)
@click.argument("name", required=False)
@click.option("--on", "node", default="", metavar="NODE", shell_complete=complete_nodes, help="The node; or: here.")
@click.option("--location", metavar="PATH", help="The folder to put the project in.  [/srv on the server itself]")
@click.option("--domain", "domains", multiple=True, metavar="NAME", help="What the site is called; repeatable.")
@click.option("--with", "wanted", metavar="LIST", help="Services and queues, such as postgres,files,celery.")
@click.option("--python", default="", metavar="VERSION", help="Its Python, as 3.12.")
@click.option("--default-server", is_flag=True, help="Answer for names that no site has, too.")
@click.option("--replace", is_flag=True, help="Let what is in the way in nginx stand aside until rmsite.")
@click.option("--trust", is_flag=True, help="Let a template run its own commands on this computer.")
@click.option("--defaults", is_flag=True, help="Ask for nothing but the plan.")
@click.option("--test", is_flag=True, help="Say what would be made, and make nothing.")
@yes_option
def command(
    kind: str | None,
    name: str | None,
    node: str,
    location: str | None,
    domains: tuple[str, ...],
    wanted: str | None,
    python: str,
    default_server: bool,
    replace: bool,
    trust: bool,
    defaults: bool,
    test: bool,
    yes: bool,
) -> int:
    """Make a site of a TYPE (wsgi, django, flask, pyramid, or a template of `init`), and serve it.

    On the server itself or from the admin: the project and its virtualenv, database and owner, gunicorn under runit,
    and a site in nginx's sites-available that is linked in sites-enabled. What the owner of nginx has changed there
    stays; what is in the way is named first. `kraftwerk rmsite NAME` takes all of it back.

    \b
    kraftwerk mksite django proj
    kraftwerk mksite flask shop --on blue --domain shop.example.com
    """
    ask = sys.stdin.isatty() and not (defaults or yes)
    kind = _asked(ask, f"Type ({', '.join(layers.names())}, or a template)", kind, "wsgi")
    name = _asked(ask, "Name", name, "mysite")
    there = place.choose(node, lambda question: screen.confirm(question, yes=yes))
    parent = _asked(ask, "Folder to put it in", location, str(making.default_parent(there)))
    services = _asked(ask, "With (services, or none)", wanted, making.DATABASE.get(kind, "") or "none")
    choice = Choice(name, kind, tuple(word for word in words(services) if word != "none"), python)
    wish = Wish(choice, Path(parent).expanduser().absolute(), there, domains, default_server)
    if not domains:
        given = _asked(ask, "Domain", None, wish.names[0])
        wish = Wish(choice, wish.parent, there, () if given == wish.names[0] else words(given), default_server)
    making.check(wish)
    with screen.working(f"Looking at nginx of {there.name}"):
        found = making.look(wish)
    for each in found:
        if ask or not each.blocks:
            screen.warn(each.line())
    wish = making.settle(wish, found, lambda each: replace or (ask and screen.confirm(each.question())))
    screen.say("\n".join(wish.lines()))
    if unserved := sorted({name for each in found if each.moves in wish.replaces for name in each.unserved}):
        screen.warn(f"until rmsite nobody serves {', '.join(unserved)}")
    if test:
        return 0
    if not screen.confirm("Make it?", yes=yes):
        screen.say("Nothing was changed.")
        return 1
    _make(wish, ask, trust)
    return 0


def _make(wish: Wish, ask: bool, trust: bool) -> None:
    made = making.create(wish, ask=ask, trust=trust)
    for caution in made.cautions if made else ():
        screen.warn(caution)
    screen.say(f"{wish.folder}: {f'{made.headline}, {made.files} files' if made else 'there already'}")
    if made is None and making.differs(wish):
        screen.warn(f"{wish.folder}/kraftwerk.yaml says something else, and counts: change domain and nginx_site there")
    run = making.release(wish)
    if (status := making.answer(run)) not in range(200, 400):
        screen.warn(f"nginx answers {status or 'nothing'} for {run.instance.url}: kraftwerk status")
    screen.hint(f"{run.instance.url} is served ({run.seconds:.0f}s)", f"cd {wish.folder} && kraftwerk deploy")


def _asked(ask: bool, question: str, given: str | None, default: str) -> str:
    """Return what was given, else what is answered, else the default."""
    if given is not None or not ask:
        return given if given is not None else default
    return str(click.prompt(question, default=default)).strip()
