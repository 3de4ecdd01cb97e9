"""A Slurm cluster of one node, this machine, on loopback: for tests, as root."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from patience import PATIENCE

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")


def missing() -> str:
    """Return why no cluster can be started here; nothing if one can."""
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    if lacking:
        return f"no {', '.join(lacking)}: apt install slurmctld slurmd slurm-client munge"
    return "" if os.getuid() == 0 else "a Slurm node is started as root"


@contextmanager
def slurm_node(folder: Path) -> Iterator[Path]:
    """Start Slurm with all its files in a folder, and end it.

    Yields:
        The configuration, for SLURM_CONF.
    """
    host = socket.gethostname().partition(".")[0]
    with ExitStack() as ports:
        control, node = (_port(ports) for _ in range(2))
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        f"""ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MpiDefault=none
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
    )
    _munge()
    try:
        subprocess.run(["slurmctld", "-f", configuration], check=True, timeout=PATIENCE)
        subprocess.run(["slurmd", "-f", configuration], check=True, timeout=PATIENCE)
        _wait_for_node(configuration)
        yield configuration
    finally:
        for name in ("slurmd", "slurmctld"):
            with suppress(OSError, ValueError):
                os.kill(int((folder / f"{name}.pid").read_text()), signal.SIGTERM)


def _port(held: ExitStack) -> int:
    """Return a free port; different ones as long as they are held."""
    probe = held.enter_context(socket.socket())
    probe.bind(("127.0.0.1", 0))
    return int(probe.getsockname()[1])


def _munge() -> None:
    """Start the daemon that signs Slurm's messages, unless it runs."""
    if subprocess.run(["pgrep", "-x", "munged"], check=False, capture_output=True).returncode == 0:
        return
    Path("/run/munge").mkdir(exist_ok=True)
    shutil.chown("/run/munge", "munge", "munge")
    subprocess.run(["runuser", "-u", "munge", "--", "munged"], check=True, timeout=PATIENCE)


def _wait_for_node(configuration: Path) -> None:
    """Wait until the node takes jobs."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        told = subprocess.run(
            ["sinfo", "--noheader", "--format=%t"],
            env={**os.environ, "SLURM_CONF": str(configuration)},
            capture_output=True,
            text=True,
            check=False,
        )
        if told.stdout.strip() == "idle":
            return
        time.sleep(0.5)
    logs = [path.read_text()[-1000:] for path in configuration.parent.glob("*.log")]
    raise AssertionError("\n".join(["the node does not come up", *logs]))
