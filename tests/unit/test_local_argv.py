"""What local nodes are made with, word for word."""

from pathlib import Path

from kraftwerk import localargv, privilege


def test_debootstrap():
    command = localargv.debootstrap(
        "bookworm", Path("/cache/.bookworm"), apt_options=Path("/s/apt.conf"), files=Path("/s/files.tar")
    )
    assert command == [
        "setpriv",
        "--pdeathsig",
        "KILL",
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        "--include=python3,openssh-server,systemd-sysv,dbus,iproute2,sudo,ca-certificates,rsync",
        "--aptopt=/s/apt.conf",
        "--dpkgopt=force-unsafe-io",
        "--customize-hook=tar-in /s/files.tar /",
        '--customize-hook=chroot "$1" update-ca-certificates',
        '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_*',
        "bookworm",
        "/cache/.bookworm",
    ]


def test_overlay_options():
    options = localargv.overlay_options([Path("/top"), Path("/base")], Path("/n/upper"), Path("/n/work"))
    assert options == ("lowerdir=/top:/base,upperdir=/n/upper,workdir=/n/work,index=off,redirect_dir=on,metacopy=off")


def test_nspawn():
    assert localargv.nspawn("blue", "10.77.0.11", Path("/n/root")) == [
        "systemd-nspawn",
        "--quiet",
        "--directory=/n/root",
        "--machine=kw-11",
        "--hostname=blue",
        "--network-namespace-path=/run/netns/kw-11",
        "--capability=CAP_NET_ADMIN",
        "--register=no",
        "--keep-unit",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--suppress-sync=yes",
        "--boot",
    ]


def test_supervise():
    command = ["systemd-nspawn", "--boot"]
    assert localargv.supervise("lowerdir=/base", Path("/n/root"), command, group="kraftwerk-kw-11", scope=False) == [
        "setsid",
        "--fork",
        "unshare",
        "--mount",
        "--propagation=slave",
        "sh",
        "-c",
        localargv.SUPERVISE,
        "kraftwerk-node",
        "lowerdir=/base",
        "/n/root",
        "kraftwerk-kw-11",
        "systemd-nspawn",
        "--boot",
    ]


def test_supervise_in_a_scope_where_systemd_runs():
    command = localargv.supervise("o", Path("/n/root"), ["true"], group="kraftwerk-kw-11", scope=True)
    assert command[-2:] == ["", "true"]
    assert command[:9] == [
        "setsid",
        "--fork",
        "systemd-run",
        "--quiet",
        "--scope",
        "--collect",
        "--property=Delegate=yes",
        "--unit=kraftwerk-kw-11",
        "--description=a local node of kraftwerk",
    ]


def test_bridge():
    assert localargv.bridge_up() == (
        "link add kwbr0 address 02:6b:77:62:72:30 type bridge\naddress add 10.77.0.1/24 dev kwbr0\nlink set kwbr0 up\n"
    )


def test_only_the_nodes_own_network_is_masqueraded():
    rules = [line.strip() for line in localargv.masquerade().splitlines()]
    assert "ip saddr 10.77.0.0/24 ip daddr != 10.77.0.0/24 masquerade" in rules


def test_attach():
    assert localargv.attach_here("10.77.0.11") == (
        "netns add kw-11\n"
        "link add kw-11 type veth peer name host0 address 02:6b:77:4d:00:0b netns kw-11\n"
        "link set kw-11 master kwbr0 up\n"
    )
    assert localargv.attach_there("10.77.0.11") == (
        "address add 10.77.0.11/24 dev host0\nlink set host0 up\nlink set lo up\nroute add default via 10.77.0.1\n"
    )


def test_forward():
    assert localargv.forward("-I") == [
        ["iptables", "-w", "-I", "FORWARD", "-i", "kwbr0", "-j", "ACCEPT"],
        ["iptables", "-w", "-I", "FORWARD", "-o", "kwbr0", "-j", "ACCEPT"],
    ]


def test_names_of_links_fit_into_the_kernels_fifteen_characters():
    assert max(len(localargv.link_of(localargv.address_of(number))) for number in range(11, 255)) <= 15


def test_an_ordinary_user_goes_through_sudo(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert privilege.words(["no-such-program", "-a", "b c"]) == ["sudo", "-n", "--", "no-such-program", "-a", "b c"]
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert privilege.words(["no-such-program"]) == ["no-such-program"]
