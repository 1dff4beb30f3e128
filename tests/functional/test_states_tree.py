"""The whole tree, compiled by Salt for several nodes: it renders, requisites resolve, and the right states come out."""

import copy

import pytest
import salt.state

GRAINS = {"nodename": "blue", "osfinger": "Debian-12", "num_cpus": 2, "mem_total": 2000, "ipv6": ["::1"], "id": "blue"}
MYSITE = {
    "name": "mysite",
    "project": "mysite",
    "environment": "production",
    "wsgi": "mysite.wsgi",
    "workers": None,
    "services": ["postgres", "files"],
    "processes": {"mail": "python manage.py 'send mail'"},
    "cron": {"clear": {"at": "17 3 * * *", "run": "date +%F"}},
    "static": {"/static/": "staticfiles"},
    "domains": ["mysite.blue"],
    "aliases": ["old.blue"],
    "present": True,
}
BARE = {"name": "bare", "project": "bare", "wsgi": "app:app", "present": True}


@pytest.fixture
def compile_tree(loaders, minion_opts):
    """Compile top.sls for a node with some instances; returns the low states by ID."""

    def compiled(*instances, grains=None, own=(), **pillar):
        opts = copy.deepcopy(minion_opts)
        opts["file_roots"]["base"] = [*own, *opts["file_roots"]["base"]]
        opts["grains"] = {**loaders.grains, **GRAINS, **(grains or {})}
        node = {"name": "blue", "address": "192.0.2.1", "provider": "local"}
        tree = {"node": node, "instances": {each["name"]: each for each in instances}, **pillar}
        high = salt.state.HighState(opts, pillar_override={"kraftwerk": tree})
        low = high.compile_low_chunks()
        assert all(isinstance(chunk, dict) for chunk in low), low
        problems = [chunk for chunk in low if "state" not in chunk]
        assert not problems
        return {chunk["__id__"]: chunk for chunk in low}

    return compiled


def test_an_empty_node_has_no_instances_and_no_services(compile_tree):
    low = compile_tree()
    assert "nginx/service/running" in low
    assert not [name for name in low if name.startswith(("project/", "services/"))]


def test_services_follow_from_what_instances_use(compile_tree):
    assert not [name for name in compile_tree(BARE) if name.startswith("services/")]
    low = compile_tree(MYSITE, BARE)
    assert [name for name in low if name.startswith("services/postgres/database/")] == [
        "services/postgres/database/mysite"
    ]
    assert low["services/files/folder/mysite"]["name"] == "/web/mysite/uploads"


def test_the_map_fills_in_what_an_instance_leaves_out(compile_tree):
    low = compile_tree(BARE, MYSITE)
    bare = low["project/web/bare/a"]["context"]["instance"]
    assert (bare["user"], bare["root"], bare["callable"], bare["workers"]) == ("web-bare", "/web/bare", "app:app", 4)
    assert low["project/web/mysite/a"]["context"]["instance"]["callable"] == "mysite.wsgi:application"


def test_a_web_node_lets_in_its_balancer_alone_and_leaves_https_to_it(compile_tree):
    given = {"node": "web1", "here": False, "port": 8480, "from": {"web1": "192.0.2.9"}}
    led = {**BARE, "tls": "internal", "balancer": given}
    low = compile_tree(led)
    assert low["services/clients/files"]["context"] == {"doors": {"8480": ["192.0.2.9"]}}
    assert low["project/nginx/bare"]["context"]["instance"]["balancer"] == given
    assert "tls/clean/bare" in low and "tls/config/bare" not in low
    low = compile_tree({**led, "balancer": {**given, "here": True, "from": {}}})
    assert low["services/clients/files"]["context"] == {"doors": {"8480": []}}
    assert low["project/balancer/bare"]["fun"] == "directory" and "tls/config/bare" in low
    assert not [name for name in compile_tree(BARE) if name.startswith("project/balancer/")]


def test_workers_never_use_up_a_small_node_s_memory(compile_tree):
    low = compile_tree(BARE, grains={"num_cpus": 8, "mem_total": 1000})
    assert low["project/web/bare/a"]["context"]["instance"]["workers"] == 3


