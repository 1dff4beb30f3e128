"""A folder of wheels: what is taken in, what the log says, what meets requirements, and what is missing."""

import subprocess
import sys
import tarfile
import zipfile
from io import BytesIO

import pytest

from kraftwerk import project
from kraftwerk.errors import KraftwerkError
from kraftwerk.remote import program
from kraftwerk.webaddress import bare
from kraftwerk.wheels import build, fetch, house, log, origin, prunes, resolution, store, wanted, workshop
from kraftwerk.wheels.target import Target
from kraftwerk.wheels.wheel import Wheel, parse, sha256
from tests.wheel_files import make_wheel

BLUE = Target("3.11.2", "x86_64", "glibc 2.36", "blue")


@pytest.fixture
def made(tmp_path):
    """Make wheels outside of the folder: `made("typing", "3.0.2")`."""
    return lambda name, version, **options: make_wheel(tmp_path / "made", name, version, **options)


@pytest.fixture
def held(tmp_path):
    return house.open(tmp_path / "wheels")


def pins(wheels):
    return [wheel.pin for wheel in wheels]


class TestTarget:
    def test_platforms_of_debian_12(self):
        assert BLUE.platforms[0] == "manylinux_2_36_x86_64"
        assert {"manylinux2014_x86_64", "manylinux1_x86_64", "linux_x86_64"} <= set(BLUE.platforms)
        assert "manylinux_2_37_x86_64" not in BLUE.platforms

    def test_other_processors_and_libraries(self):
        arm = Target("3.13.5", "aarch64", "glibc 2.41")
        assert arm.platforms[-2:] == ["manylinux2014_aarch64", "linux_aarch64"]
        assert arm.uv_words == ("--python-version", "3.13.5", "--python-platform", "aarch64-manylinux_2_40")
        musl = Target("3.12.1", "x86_64", "musl 1.2")
        assert musl.platforms == [f"musllinux_1_{n}_x86_64" for n in (2, 1, 0)] + ["linux_x86_64"]
        assert Target("3.11.2", "riscv64").uv_words == ("--python-version", "3.11.2")

    @pytest.mark.parametrize(
        ("tag", "fits"),
        [
            ("py3-none-any", True),
            ("py2.py3-none-any", True),
            ("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", True),
            ("cp38-abi3-manylinux_2_28_x86_64", True),
            ("cp311-cp311-linux_x86_64", True),
            ("cp312-cp312-manylinux_2_17_x86_64", False),
            ("cp311-cp311-manylinux_2_39_x86_64", False),
            ("cp311-cp311-musllinux_1_2_x86_64", False),
            ("cp311-cp311-manylinux_2_17_aarch64", False),
        ],
    )
    def test_tags_that_fit(self, tmp_path, tag, fits):
        assert parse(tmp_path / f"till-1.0-{tag}.whl").fits(BLUE) is fits


