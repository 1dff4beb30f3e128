"""Plain ssh, one fresh connection for each command; on several nodes by xargs."""

from collections.abc import Sequence

from tests.benchmarks.peers.peer import Peer


class Ssh(Peer):
    """OpenSSH's client."""

    name = "ssh"

    def one_off(self, nodes: Sequence[str], words: Sequence[str]) -> list[str]:
        command = ["ssh", "-F", str(self.lab.folder / "ssh_config")]
        if len(nodes) == 1:
            return [*command, nodes[0], *words]
        each = ["xargs", "-P", str(len(nodes)), "-I", "NODE", *command, "-n", "NODE", *words]
        return ["sh", "-c", 'printf "%s\\n" $1 | { shift; "$@"; }', "sh", " ".join(nodes), *each]

    def version(self) -> str:
        return self.lab.run(["ssh", "-V"]).stdout.split(",")[0]