def test_a_small_node_s_workers_share_what_is_loaded_unless_the_project_says_otherwise(compile_tree):
    small = {"num_cpus": 1, "mem_total": 512}
    found = compile_tree(BARE, MYSITE | {"preload": False, "timeout": 90}, grains=small)
    chosen = [found[f"project/web/{name}/a"]["context"]["instance"] for name in ("bare", "mysite")]
    assert [(each["workers"], each["preload"], each["timeout"]) for each in chosen] == [(2, True, 60), (2, False, 90)]


def test_the_registry_holds_the_instance_as_it_came(compile_tree):
    assert compile_tree(MYSITE)["project/registry/mysite"]["dataset"] == MYSITE


def test_the_env_follows_the_services_data(compile_tree):
    low = compile_tree(MYSITE)
    required = [next(iter(each.values())) for each in low["project/env/mysite"]["require"]]
    assert {"services/postgres/database/mysite", "services/files/folder/mysite"} <= set(required)


def test_an_instance_on_its_way_out_goes_only_as_far_as_it_is_told(compile_tree):
    gone = {**MYSITE, "present": False}
    low = compile_tree(gone, BARE)
    assert not [name for name in low if name.startswith("project/clean/")]
    assert low["services/postgres/clean/mysite"]["what"] == []
    low = compile_tree({**gone, "remove": ["processes", "source"]})
    assert {"project/clean/mysite/processes", "project/clean/mysite/source"} <= set(low)
    assert "project/clean/mysite/home" not in low
    low = compile_tree({**gone, "remove": ["processes", "source", "tables", "database", "owner"]})
    for last in ("run", "home"):
        assert low[f"project/clean/mysite/{last}"]["require"] == [{"kw_runit": "project/clean/mysite/processes"}]


def test_settings_of_the_admin_win_over_defaults(compile_tree):
    low = compile_tree(
        MYSITE,
        index_url="https://index.example/simple",
        settings={
            "postgres": {"options": {"shared_buffers": "1GB"}},
            "nginx": {"options": {"types_hash_max_size": 4096}},
        },
    )
    assert low["services/postgres/config/file"]["context"]["options"] == {
        "listen_addresses": "'localhost'",
        "shared_buffers": "1GB",
    }
    assert low["nginx/config/kraftwerk.conf"]["context"]["options"]["types_hash_max_size"] == 4096
    assert low["python/config/uv"]["context"]["index_url"] == "https://index.example/simple"
    assert low["python/config/uv"]["show_diff"] is True


def test_the_password_of_an_index_is_in_no_diff(compile_tree):
    low = compile_tree(MYSITE, index_url="https://anna:secret@index.example/simple")
    assert low["python/config/uv"]["show_diff"] is False


@pytest.mark.parametrize(("osfinger", "version"), [("Debian-12", "15"), ("Debian-13", "17"), ("Ubuntu-24.04", "16")])
def test_the_server_s_folder_follows_the_distribution(compile_tree, osfinger, version):
    low = compile_tree(MYSITE, grains={"osfinger": osfinger})
    assert low["services/postgres/config/file"]["name"] == f"/etc/postgresql/{version}/main/conf.d/kraftwerk.conf"


def test_without_caching_nothing_is_kept(compile_tree):
    instance = compile_tree(MYSITE)["project/nginx/mysite"]["context"]["instance"]
    assert (instance["caching"]["static"], instance["caching"]["pages"]) == ("off", {})
    low = compile_tree(MYSITE)["project/nginx/mysite/cache"]
    assert (low["fun"], low["require"]) == ("absent", [{"cmd": "nginx/service/loaded"}])


def test_caching_goes_over_what_the_admin_says_for_all_sites(compile_tree):
    caching = {"static": "30d", "pages": {"/": "10s"}}
    settings = {"project": {"caching": {"uploads": "1h", "static": "1d", "pages": {"/news/": "1m"}}}}
    low = compile_tree({**MYSITE, "caching": caching}, settings=settings)
    found = low["project/nginx/mysite"]["context"]["instance"]["caching"]
    assert (found["static"], found["uploads"], found["size"]) == ("30d", "1h", "100m")
    assert found["pages"] == {"/news/": "1m", "/": "10s"}
    assert low["project/nginx/mysite/cache"]["fun"] == "directory"