class TestAdding:
    def test_a_wheel_is_copied_and_recorded(self, held, made):
        path = made("Typing.Extra", "3.0.2")
        new, same = held.add([path])
        assert (pins(new), same) == (["typing-extra==3.0.2"], [])
        (line,) = (held.folder / "release_log").read_text().splitlines()[1:]
        words = line.split()
        assert words[:4] == ["typing-extra", "3.0.2", "py3-none-any", sha256(path)]
        assert words[4].endswith("Z") and "@" in words[5]
        assert pins(house.open(held.folder).wheels) == ["typing-extra==3.0.2"]

    def test_twice_is_once(self, held, made):
        path = made("typing", "3.0.2")
        held.add([path])
        new, same = held.add([path, held.folder / path.name])
        assert (new, pins(same)) == ([], ["typing==3.0.2", "typing==3.0.2"])

    def test_files_that_lie_in_the_folder_are_recorded(self, held, made):
        make_wheel(held.folder, "typing", "3.0.2")
        held.reread()
        assert [path.name for path in held.strangers] == ["typing-3.0.2-py3-none-any.whl"]
        held.add(held.strangers)
        assert (pins(held.wheels), held.strangers) == (["typing==3.0.2"], [])

    def test_other_content_under_the_same_name_is_a_conflict(self, held, made):
        held.add([made("typing", "3.0.2")])
        other = made("typing", "3.0.2", body="# a fork")
        with pytest.raises(KraftwerkError, match="recorded with other content") as error:
            held.add([made("coins", "1.0"), other])
        assert "3.0.2+fork.1" in error.value.next_command
        assert pins(held.wheels) == ["typing==3.0.2"]
        held.add([other], renew=True)
        assert held.problems() == []

    @pytest.mark.parametrize(
        ("options", "cause"),
        [
            ({"declared": "cp311-cp311-linux_x86_64"}, "the tags of its name and of its WHEEL file differ"),
            ({"tag": "cp311-cp311-win_amd64"}, "it is for win_amd64, and nodes run Linux"),
            ({"spoilt": True}, "till.py in it is not what its RECORD says"),
            ({"files": {"../till.py": ""}}, r"\.\./till.py in it leads out of the place"),
        ],
    )
    def test_what_is_not_sound_is_refused(self, held, made, options, cause):
        with pytest.raises(KraftwerkError, match=cause):
            held.add([made("till", "1.0", **options)])
        assert not (held.folder / "release_log").exists()

    def test_two_of_one_name_in_one_go_are_a_conflict(self, held, made):
        one = made("till", "1.0").rename(held.folder.parent / "till-1.0-py3-none-any.whl")
        with pytest.raises(KraftwerkError, match="recorded with other content"):
            held.add([one, made("till", "1.0", body="# another")])
        assert held.wheels == []

    def test_a_damaged_one_is_refused(self, held, made):
        path = made("till", "1.0", body="#" * 5000)
        with zipfile.ZipFile(path) as stored:
            contents = {name: stored.read(name) for name in stored.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in contents.items():
                packed.writestr(name, content)
        start = 30 + len("till.py")  # behind the header of the first file
        whole = path.read_bytes()
        path.write_bytes(whole[:start] + b"\xff" * 8 + whole[start + 8 :])
        with pytest.raises(KraftwerkError, match=r"till\.py in it is not what its RECORD says"):
            held.add([path])

    def test_tags_may_be_packed(self, held, made, monkeypatch):
        monkeypatch.setattr("tests.wheel_files._tags", lambda tag: [tag])
        held.add([made("till", "1.0", tag="py2.py3-none-any")])
        assert held.problems() == []

    def test_one_without_a_hash_is_sent_nowhere(self, held):
        with pytest.raises(KraftwerkError, match=r"recorded without a hash: till-1-py3-none-any\.whl") as caught:
            store.lacking(None, [Wheel(held.folder / "till-1-py3-none-any.whl", "till", "1", "py3-none-any")])
        assert caught.value.next_command.startswith("kraftwerk wheels add ")

    def test_a_name_that_its_metadata_denies_is_refused(self, held, made):
        path = made("till", "1.0")
        renamed = path.rename(path.with_name("till-1.1-py3-none-any.whl"))
        with pytest.raises(KraftwerkError, match=r"its METADATA says till 1\.0, its name till 1\.1"):
            held.add([renamed])

    def test_what_is_no_wheel_is_refused(self, held, tmp_path):
        for name, content in (("till.whl", b""), ("till-1.0-py3-none-any.whl", b"no zip")):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(KraftwerkError):
                held.add([tmp_path / name])
        with pytest.raises(KraftwerkError, match="no such file"):
            held.add([tmp_path / "nothing-1.0-py3-none-any.whl"])


class TestLog:
    def test_a_line_that_is_none_is_named(self, held):
        held.folder.mkdir()
        (held.folder / "release_log").write_text("# heading\n\nsomething else\n")
        with pytest.raises(KraftwerkError, match="release_log:3: not a line of a release_log"):
            house.open(held.folder)

    def test_the_former_format_is_read(self, tmp_path):
        wheel = make_wheel(tmp_path / "wheels", "typing", "3.0.2", tag="py2.py3-none-any")
        (tmp_path / "release_log").write_text(
            f"release: typing==3.0.2 {wheel.name} at 2016-05-04T10:11:12.131415\n"
            f"install: web@host:/srv/vpy: {wheel.name} at 2016-05-05T10:11:12\n"
            "error: web@host:/srv/vpy: could not migrate\n"
        )
        held = house.open(wheel.parent)
        assert pins(held.resolve(["typing"], BLUE)) == ["typing==3.0.2"]
        assert held.problems() == [(wheel.name, "recorded without a hash")]
        held.add([wheel])
        assert house.open(wheel.parent).problems() == []
        assert (tmp_path / "release_log").read_text().startswith("release:")

    def test_a_lost_file_is_told(self, held, made):
        held.add([made("typing", "3.0.2")])
        held.wheels[0].path.unlink()
        held.reread()
        assert held.problems() == [("typing-3.0.2-py3-none-any.whl", "recorded, but not there")]

    def test_words_that_are_not_known_stay_empty(self, tmp_path):
        log.write(tmp_path, [Wheel(tmp_path / "till-1.0-py3-none-any.whl", "till", "1.0", "py3-none-any")])
        (found,) = log.read(tmp_path)
        assert (found.sha256, found.time, found.who, found.source) == ("", "", "", "")


class TestResolving:
    @pytest.fixture
    def stocked(self, held, made):
        held.add(
            [
                made("typing", "3.0.2"),
                made("typing", "3.10.0"),
                made("till", "1.0", requires=["coins>=1", 'typing<3.5; python_version < "3.12"']),
                made("coins", "1.0"),
                made("coins", "1.1", tag="cp311-cp311-linux_x86_64"),
                made("coins", "1.2", tag="cp313-cp313-linux_x86_64"),
            ]
        )
        return held

    def test_a_plain_name_is_the_newest(self, stocked):
        assert pins(stocked.resolve(["typing"], BLUE)) == ["typing==3.10.0"]

    def test_a_version_is_that_version(self, stocked):
        assert pins(stocked.resolve(["typing==3.0.2"], BLUE)) == ["typing==3.0.2"]

    def test_everything_that_pip_understands(self, stocked, tmp_path):
        (tmp_path / "base.txt").write_text("typing>=3,<4 --hash=sha256:00\n")
        (tmp_path / "limits.txt").write_text("typing<3.5\n")
        lines = ["-r base.txt", "-c limits.txt", "--index-url https://example.org", 'coins; python_version < "3"']
        assert pins(stocked.resolve(lines, BLUE, tmp_path)) == ["typing==3.0.2"]

    def test_what_wheels_require_comes_along_as_far_as_it_fits(self, stocked):
        assert pins(stocked.resolve(["till"], BLUE)) == ["coins==1.1", "till==1.0", "typing==3.0.2"]
        other = Target("3.13.5", "x86_64", "glibc 2.41")
        assert pins(stocked.resolve(["till"], other)) == ["coins==1.2", "till==1.0"]

    def test_what_is_not_recorded_does_not_count(self, stocked):
        make_wheel(stocked.folder, "coins", "1.1.5")
        assert pins(stocked.resolve(["coins"], BLUE)) == ["coins==1.1"]

    def test_all_that_is_missing_is_named_with_the_command(self, stocked, made):
        stocked.add([made("shop", "2.0", requires=["paper>1", "coins>1.1"])])
        with pytest.raises(KraftwerkError) as error:
            stocked.resolve(["shop", "ink==1", "typing>4"], BLUE)
        lines = error.value.cause.splitlines()
        assert lines[0] == "wheels are missing for blue (Python 3.11 on x86_64 (glibc 2.36)); nothing was touched:"
        assert sorted(lines[1:]) == [
            f"  coins>1.1 (for shop==2.0): coins-1.2-cp313-cp313-linux_x86_64.whl is not for {BLUE.words}",
            "  ink==1: no wheel of it",
            "  paper>1 (for shop==2.0): no wheel of it",
            "  typing>4: there is 3.0.2, 3.10.0 only",
        ]
        assert error.value.next_command == "kraftwerk wheels build ink==1 'typing>4' 'paper>1' 'coins>1.1' --for blue"

    def test_what_does_not_go_together_is_said_in_uvs_words(self, stocked, made):
        stocked.add([made("shop", "2.0", requires=["typing>=3.10"])])
        with pytest.raises(KraftwerkError, match="typing"):
            stocked.resolve(["till", "shop"], BLUE)

    def test_a_fork_is_found_by_its_address(self, stocked, made):
        line = "coins[paper] @ git+https://example.org/coins.git@main#subdirectory=x"
        with pytest.raises(KraftwerkError, match="no wheel was built from there"):
            stocked.resolve([line], BLUE)
        source = "git+https://example.org/coins.git@main at 0123abc"
        stocked.add([made("coins", "1.1+shop.1")], source=source)
        assert pins(stocked.resolve([line], BLUE)) == ["coins==1.1+shop.1"]
        assert pins(stocked.resolve(["-e git+https://example.org/coins.git@main#egg=coins"], BLUE)) == [
            "coins==1.1+shop.1"
        ]

    def test_folders_are_read_for_what_they_require(self, stocked, tmp_path):
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib" / "pyproject.toml").write_text(
            '[project]\nname = "own"\nversion = "1"\ndependencies = ["coins==1.0"]\n'
        )
        assert pins(stocked.resolve(["-e ./lib"], BLUE, tmp_path)) == ["coins==1.0"]
        assert origin.split(["-e ./lib", "--editable=./till"]).folders == ["./lib", "./till"]

    @pytest.mark.parametrize("line", ["till @ https://127.0.0.1:9/till-1.tar.gz", "./lib", "-f https://127.0.0.1:9/"])
    def test_nothing_but_the_house_is_asked(self, held, made, tmp_path, line):
        held.add([made("coins", "1.0")])
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib" / "pyproject.toml").write_text(
            '[project]\nname = "own"\nversion = "1"\ndependencies = ["till @ https://127.0.0.1:9/till-1.tar.gz"]\n'
        )
        if line.startswith("-f"):
            assert pins(held.resolve(["coins", line], BLUE, tmp_path)) == ["coins==1.0"]
        else:
            with pytest.raises(KraftwerkError, match=r"wheels are missing|connectivity is disabled"):
                held.resolve([line], BLUE, tmp_path)

    def test_of_an_address_no_password_is_recorded(self, stocked, made):
        url = "git+https://anna:secret@example.org/fork.git@main"
        part = build._part(f"coins @ {url.removesuffix('main')}{'0' * 40}", {"coins": url})
        assert part.source == f"git+https://example.org/fork.git@main at {'0' * 40}"
        stocked.add([made("coins", "1.1+shop.1")], source=part.source)
        assert pins(stocked.resolve([f"coins @ {url}"], BLUE)) == ["coins==1.1+shop.1"]
        with pytest.raises(KraftwerkError) as caught:
            stocked.resolve([f"till @ {url.replace('fork', 'till')}"], BLUE)
        assert "secret" not in str(caught.value)
        assert bare("git+ssh://git@example.org/fork.git") == "git+ssh://git@example.org/fork.git"

    def test_addresses_are_taken_apart(self):
        found = origin.address(
            "till[card] @ git+https://example.org/shop.git@main#subdirectory=pos/till ; os_name=='x'"
        )
        assert (found.name, found.extras, found.url) == ("till", "[card]", "git+https://example.org/shop.git@main")
        assert found.subdirectory == "pos/till"
        assert origin.address("till==1.0") is None

    def test_what_builds_folders_is_told_by_them(self, tmp_path):
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib" / "pyproject.toml").write_text('[build-system]\nrequires = ["hatchling>=1.20"]\n')
        (tmp_path / "old").mkdir()
        assert wanted.backends(tmp_path, ["./lib[extra]", "./old"]) == [
            *("hatchling>=1.20", "setuptools>=40.8", "editables>=0.3"),
        ]

    def test_a_file_of_requirements_may_be_anywhere(self, tmp_path, monkeypatch):
        (tmp_path / "lists").mkdir()
        (tmp_path / "lists" / "shop.txt").write_text("till==1.0\n-c limits.txt\n")
        (tmp_path / "lists" / "limits.txt").write_text("coins<2\n")
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        lines, root = wanted.chosen(None, "production", ["ink"], [str(tmp_path / "lists" / "shop.txt")])
        assert (lines, root) == (["ink", "till==1.0", "-c coins<2"], tmp_path / "elsewhere")
        with pytest.raises(KraftwerkError, match="no such file"):
            wanted.chosen(None, "production", [], ["missing.txt"])
        with pytest.raises(KraftwerkError, match="this is no project"):
            wanted.chosen(None, "production", [], [])

    def test_a_file_with_another_name_is_nobodys_business(self, stocked):
        (stocked.folder / "notes.whl").write_text("")
        assert [path.name for path in house.open(stocked.folder).strangers] == ["notes.whl"]

    def test_a_changed_file_is_refused_before_anything_else(self, stocked):
        path = stocked.folder / "coins-1.0-py3-none-any.whl"
        path.write_bytes(path.read_bytes() + b"\0")
        with pytest.raises(KraftwerkError, match=r"not what was recorded in release_log: coins-1\.0"):
            stocked.resolve(["typing"], BLUE)
        (problem,) = stocked.problems()
        assert problem[1].startswith("changed since it was recorded by ")


