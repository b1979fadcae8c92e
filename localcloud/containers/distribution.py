"""Determines which hosts of a training job train together, and how torchrun starts the script on each.

It follows sagemaker-training 5.1 (environment.py, torch_distributed.py).
"""

import os
from collections.abc import Mapping
from typing import Any

TORCH_DISTRIBUTED = "sagemaker_torch_distributed_enabled"
GROUPS = "sagemaker_distribution_instance_groups"
MASTER_PORT = os.environ.get("LOCALCLOUD_MASTER_PORT", "7777")
"""The toolkit's port, unless another job on this machine may use it."""


class Distribution:
    """One host's part in the training, by its resourceconfig.json and the platform's hyperparameters."""

    def __init__(self, resources: Mapping[str, Any], platform: Mapping[str, Any]):
        self.current_host = str(resources["current_host"])
        self.group = str(resources.get("current_group_name", "homogeneousCluster"))
        self.groups = {each["instance_group_name"]: each for each in resources.get("instance_groups", [])}
        self._uses_torchrun = bool(platform.get(TORCH_DISTRIBUTED))
        chosen = platform.get(GROUPS, [self.group] if self._uses_torchrun else [])
        self.training_groups: list[str] = chosen if isinstance(chosen, list) else []
        self.hosts: list[str] = [
            host
            for name, group in self.groups.items()
            if name in self.training_groups
            for host in group["hosts"]
        ]
        """The hosts that train together."""
        self.master = str([*self.hosts, *resources["hosts"]][0])

    def launcher(self, processes: int) -> list[str]:
        """The arguments between the interpreter and the script: torchrun's module and options, or nothing."""
        if not self._uses_torchrun or self.current_host not in self.hosts:
            return []
        options = ["--nnodes", str(len(self.hosts)), "--nproc_per_node", str(processes)]
        if len(self.hosts) > 1:
            options += ["--master_addr", self.master, "--master_port", MASTER_PORT]
            options += ["--node_rank", str(self.hosts.index(self.current_host))]
        return ["-m", "torch.distributed.run", *options]
