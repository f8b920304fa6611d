"""Validates the Kubernetes resources in a guide against the schemas of Kubernetes: python lint_kubernetes.py GUIDE."""

import re
import sys
from pathlib import Path

import kubernetes_validate
import yaml

text = Path(sys.argv[1]).read_text()
resources = [
    resource for block in re.findall(r"^```yaml\n(.*?)^```$", text, re.S | re.M) for resource in yaml.safe_load_all(block)
]
if not resources:
    sys.exit(f"{sys.argv[1]} has no resources")
for resource in resources:
    # Strictly: what no schema knows is a mistake, too.
    kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)
    print(f"{resource['kind']} {resource['metadata']['name']} is a valid Kubernetes resource")
