"""What programs and applications are told of a MariaDB: on this node, on another one, elsewhere."""

import pytest

ELSEWHERE = "mysql://far:hu%20sh@db.example.com/far?charset=utf8mb4&ssl_ca=/etc/ssl/db.pem"


@pytest.fixture
def server(loaders, options_of_services):
    """Make the server of an instance with some options."""

    def make(**options):
        options_of_services(options)
        return loaders.modules["kw_mysqlserver.of"]("shop")

    return make


def test_on_this_node_the_socket_says_who_comes(server):
    here = server()
    assert here.variables("shop")["MYSQL_URL"].startswith("mysql://web-shop@localhost/shop?unix_socket=/run/mysqld/")
    assert here.manners() == ["--no-defaults", "--protocol=socket"]


def test_an_address_on_another_node_tells_drivers_and_programs_to_encrypt(server, loaders):
    url = loaders.modules["kw_mysql.url"]("shop", "192.0.2.7", "hu sh/")
    there = server(url=url)
    file = "/etc/mysql/kraftwerk-client.cnf"
    assert url == f"mysql://web-shop:hu%20sh%2F@192.0.2.7:3306/shop?charset=utf8mb4&read_default_file={file}"
    assert there.variables("shop~0123456789ab") == {
        "MYSQL_URL": url.replace("/shop?", "/shop~0123456789ab?"),
        "MYSQL_DATABASE": "shop~0123456789ab",
        "MYSQL_USER": "web-shop",
        "MYSQL_HOST": "192.0.2.7",
        "MYSQL_PWD": "hu sh/",
        "MYSQL_TCP_PORT": "3306",
        "MYSQL_OPTION_FILE": file,
    }
    assert there.manners() == [f"--defaults-file={file}"]
    lines = there._options().splitlines()
    assert lines[:2] == [f"!include {file}", "[client]"]
    assert 'password="hu sh/"' in lines and not [line for line in lines if "verify" in line]


def test_what_an_address_elsewhere_says_of_certificates_holds(server):
    there = server(url=ELSEWHERE)
    assert there.manners() == ["--no-defaults", "--loose-ssl-verify-server-cert=0", "--ssl-ca=/etc/ssl/db.pem"]
    assert 'ssl-ca="/etc/ssl/db.pem"' in there._options()
    strict = server(url=f"{ELSEWHERE}&ssl_verify_server_cert=1")
    assert "--ssl-verify-server-cert=1" in strict.manners()
    assert "MYSQL_OPTION_FILE" not in strict.variables("far")


def test_the_server_gets_what_it_would_have_made_of_a_password(loaders):
    # What MariaDB's PASSWORD('password') returns.
    assert loaders.modules["kw_mysqlclient.verifier"]("password") == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