def test_prune_keeps_the_newest_and_what_is_required(held, made):
    held.add([made("till", version) for version in ("1.0", "1.1", "1.2", "1.10")])
    needed = [wheel for wheel in held.wheels if wheel.version == "1.0"]
    going = prunes.surplus(held, 2, needed)
    assert pins(going) == ["till==1.1"]
    held.remove(going)
    assert pins(house.open(held.folder).recorded) == ["till==1.0", "till==1.2", "till==1.10"]
    assert held.problems() == []


def test_prune_deletes_nothing_while_it_cannot_tell_what_is_required(held, tmp_path, monkeypatch):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "kraftwerk.yaml").write_text("name: shop\nwsgi: shop:application\n")
    (tmp_path / "shop" / "requirements.txt").write_text("till==1.0\n")
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    with pytest.raises(KraftwerkError, match=r"what shop requires can't be told, so nothing is deleted: wheels are"):
        prunes.needed(held, project.find_or_none(tmp_path / "shop"), "production", None)


def test_the_words_of_uv_and_pip():
    assert resolution.argv("uv", "py", "here", BLUE, "limits") == (
        *("uv", "pip", "compile", "--quiet", "--no-annotate", "--no-header", "--no-config", "--no-sources"),
        *("--no-python-downloads", "--offline", "--no-index", "--find-links", "here", "--constraints", "limits"),
        *("--python", "py"),
        *("--python-version", "3.11.2", "--python-platform", "x86_64-manylinux_2_36", "-"),
    )
    assert build.argv("uv", BLUE, "here", "pins", "limits", ["till"], deps=False) == (
        *("uv", "pip", "compile", "--quiet", "--no-annotate", "--no-header", "--no-python-downloads"),
        *("--constraints", "limits", "--find-links", "here", "--output-file", "pins", "--no-deps"),
        *("--python-version", "3.11.2", "--python-platform", "x86_64-manylinux_2_36"),
        *("--upgrade-package", "till", "-"),
    )
    words = fetch.ready_argv("uv", "py", ["till==1.0"], Target("3.13.5", "aarch64", "glibc 2.17"), "there")
    assert words == (
        *("uv", "tool", "run", "--quiet", "--no-python-downloads", "--python", "py", "pip", "download", "--quiet"),
        *("--disable-pip-version-check", "--no-input", "--no-deps", "--dest", "there", "--only-binary", ":all:"),
        *("--python-version", "3.13", "--implementation", "cp", "--abi", "cp313", "--abi", "abi3", "--abi", "none"),
        *("--platform", "manylinux_2_17_aarch64", "--platform", "manylinux2014_aarch64"),
        *("--platform", "linux_aarch64", "till==1.0"),
    )
    assert workshop.build_argv("uv", "py", ["--out-dir", "there", "source"]) == (
        *("env", "SOURCE_DATE_EPOCH=315532800", "uv", "build", "--quiet", "--wheel", "--no-python-downloads"),
        *("--python", "py", "--out-dir", "there", "source"),
    )


