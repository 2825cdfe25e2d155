"""Paths are given to the kernel only where nobody but us can write; everywhere else `cluster.files.Directory` works.

What the host does to files is in compose/ and in some of cluster/. Each function there that does so by path is named
below with the reason why no container and no other user can have put a link on that path. A new one fails this test:
work below data/<service>, a node's or a copy's directory goes through `Directory`.
"""

import ast
from collections.abc import Iterator

import pytest

from cluster.config.env_file import PROJECT_ROOT

SECRETS = "secrets/ is closed to everybody else, and looked at before (compose/home/permissions.py)"
RENDERED = "rendered/ is ours alone; containers see it read-only"
HOME = "the home itself, data/ and their files: checked when the home is opened (compose/home/permissions.py)"
CONFIG = "config/ is the user's own; containers see it read-only"
SYSTEM = "the system's own files"
CODE = "PODS' own files"
USERS = "a path that the user gave"
OWN_FOLDER = "a temporary directory that was made for it, mode 0700"

ALLOWED = {
    "cluster/backup_status.py": "in the backup service's container, its own folder",
    "cluster/files.py:write_atomically": "for such paths only",
    "cluster/files.py:open": "for such paths only",
    "cluster/mounts.py": SYSTEM,
    "cluster/http/sockets.py:routed_address": SYSTEM,
    "cluster/files.py:replace_file": "in a service's container, its own folder",
    "cluster/files.py:sync_directory": "in a service's container, its own folder",
    "cluster/lock.py": HOME + "; in a service's container, its own folder",
    "cluster/guide_status.py": "in containers: its own, which writes there, and its readers'",
    "cluster/supervisor_status.py": "in containers: its own, which writes there, and its readers'",
    "cluster/certificate_report.py:read_ends": RENDERED,
    "cluster/history.py:read_latest": HOME + "; " + RENDERED,
    "cluster/image_report.py:read_report": RENDERED,
    "cluster/config/mounted.py": "inside a container",
    "cluster/queries/__init__.py:source": CODE,
    "cluster/config/text_file.py": HOME,
    "cluster/config/env_file.py": HOME,
    "cluster/topology_file.py:load": HOME,
    "cluster/topology_file.py:save": HOME,
    "cluster/config/validators.py": USERS,
    "compose/home/web_passwords.py": SECRETS,
    "compose/engine/apt.py": SYSTEM,
    "compose/operations/backups/restore.py:restore_into": USERS,
    "compose/operations/hosts/export.py": USERS,
    "compose/operations/hosts/finish_move.py": RENDERED,
    "compose/operations/hosts/unprepare.py": RENDERED,
    "compose/operations/replicas/remote_site.py": RENDERED + "; " + SECRETS,
    "compose/render/remote_replica.py": CODE,
    "compose/operations/backups/sandbox.py:_remove_left": "data/.sandbox is ours",
    "compose/engine/image_build.py": CODE,
    "compose/home/certificate_authority.py": SECRETS,
    "compose/home/certificates.py": SECRETS,
    "compose/home/ha_certificates.py": SECRETS,
    "compose/home/hosts_secrets.py": SECRETS,
    "compose/home/hosts_state_file.py": HOME,
    "compose/operations/databases/extension_guard.py": RENDERED,
    "compose/operations/copies/lifecycle.py:leave": RENDERED + "; " + SECRETS,
    "compose/operations/copies/lifecycle.py:reload_all": RENDERED + "; " + SECRETS,
    "compose/operations/databases/last_state.py": "data/.aside is ours",
    "compose/operations/log_findings.py:examine_logs": "data/logs is ours; containers write below it",
    "compose/operations/doctor.py:_leftovers": "data/.aside is ours; only the names in it are read",
    "compose/operations/doctor.py:_permissions": HOME,
    "compose/operations/down.py:down": HOME,
    "compose/operations/down.py:_purge": HOME,
    "compose/operations/down.py:_forget_secrets": SECRETS,
    "compose/engine/daemon.py": SYSTEM,
    "compose/commands/completion.py:script": CODE,
    "compose/commands/executor.py": SYSTEM,
    "compose/commands/program.py:print_version": CODE,
    "compose/home/node_data.py:beside": "the directory in data/ itself, not what is in it",
    "compose/home/node_data.py:remove_server": "the directory in data/ itself, not what is in it",
    "compose/home/primary_journal.py:read_journal": HOME,
    "compose/home/primary_journal.py:publish_journal": RENDERED,
    "compose/home/primary_journal.py:_append": HOME,
    "compose/home/paths.py:make_private_directory": HOME,
    "compose/home/paths.py:_check_link": HOME,
    "compose/home/paths.py:make_service_directories": CONFIG,
    "compose/home/paths.py:make_copies_directory": HOME,
    "compose/home/paths.py:is_at": HOME,
    "compose/home/store_directory.py": "the store's directory itself; what is in it by Directory",
    "compose/home/paths.py:own_disks": "the directories in data/ themselves, not what is in them",
    "compose/home/paths.py:linked_directories": HOME,
    "compose/engine/host.py": SYSTEM,
    "compose/engine/package_changes.py:_packages": "a tar in memory",
    "compose/engine/package_changes.py:waiting": RENDERED,
    "compose/home/operation_lock.py:exclusive": HOME,
    "compose/home/permissions.py": "looks, and follows nothing but what it looked at",
    "compose/home/declarations_file.py": CONFIG,
    "compose/home/pgpass.py": SECRETS,
    "compose/operations/home_identity.py": HOME + "; of another home only whether it is there",
    "compose/operations/pooler_limits.py:file_limit": SYSTEM,
    "compose/operations/promotion/guard.py:guarded": HOME,
    "compose/operations/preflight.py:free_disk": HOME,
    "compose/operations/preflight.py:_holder": SYSTEM,
    "compose/operations/preflight.py:_listening_inodes": SYSTEM,
    "compose/operations/preflight.py:_check_owner": "the directory in data/ itself, not what is in it",
    "compose/operations/preflight.py:strangers": HOME,
    "compose/operations/apply_topology.py": RENDERED + "; " + SECRETS,
    "compose/operations/reload.py": RENDERED + "; " + SECRETS,
    "compose/home/rendered_files.py": RENDERED + "; " + CONFIG,
    "compose/report/connection/choice.py:_check_password": SECRETS,
    "compose/report/connection/forms.py:connection_form": CODE,
    "compose/render/compose_file.py": CODE,
    "compose/render/hosts/host_project.py": CODE,
    "compose/render/monitoring.py": CODE,
    "compose/render/alert_commands.py": CODE,
    "compose/render/alert_names.py": CODE,
    "compose/render/runbooks.py": CODE,
    "compose/home/passwords.py": SECRETS,
    "compose/home/alert_secrets.py:_give": SECRETS,
    "compose/operations/alerts/receivers.py:has_own_file": CONFIG,
    "compose/render/alertmanager_yml.py": CODE,
    "compose/home/role_passwords.py": SECRETS,
    "compose/operations/role_rotation/rotation.py:_check": SECRETS,
    "compose/engine/build_context.py": CODE,
    "compose/stack.py:open_home": HOME,
    "compose/stack.py:open_stack": HOME,
    "compose/operations/sync_replication.py": HOME,
    "compose/operations/try_config.py:_run": RENDERED,
    "compose/operations/up.py:_inspect_and_prepare": HOME,
    "compose/engine/hosts/host_keys.py": OWN_FOLDER,
    "compose/engine/hosts/host_sessions.py:reach_hosts": OWN_FOLDER,
    "compose/engine/hosts/kept_copies.py": RENDERED,
    "compose/engine/hosts/shipped_files.py:archive": "a tar in memory",
    "compose/engine/hosts/socket_forward.py": OWN_FOLDER,
}