def test_a_cdn_s_addresses_follow_what_the_site_has(compile_tree):
    assert "urls" not in compile_tree(MYSITE)["project/env/mysite"]
    cdn = {"url": "https://cdn.test", "bucket": "", "uploads": True}
    static, media = "https://cdn.test/static/", "https://cdn.test/uploads/"
    low = compile_tree({**MYSITE, "cdn": cdn})
    assert low["project/env/mysite"]["urls"] == {"STATIC_URL": static, "MEDIA_URL": media}
    assert "cdn/package/installed" not in low
    low = compile_tree({**MYSITE, "cdn": {**cdn, "bucket": "s3://b", "uploads": False}}, {**BARE, "cdn": cdn})
    assert low["project/env/mysite"]["urls"] == {"STATIC_URL": static}
    assert low["project/env/bare"]["urls"] == {}
    assert low["cdn/package/installed"]["pkgs"] == ["python3-libcloud"]


def test_states_of_a_project_s_own_run_where_it_has_an_instance(compile_tree, tmp_path):
    (tmp_path / "mysite").mkdir()
    for name in ("init", "clean"):
        text = f"mysite/{name}:\n  test.nop: []\n"
        (tmp_path / "mysite" / f"{name}.sls").write_text(text)
    own = [str(tmp_path)]
    assert "mysite/init" in compile_tree(MYSITE, BARE, own=own)
    assert "mysite/init" not in compile_tree(BARE, own=own)
    assert "mysite/clean" not in compile_tree(MYSITE, own=own)
    staging = {**MYSITE, "name": "mysite-staging", "environment": "staging", "present": False}
    assert {"mysite/init", "mysite/clean"} <= set(compile_tree(MYSITE, staging, own=own))
    assert not [name for name in compile_tree(MYSITE) if name.startswith("mysite/")]


def test_a_node_has_a_minion_where_a_master_is_named(compile_tree):
    assert not [name for name in compile_tree(MYSITE) if name.startswith("minion/")]
    low = compile_tree(MYSITE, settings={"minion": {"master": "192.0.2.9", "version": "3008.1"}})
    assert "'salt==3008.1'" in low["minion/package/salt"]["name"]
    assert low["minion/config/file"]["context"]["minion"]["name"] == "blue"


def test_the_minion_is_restarted_last_so_that_a_run_through_it_can_report(compile_tree):
    low = compile_tree(MYSITE, settings={"minion": {"master": "192.0.2.9"}})
    assert max(low.values(), key=lambda chunk: chunk["order"])["__id__"] == "minion/service/loaded"


def test_where_some_projects_are_converged_only_a_look_at_the_node_still_sees_the_others(compile_tree):
    low = compile_tree(BARE, others={"mysite": MYSITE, "gone": {**MYSITE, "name": "gone", "present": False}})
    context = low["health/probes/file"]["context"]
    assert list(context["instances"]) == ["mysite", "bare"]
    assert "postgres" in context["checks"]
    assert not [name for name in low if "mysite" in name or name.startswith("services/")]


def test_a_redis_for_other_nodes_alone_has_a_user_of_its_own(compile_tree):
    given = {"clients": {"web1": "192.0.2.1"}, "listen": {"web1": "192.0.2.7"}, "password": "x"}
    part = {**BARE, "services": ["redis"], "options": {"redis": given}, "environment": "production", "remove": []}
    low = compile_tree(data={"bare": part})
    assert low["services/redis/server/bare/user"]["name"] == "keys-bare"
    assert low["services/redis/unit/bare"]["context"] == {"name": "bare", "user": "keys-bare", "clients": ["192.0.2.1"]}
    assert {"nftables", "openssl"} < set(low["services/redis/package/installed"]["pkgs"])
    low = compile_tree({**BARE, "services": ["redis"]}, data={"bare": part})
    assert "services/redis/server/bare/user" not in low
    assert low["services/redis/unit/bare"]["context"]["user"] == "web-bare"
    assert '"/etc/service/bare-$each"' in low["services/redis/server/bare/told"]["name"]


