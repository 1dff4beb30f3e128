"""Hardware for moto's EC2: each machine is booted as a local node, by Debian's cloud-init and its own user data."""

import base64
import logging
import threading
from contextlib import ExitStack, contextmanager

import boto3

from kraftwerk import local, snapshot
from kraftwerk.transport import Connection

INSTALL = """\
apt-get update -qq >/dev/null
DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends cloud-init >/dev/null
printf 'datasource_list: [NoCloud]\\nnetwork: {config: disabled}\\n' >/etc/cloud/cloud.cfg.d/99-seed.cfg
touch /etc/cloud/cloud-init.disabled
"""
SEED = """\
rm -rf /root/.ssh /etc/ssh/ssh_host_* /etc/cloud/cloud-init.disabled
mkdir -p /var/lib/cloud/seed/nocloud
printf 'instance-id: %s\\n' "$1" >/var/lib/cloud/seed/nocloud/meta-data
printf '%s' "$2" >/var/lib/cloud/seed/nocloud/user-data
"""
POLL = 0.1  # seconds between two looks at what was ordered
logging.getLogger("botocore").setLevel(logging.WARNING)  # it says everything, user data too


@contextmanager
def image(name, make_node, base):
    """Yield the base of machines: that of a converged node with Debian's cloud-init, which finds its data on the disk.

    Args:
        name: of the base, and of the node that it is made of.
        make_node: the factory of local nodes.
        base: the converged one.
    """
    connection = make_node(name, base=base)
    connection.script(INSTALL, timeout=180)
    connection.close()
    local.stop(name)
    snapshot.keep(name, name)
    local.destroy(name)
    yield name
    snapshot.remove(name)


class Datacentre:
    """Boots what is ordered at moto, in the background; what is terminated there is switched off here."""

    def __init__(self, moto, base):
        self.moto, self.base = moto, base
        known = moto.arguments
        self.ec2 = boto3.client(
            "ec2",
            endpoint_url=f"http://127.0.0.1:{moto.port}",
            aws_access_key_id=known["key"],
            aws_secret_access_key=known["secret"],
            region_name=known["region"],
        )
        self.addresses = {}  # of machines by their names
        self.hardware = {}  # the local nodes' names by the machines' ids
        self.failure = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def machines(self, name=""):
        """Return the machines that moto has, with their state, those that ended too; of one name, if one is given."""
        found = [each for one in self.ec2.describe_instances()["Reservations"] for each in one["Instances"]]
        return [each for each in found if not name or name_of(each) == name]

    def states(self, name):
        """Return the states of all machines of a name, the ended ones too."""
        return [each["State"]["Name"] for each in self.machines(name)]

    def user_data(self, machine):
        """Return what a machine was told for its first boot."""
        answer = self.ec2.describe_instance_attribute(InstanceId=machine, Attribute="userData")
        return base64.b64decode(answer["UserData"]["Value"]).decode()

    def __enter__(self):
        self.moto.settings(addresses=self.addresses)
        self.thread.start()
        return self

    def __exit__(self, *failure):
        self.over.set()
        self.thread.join()
        for hardware in self.hardware.values():
            local.destroy(hardware)
        assert self.failure is None, self.failure

    def _watch(self):
        with ExitStack() as stack:
            stack.callback(self.over.set)
            try:
                while not self.over.wait(POLL):
                    for each in self.machines():
                        self._follow(each)
            except Exception as error:
                self.failure = error
                raise

    def _follow(self, machine):
        identity, state = machine["InstanceId"], machine["State"]["Name"]
        if state == "running" and identity not in self.hardware:
            self.hardware[identity] = f"dc-{len(self.hardware)}"
            self._boot(identity, name_of(machine))
        elif state == "terminated" and identity in self.hardware:
            local.destroy(self.hardware[identity])

    def _boot(self, identity, name):
        """Boot a fresh machine; moto tells its address only now."""
        hardware = self.hardware[identity]
        connection = Connection(local.create(hardware, base=self.base))
        connection.script(SEED, identity, self.user_data(identity))
        local.stop(hardware)
        self.addresses[name] = local.start(hardware).host
        self.moto.settings(addresses=self.addresses)


def name_of(machine):
    """Return a machine's name, which EC2 keeps as a tag."""
    return next((tag["Value"] for tag in machine.get("Tags", []) if tag["Key"] == "Name"), "")