_PATHS_METHODS = (
    "chmod exists glob hardlink_to is_dir is_file is_fifo is_mount is_socket is_symlink iterdir lchmod link_to lstat"
    " mkdir open owner read_bytes read_text readlink rename resolve rglob rmdir samefile symlink_to touch walk"
    " write_bytes write_text"
)
_METHODS = frozenset(_PATHS_METHODS.split())
_WITHOUT_NAME = frozenset({"stat", "unlink"})
"""Path's take no name; Directory's do."""
_MODULES = frozenset({"os", "shutil"})
_NO_PATHS = (
    "close dup dup2 execvpe fdopen fstat fsync fchmod fchown ftruncate getegid geteuid getpid getpgid isatty killpg"
    " pread pwrite sysconf which get_terminal_size urandom"
)
_HARMLESS = frozenset(_NO_PATHS.split())


def deeds(source: str) -> Iterator[tuple[str, str]]:
    """Every work with a path in a module's source: in which function (its outermost that has a name), and what."""
    tree = ast.parse(source)
    for top in ast.walk(tree):
        if isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(top):
                if isinstance(node, ast.Call) and (what := _deed(node)):
                    yield top.name, what


def _deed(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Name):
        return "open" if function.id == "open" else ""
    if not isinstance(function, ast.Attribute):
        return ""
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    if owner in _MODULES:
        return "" if function.attr in _HARMLESS else f"{owner}.{function.attr}"
    if owner == "Directory" or (owner == "" and function.attr == "open"):
        return ""
    path_replace = function.attr == "replace" and len(call.args) == 1
    nameless = function.attr in _WITHOUT_NAME and not call.args
    return function.attr if function.attr in _METHODS or path_replace or nameless else ""