def test_redis_and_memcached_have_a_server_for_each_site_or_none_where_it_is_elsewhere(compile_tree):
    both = {"services": ["redis", "memcached"], "options": {"memcached": {"memory": "1gb"}}}
    low = compile_tree({**MYSITE, **both}, {**BARE, "services": ["memcached"]})
    assert low["services/redis/server/mysite"]["name"] == "mysite" and "services/redis/server/bare" not in low
    megabytes = [low[f"services/memcached/server/{name}"]["context"]["memory"] for name in ("mysite", "bare")]
    assert megabytes == [1024, 64]
    # Before any package: they would start servers with a port.
    ordered = sorted(low.values(), key=lambda chunk: chunk["order"])
    names = [chunk["__id__"] for chunk in ordered]
    for service in ("redis", "memcached"):
        packages = names.index(next(chunk["__id__"] for chunk in ordered if chunk["state"] == "pkg"))
        assert names.index(f"services/{service}/package/masked") < packages

    away = {"redis": {"url": "redis://192.0.2.5/1"}, "memcached": {"url": "memcached://192.0.2.5"}}
    low = compile_tree({**MYSITE, **both, "options": away})
    assert low["services/redis/package/installed"]["pkgs"] == ["redis-tools", "zstd"]
    assert not [name for name in low if "masked" in name or "redis/server" in name or "memcached/server/mysite" in name]
    units = low["health/probes/file"]["context"]["health"]["units"]
    assert not {"service/redis", "service/memcached"} & set(units)


def test_servers_for_other_nodes_encrypt_and_the_kernel_lets_in_those_nodes_alone(compile_tree):
    given = {"clients": {"web1": "192.0.2.1", "web2": "2001:db8::2"}, "listen": {"web1": "192.0.2.7"}, "password": "x"}
    names = ["mysql", "postgres"]
    part = {**BARE, "services": names, "options": dict.fromkeys(names, given), "environment": "staging", "remove": []}
    low = compile_tree(data={"bare": part})
    options = low["services/mysql/config/file"]["context"]["options"]
    assert (options["bind_address"], options["ssl_cert"]) == ("192.0.2.7", "/etc/mysql/kraftwerk.crt")
    assert "skip_networking" not in options
    clients = ["192.0.2.1", "2001:db8::2"]
    assert low["services/clients/files"]["context"] == {"doors": {"3306": clients, "5432": clients}}
    assert "services/clients/dead" not in low
    assert low["health/probes/file"]["context"]["health"]["units"]["service/clients"]["unit"] == "kraftwerk-clients"
    shut = {**part, "options": {name: {**given, "clients": {}, "listen": {}} for name in names}}
    low = compile_tree(data={"bare": shut})
    assert low["services/mysql/config/file"]["context"]["options"]["skip_networking"] == "ON"
    assert "services/clients/dead" in low and "services/clients/running" not in low
    own = {"settings": {"postgres": {"port": 0}}}
    assert list(compile_tree(data={"bare": part}, **own)["services/clients/files"]["context"]["doors"]) == ["3306"]


def test_where_data_is_on_another_node_drivers_are_told_to_encrypt(compile_tree):
    away = {**BARE, "services": ["mysql"], "options": {"mysql": {"node": "db1", "password": "x"}}}
    low = compile_tree(away)
    assert low["services/mysql/package/client"]["name"] == "/etc/mysql/kraftwerk-client.cnf"
    assert low["services/mysql/package/installed"]["pkgs"] == ["mariadb-client", "zstd"]
    assert "services/mysql/package/client" not in compile_tree({**BARE, "services": ["mysql"]})


def test_couchdb_and_what_runs_it_listen_on_the_node_itself_alone(compile_tree):
    low = compile_tree({**MYSITE, "services": ["couchdb"]})
    assert "Environment=ERL_EPMD_ADDRESS=127.0.0.1" in low["services/couchdb/config/unit"]["contents"]
    assert {"file": "services/couchdb/config/unit"} in low["services/couchdb/config/service"]["watch"]


def test_a_site_in_sites_available_needs_nothing_else_in_nginx(compile_tree):
    site = {**MYSITE, "nginx_site": {"layout": "debian", "replaces": ["sites-enabled/default"]}}
    low = compile_tree(site)
    assert low["project/nginx/mysite"]["name"] == "/var/lib/kraftwerk/nginx/mysite/wanted"
    assert low["project/site/mysite"]["replaces"] == ["sites-enabled/default"]
    assert "nginx/config/kraftwerk.conf" not in low and "nginx/config/none" in low
    assert "nginx/config/kraftwerk.conf" in compile_tree(site, BARE)
    assert "nginx/config/kraftwerk.conf" in compile_tree({**site, "domains": [f"{'long' * 11}.example.com"]})


