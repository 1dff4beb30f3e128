"""The security group of kraftwerk's machines, at clouds that let nothing in unless they are told: ssh, http, https."""

from typing import Any

NAME = "kraftwerk"
DESCRIPTION = "ssh and web, made by kraftwerk"
PORTS = (443, 80, 22)  # ssh last: a group that has it is complete, whatever somebody changed of it since
ANYWHERE = "0.0.0.0/0"


def ec2(driver: Any) -> None:
    """Make the group at EC2, if it isn't there."""
    if NAME not in driver.ex_list_security_groups():
        try:
            driver.ex_create_security_group(NAME, DESCRIPTION)
        except Exception as error:
            if "InvalidGroup.Duplicate" not in str(error):  # else another was quicker
                raise
    group = driver.ex_get_security_groups(group_names=[NAME])[0]
    if not any(str(rule.get("from_port")) == "22" for rule in group.ingress_rules):
        for port in PORTS:
            driver.ex_authorize_security_group(NAME, port, port, ANYWHERE)


def openstack(driver: Any) -> Any:
    """Return the group at an OpenStack, made if it isn't there."""
    found = [group for group in driver.ex_list_security_groups() if group.name == NAME]
    group = found[0] if found else driver.ex_create_security_group(NAME, DESCRIPTION)
    if not any(rule.from_port == 22 for rule in group.rules):
        for port in PORTS:
            driver.ex_create_security_group_rule(group, "tcp", port, port, ANYWHERE)
    return group
