"""A model folder on a Ray cluster of two nodes, behind localcloud's adapter.

Run by the interpreter that has Ray. Each line of standard input ends a replica of the model, by SIGKILL, and
adds a line to the file KILLED that says how many there were.
"""

import os
import shutil
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.environ["RUNNERS"])

import ray_serve  # isort: skip  # it sets what Ray reads when it is imported
import ray
from ray.cluster_utils import Cluster
from ray.serve.context import _get_global_client


def kill_replicas() -> None:
    """For each line of standard input, kill one of two that run; Ray may list one that was killed, too."""
    killed: set[int] = set()
    for _ in sys.stdin:
        running: list[dict] = []
        while len(running) < 2:
            time.sleep(0.1)
            details = _get_global_client().get_serve_details()
            replicas = details["applications"]["sentiment"]["deployments"]["Model"]["replicas"]
            running = [each for each in replicas if each["state"] == "RUNNING" and each["pid"] not in killed]
        os.kill(running[0]["pid"], signal.SIGKILL)
        killed.add(running[0]["pid"])
        with open(os.environ["KILLED"], "a") as report:
            print(f"1 of {len(running)} on {len({each['node_id'] for each in running})} nodes", file=report)


def main() -> None:
    ray._private.node.Node = ray_serve.Node
    ray_serve.use_model()
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    # The address of the cluster is written there, for whoever asks for the machine's current one.
    os.environ["RAY_TMPDIR"] = folder
    os.mkdir(os.path.join(folder, "ray"))
    options = {"num_cpus": 1, "node_ip_address": ray_serve.NODE_ADDRESS}
    head = {**options, "temp_dir": folder, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        cluster.add_node(**options)
        threading.Thread(target=kill_replicas, daemon=True).start()
        ray_serve.run(cluster.address)
    finally:
        ray.shutdown()
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
