"""Airflow's own processes: what they are told, how they start, how they all end."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import cache_from_source, find_spec
from pathlib import Path

import psutil

from dags.night_settings import REPOSITORY, NightSettings

DAGS_FOLDER = Path(__file__).resolve().parent
LOOPBACK = "127.0.0.1"
USUAL_PORT = 8080
GRACE_SECONDS = 5.0
AIRFLOW = (sys.executable, "-m", "dags.quick_airflow")

COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


class AirflowBusyError(Exception):
    """Another embedded Airflow already works in this home."""


class AirflowBrokenError(Exception):
    """A part of Airflow did not start, or ended by itself."""


@dataclass(frozen=True)
class Component:
    """A running part of Airflow, leader of its own process group."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


def free_port() -> int:
    """Return Airflow's usual port if nobody listens there, else any free one."""
    for port in (USUAL_PORT, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the server will: else a port lately closed looks taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AirflowBrokenError("no free port on 127.0.0.1")


def database_url(of: NightSettings) -> str:
    """Return the URL of Airflow's metadata: the bank's choice, else a SQLite file."""
    return of.airflow_database or f"sqlite:///{of.airflow_home / 'airflow.db'}"


def airflow_settings(of: NightSettings, port: int) -> dict[str, dict[str, object]]:
    """Return Airflow's configuration by section; what is not named is its default."""
    url = f"http://{LOOPBACK}:{port}"
    return {
        "core": {
            "dags_folder": DAGS_FOLDER,
            "plugins_folder": of.airflow_home / "plugins",
            "executor": "LocalExecutor",
            # A worker may linger a second after its task; the DAG's own limit
            # says how many work at a time.
            "parallelism": 8,
            "load_examples": False,
            "dags_are_paused_at_creation": False,
            "simple_auth_manager_all_admins": True,
            "execution_api_server_url": f"{url}/execution/",
            # The default asks a name server, which a bank's machine may not have.
            "hostname_callable": "socket.gethostname",
        },
        "database": {"sql_alchemy_conn": database_url(of)},
        "api": {"host": LOOPBACK, "port": port, "workers": 1, "base_url": url},
        "logging": {"base_log_folder": of.airflow_home / "logs"},
        "scheduler": {
            "scheduler_idle_sleep_time": 0.2,
            # What a killed scheduler or machine left unfinished is taken up within a
            # minute or so; by default it is looked for every five.
            "orphaned_tasks_check_interval": 15,
            "task_instance_heartbeat_timeout": 60,
        },
        "dag_processor": {"parsing_processes": 1, "print_stats_interval": 0},
        "workers": {
            # A supervisor notices the end of its task only when this has passed.
            "min_heartbeat_interval": 1,
            # On a machine that is busy or just starting, the API answers late: by
            # default three seconds of that end a task that is well.
            "max_failed_heartbeats": 30,
            "execution_api_timeout": 30,
            "execution_api_retries": 8,
        },
    }


def bytecode_settings(of: NightSettings) -> dict[str, str]:
    """Return what lets Python keep compiled modules without writing beside them.

    Without it each of Airflow's processes compiles 2 to 4 seconds' worth of source
    where packages were installed uncompiled.
    """
    spec = find_spec("sqlalchemy.orm")
    if spec and spec.origin and Path(cache_from_source(spec.origin)).exists():
        return {}
    return {
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(of.airflow_home / "pycache"),
    }


def airflow_environment(of: NightSettings, port: int) -> dict[str, str]:
    """Return the environment in which every part of this Airflow runs."""
    settings = {
        f"AIRFLOW__{section}__{key}".upper(): str(value)
        for section, options in airflow_settings(of, port).items()
        for key, value in options.items()
    }
    python_path = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    given = {
        name: str(Path(os.environ[name]).resolve())
        for name in ("PASSBOOK_EXTRACTS", "PASSBOOK_CONTRACTS", "PASSBOOK_KEY_FILE")
        if os.environ.get(name)
    }
    return {
        **os.environ,
        **bytecode_settings(of),
        **settings,
        **given,
        "PASSBOOK_HOME": str(of.home),
        "AIRFLOW_HOME": str(of.airflow_home),
        "PYTHONPATH": os.pathsep.join(filter(None, python_path)),
    }


def migrate(of: NightSettings, environment: Mapping[str, str]) -> None:
    """Bring Airflow's metadata to the installed version; a no-op if it is there."""
    mark = of.airflow_home / "metadata-version"
    due = f"{version('apache-airflow')} {database_url(of).rsplit('@', 1)[-1]}"
    if mark.exists() and mark.read_text() == due:
        return
    log = of.airflow_home / "logs" / "db-migrate.log"
    with log.open("ab") as output:
        code = subprocess.run(
            [*AIRFLOW, "db", "migrate"],
            env=environment,
            cwd=of.airflow_home,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    if code:
        raise AirflowBrokenError(
            f"Airflow's metadata could not be brought up: see {log}"
        )
    mark.write_text(due)


def start(name: str, of: NightSettings, environment: Mapping[str, str]) -> Component:
    """Start one part of Airflow; what it says goes to its log."""
    log = of.airflow_home / "logs" / f"{name}.log"
    # The scheduler's workers write the tasks' logs at this level too.
    level = "INFO" if name in ("scheduler", "triggerer") else "WARNING"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*AIRFLOW, *COMPONENTS[name]],
            env={**environment, "AIRFLOW__LOGGING__LOGGING_LEVEL": level},
            cwd=of.airflow_home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    return Component(name, process, log)


def family(components: Iterable[Component]) -> list[psutil.Process]:
    """Return all living processes of these components, their tasks' among them."""
    found: list[psutil.Process] = []
    for component in components:
        try:
            head = psutil.Process(component.process.pid)
            found += [head, *head.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    return found


def stop(components: Iterable[Component]) -> None:
    """End these components and everything they started, kindly and then for sure."""
    components = list(components)
    # Seen first: once its parent is gone, nobody tells whose child one was.
    members = family(components)
    for component in components:
        if component.process.poll() is None:
            os.killpg(component.process.pid, signal.SIGTERM)
    _, alive = psutil.wait_procs(members, timeout=GRACE_SECONDS)
    for process in {*alive, *family(components)}:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=GRACE_SECONDS)
    for component in components:
        component.process.wait()


@contextmanager
def only_one(of: NightSettings) -> Iterator[None]:
    """Hold this home's Airflow for ourselves; the kernel frees it if we die.

    Raises:
        AirflowBusyError: Another process holds it.
    """
    for folder in (of.airflow_home / "logs", of.airflow_home / "plugins"):
        folder.mkdir(parents=True, exist_ok=True)
    with (of.airflow_home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AirflowBusyError(
                f"an Airflow already runs in {of.airflow_home}"
            ) from None
        yield


@contextmanager
def guarded() -> Iterator[Callable[[Component], None]]:
    """Yield what puts a component under guard: if we are killed, it ends too."""
    with subprocess.Popen(
        [sys.executable, "-I", str(DAGS_FOLDER / "guardian.py")],
        stdin=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as guardian:

        def put_under_guard(component: Component) -> None:
            print(component.process.pid, file=guardian.stdin, flush=True)

        yield put_under_guard


@contextmanager
def running(
    of: NightSettings, port: int, extra: Mapping[str, str] | None = None
) -> Iterator[tuple[Component, ...]]:
    """Yield the started parts of Airflow; none of their processes outlives the block.

    `extra` adds to their environment.
    """
    environment = {**airflow_environment(of, port), **(extra or {})}
    with only_one(of), guarded() as put_under_guard:
        migrate(of, environment)
        started: list[Component] = []
        try:
            for name in COMPONENTS:
                started.append(start(name, of, environment))
                put_under_guard(started[-1])
            yield tuple(started)
        finally:
            stop(started)


def assert_all_run(components: Iterable[Component]) -> None:
    """Raise AirflowBrokenError naming the first component that has ended."""
    for component in components:
        if (code := component.process.poll()) is not None:
            raise AirflowBrokenError(
                f"Airflow's {component.name} ended by itself (exit code {code}):"
                f" see {component.log}"
            )