class TestLanding:
    """What takes wheels in on a node."""

    @staticmethod
    def packed(*members):
        buffer = BytesIO()
        with tarfile.open(fileobj=buffer, mode="w|") as archive:
            for name, content in members:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, BytesIO(content))
        return buffer.getvalue()

    @staticmethod
    def land(folder, stream):
        command = [sys.executable, "-ISc", program("wheelsland"), str(folder)]
        return subprocess.run(command, input=stream, capture_output=True, check=False)

    def test_wheels_lie_in_folders_named_by_their_hashes(self, tmp_path, made):
        wheel = made("till", "1.0")
        digest = sha256(wheel)
        assert (
            self.land(tmp_path / "store", self.packed((f"{digest}/{wheel.name}", wheel.read_bytes()))).returncode == 0
        )
        assert (tmp_path / "store" / digest / wheel.name).read_bytes() == wheel.read_bytes()

    def test_what_was_changed_on_its_way_does_not_land(self, tmp_path):
        done = self.land(tmp_path / "store", self.packed(("0" * 64 + "/till-1.0-py3-none-any.whl", b"changed")))
        assert b"arrived with other content" in done.stderr
        assert list((tmp_path / "store").iterdir()) == []

    def test_what_broke_off_leaves_the_whole_ones(self, tmp_path, made):
        wheels = [made("till", "1.0"), made("coins", "1.0", body="#" * 30000)]
        stream = self.packed(*((f"{sha256(wheel)}/{wheel.name}", wheel.read_bytes()) for wheel in wheels))
        done = self.land(tmp_path / "store", stream[:8192])
        assert done.returncode
        landed = [path.name for path in (tmp_path / "store").glob("*/*.whl")]
        assert landed == ["till-1.0-py3-none-any.whl"]
