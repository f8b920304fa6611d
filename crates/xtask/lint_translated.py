"""Translates a SAM template to the CloudFormation that AWS would deploy, and lints that.

Linted as it stands, a SAM template hides mistakes inside of policy templates and events.
"""

import json
import sys

from boto3.session import Session
from cfnlint.api import lint
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

path, region = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    template = yaml_parse(file.read())
for resource in template["Resources"].values():
    for name in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
        # The translator wants what `sam package` puts in the place of a local folder.
        resource["Properties"][name] = "s3://some-bucket/some-key"
session = Session(aws_access_key_id="none", aws_secret_access_key="none", region_name=region)
translated = Translator({}, Parser(), boto_session=session).translate(template, {})
matches = lint(json.dumps(translated), regions=[region])
for match in matches:
    print(f"{path}, translated: {match.rule.id} {match.message} at {'/'.join(map(str, match.path))}")
sys.exit(bool(matches))