def test_nothing_of_a_site_goes_where_nginx_still_needs_it(compile_tree):
    gone = {**MYSITE, "present": False, "remove": ["processes", "source"], "nginx_site": {"layout": "debian"}}
    low = compile_tree(gone)
    assert (low["project/site/mysite"]["state"], low["project/site/mysite"]["fun"]) == ("kw_nginx", "absent")
    assert {"kw_nginx": "project/site/mysite"} in low["project/clean/mysite/processes"]["require"]
    assert {"kw_runit": "project/clean/mysite/processes"} in low["project/clean/mysite/source"]["require"]


def test_of_a_worker_as_many_are_kept_as_are_said_and_scaled(compile_tree):
    worker = {"run": "mail", "count": 2, "stop": {"signal": "INT", "seconds": 60}}
    site = {**MYSITE, "processes": {"clock": "tick", "mail": worker, "jobs": "huey_consumer jobs.huey"}}
    kept = ["mysite-web-a", "mysite-web-b", "mysite-clock", "mysite-mail", "mysite-mail.2", "mysite-jobs"]
    low = compile_tree(site)
    assert low["project/process/mysite/only"]["keep"] == kept
    stops = {
        unit: low[f"project/process/mysite/{unit}/stop"]["context"]["worker"] for unit in ("clock", "mail", "jobs")
    }
    assert {unit: (stop["signal"], stop["seconds"]) for unit, stop in stops.items()} == {
        "clock": ("TERM", 0),
        "mail": ("INT", 60),
        "jobs": ("INT", 0),  # Huey drops its tasks when it is told to end as all others are
    }
    scaled = compile_tree({**site, "scale": {"web": 7, "mail": 1, "clock": 0}})
    assert scaled["project/process/mysite/only"]["keep"] == [kept[0], kept[1], "mysite-mail", "mysite-jobs"]
    assert scaled["project/web/mysite/a"]["context"]["instance"]["workers"] == 7


def test_sites_without_https_get_nothing_of_it_and_what_was_there_goes(compile_tree):
    low = compile_tree(MYSITE, BARE)
    assert [name for name in low if name.startswith("tls/")] == [
        "tls/clean/mysite",
        "tls/clean/bare",
        "tls/clean/none",
    ]
    assert low["tls/clean/mysite"]["require"] == [{"cmd": "nginx/service/loaded"}]


def test_sites_with_https_are_those_of_all_projects_on_the_node(compile_tree):
    low = compile_tree({**MYSITE, "tls": "internal"}, others={"other": {**BARE, "name": "other", "tls": "auto"}})
    assert low["tls/package/installed"]["pkgs"] == ["openssl", "dehydrated"]
    assert list(low["tls/config/sites"]["context"]["sites"]) == ["other", "mysite"]
    assert {"tls/config/other", "tls/config/mysite", "tls/timer/running"} < set(low)
    assert not [name for name in low if name.startswith("tls/clean/")]
    assert compile_tree({**MYSITE, "tls": "internal"})["tls/package/installed"]["pkgs"] == ["openssl"]


def test_a_site_on_its_way_is_asked_for_by_acme_once_it_is_there(compile_tree):
    assert "tls/config/mysite" not in compile_tree({**MYSITE, "tls": "auto", "arriving": "green"})
    assert "tls/config/mysite" in compile_tree({**MYSITE, "tls": "internal", "arriving": "green"})


def test_a_site_that_moved_away_keeps_its_certificate_one_that_goes_does_not(compile_tree):
    gone = {**MYSITE, "tls": "auto", "present": False, "remove": ["processes"]}
    assert "tls/clean/mysite" in compile_tree(gone)
    low = compile_tree({**gone, "moved": "192.0.2.7"})
    assert "tls/clean/mysite" not in low and "rm -rf /var/lib/kraftwerk/tls\n" not in low["tls/clean/none"]["name"]


@pytest.mark.parametrize(
    ("osfinger", "directive"), [("Debian-12", False), ("Debian-13", True), ("Ubuntu-24.04", False)]
)
def test_http2_is_said_as_the_node_s_nginx_knows_it(compile_tree, osfinger, directive):
    low = compile_tree({**MYSITE, "tls": "internal"}, grains={"osfinger": osfinger})
    assert low["tls/config/mysite"]["context"]["directive"] is directive
