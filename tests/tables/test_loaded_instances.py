"""configcheck's text: recorded on 7.52 and 7.72.4, shortened."""

from __future__ import annotations

import pytest

from dddoctor.tables.loaded_instances import LoadedInstance, instances

TEXT = """=== Configuration errors ===

bad: yaml: line 4: found character that cannot start any token

=== cpu check ===
Configuration provider: file
Configuration source: file:/etc/datadog-agent/conf.d/cpu.d/conf.yaml.default
Config for instance ID: cpu:e331d61ed1323219
{}
~
===

=== my metric check ===
Configuration provider: file
Configuration source: file:/etc/datadog-agent/conf.d/my metric.d/conf.yaml
Config for instance ID: my metric:1
min_collection_interval: 45
~
Config for instance ID: my metric:2
min_collection_interval: "0"
tags:
- min_collection_interval: 9
~
Init Config:
is_jmx: true
===

=== redisdb check ===
Configuration provider: container
Configuration source: container:docker://1
Config for instance ID: redisdb:3
host: 10.0.0.1
~
Auto-discovery IDs:
* redis
===

=== shop check ===
Configuration provider: file
Configuration source: file:/etc/datadog-agent/conf.d/shop.d/conf.yaml
Log Config:
logs:
  - type: file
===

[... 8 default checks cut ...]
"""


def test_instances_with_their_files_intervals_and_runner() -> None:
    """A configuration of logs alone has none; 0 means the default of 15 s."""
    assert list(instances(TEXT)) == [
        LoadedInstance("", "cpu", "cpu:e331d61ed1323219", "file", "/etc/datadog-agent/conf.d/cpu.d/conf.yaml.default", 15.0, 0),
        LoadedInstance("", "my metric", "my metric:1", "file", "/etc/datadog-agent/conf.d/my metric.d/conf.yaml", 45.0, 1),
        LoadedInstance("", "my metric", "my metric:2", "file", "/etc/datadog-agent/conf.d/my metric.d/conf.yaml", 15.0, 1),
        LoadedInstance("", "redisdb", "redisdb:3", "container", None, 15.0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("cut", range(0, len(TEXT), 29))
def test_a_cut_text_is_no_accident(cut: int) -> None:
    """What stands before the cut is read."""
    assert len(list(instances(TEXT[:cut]))) <= 4
