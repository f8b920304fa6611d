"""Validates the Kubernetes resources in a file against the schemas of Kubernetes: python lint_kubernetes.py FILE."""

import sys
from pathlib import Path

import kubernetes_validate
import yaml

resources = list(yaml.safe_load_all(Path(sys.argv[1]).read_text()))
if not resources:
    sys.exit("there are no resources")
for resource in resources:
    # Strictly: what no schema knows is a mistake, too.
    kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)
    print(f"{resource['kind']} {resource['metadata']['name']} is a valid Kubernetes resource")
