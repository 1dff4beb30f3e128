"""What a new machine in a cloud is told."""

import yaml

from kraftwerk import cloudinit, hostkey

AUTHORIZED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJxA8vRdbDhKBuj17Bp8iLjWMgS3x6XFNoiKG admin\n"


def test_the_user_data_is_cloud_init_s_and_nothing_of_the_key_is_lost_in_yaml():
    private, public = hostkey.make()
    text = cloudinit.user_data("web1", host_key=(private, public), authorized_key=AUTHORIZED)
    assert text.startswith("#cloud-config\n")
    assert yaml.safe_load(text) == {
        "hostname": "web1",
        "manage_etc_hosts": "localhost",
        "ssh_deletekeys": True,
        "ssh_keys": {"ed25519_private": private, "ed25519_public": public.strip()},
        "disable_root": False,
        "ssh_pwauth": False,
        "ssh_authorized_keys": [AUTHORIZED.strip()],
    }
    assert len(text) < 4096, "the narrowest cloud takes 16 kB"


def test_a_name_with_dots_is_the_machine_s_whole_name():
    told = yaml.safe_load(cloudinit.user_data("web1.example.com", host_key=("", ""), authorized_key=AUTHORIZED))
    assert (told["hostname"], told["fqdn"]) == ("web1", "web1.example.com")