def _modules() -> list[str]:
    found = [*(PROJECT_ROOT / "compose").rglob("*.py"), *(PROJECT_ROOT / "cluster").rglob("*.py")]
    return sorted(str(path.relative_to(PROJECT_ROOT)) for path in found)


@pytest.mark.parametrize("module", _modules())
def test_paths_are_worked_with_only_where_nobody_else_can_write(module: str) -> None:
    found = [
        (function, what)
        for function, what in deeds((PROJECT_ROOT / module).read_text())
        if not {module, f"{module}:{function}"} & set(ALLOWED)
    ]
    if module == "cluster/files.py":
        found = [(function, what) for function, what in found if not what.startswith("os.")]
    assert found == [], "go through cluster.files.Directory, or say above why nobody can have put a link there"


def test_what_is_allowed_is_there() -> None:
    seen = {
        key
        for module in _modules()
        for function, _ in deeds((PROJECT_ROOT / module).read_text())
        for key in (module, f"{module}:{function}")
    }
    assert set(ALLOWED) - seen == set()


@pytest.mark.parametrize(
    "line",
    [
        'home.node("primary").joinpath("18").exists()',
        "(home.copy(name) / PGDATA).rename(kept)",
        "shutil.rmtree(home.node(name) / '.new')",
        "os.chown(home.data / 'backup' / 'state', 999, 999)",
        "state.read_text()",
        "auto.replace(other)",
        "auto.stat().st_uid",
        "auto.unlink(missing_ok=True)",
        "open(auto)",
        "with path.open() as stream: pass",
        "os.open(path, os.O_RDONLY)",
        "next(directory.glob('*/PG_VERSION'))",
    ],
)
def test_the_lint_sees_each_way_of_working_by_path(line: str) -> None:
    assert len(list(deeds(f"def work():\n    {line}\n"))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "directory.stat('18')",
        "directory.unlink('18')",
        "text.replace('a', 'b')",
        "replace(topology, nodes=())",
        "os.geteuid()",
        "Directory.open(home.data)",
    ],
)
def test_the_lint_leaves_the_rest_alone(line: str) -> None:
    assert list(deeds(f"def work():\n    {line}\n")) == []


def test_nobody_but_one_module_takes_trees_away_below_the_data() -> None:
    """shutil.rmtree follows no link below its top, but all above it; it is left where these are ours."""
    users = {
        module
        for module in _modules()
        for _, what in deeds((PROJECT_ROOT / module).read_text())
        if what.startswith("shutil.rm")
    }
    assert users == {
        "compose/operations/copies/lifecycle.py",
        "compose/operations/apply_topology.py",
        "compose/operations/try_config.py",
    }
