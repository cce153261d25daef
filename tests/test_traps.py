"""What looks like a defect and is none: the doctor stays silent, or gives a hint where the text is at most worth one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dddoctor.examples import build
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Report, Severity
from dddoctor.session import CheckOptions, Session

CONFIG = "/etc/datadog-agent"
MAIN = f"{CONFIG}/datadog.yaml"
CONF = f"{CONFIG}/conf.d/my_metric.d/conf.yaml"
CODE = f"{CONFIG}/checks.d/my_metric.py"
SOUND_CODE = "import random\n\nfrom datadog_checks.base import AgentCheck\n\n\nclass MyMetric(AgentCheck):\n    def check(self, instance):\n        self.gauge('my_metric', random.randint(0, 1000))\n"
SOUND: dict[str, Any] = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\ndd-agent:x:110:110::/opt/datadog-agent:/usr/sbin/nologin\n",
    "/etc/group": "root:x:0:\ndd-agent:x:110:\n",
    "/var/lib/dpkg/status": "Package: datadog-agent\nStatus: install ok installed\nVersion: 1:7.72.4-1\n",
    MAIN: "api_key: 0badc0de0badc0de0badc0de0badc0de\nsite: datadoghq.eu\ntags: [env:lab]\n",
    CONF: "init_config:\n\ninstances: [{}]\n",
    CODE: SOUND_CODE,
}
MAIN_START = SOUND[MAIN]

SILENT: dict[str, dict[str, Any]] = {
    "the sound host itself": {},
    "instances of one empty mapping, init_config null": {CONF: "init_config: null\ninstances: [{}]\n"},
    "no init_config": {CONF: "instances: [{}]\n"},
    "a lone dash is an empty instance": {CONF: "init_config:\n\ninstances:\n  - \n"},
    "a key written with a question mark": {CONF: "? init_config\n:\n? instances\n: - {}\n"},
    "one-space indentation": {
        CONF: "init_config:\ninstances:\n - min_collection_interval: 45\n   tags:\n    - env:lab\n"
    },
    "a list that is not indented": {CONF: "init_config:\ninstances:\n- tags:\n  - env:lab\n"},
    "Windows line ends": {CONF: "init_config:\r\n\r\ninstances:\r\n  - min_collection_interval: 45\r\n"},
    "quoted numbers of other options": {
        f"{CONFIG}/conf.d/mysql.d/conf.yaml": "instances:\n  - host: localhost\n    username: datadog\n    port: '3306'\n"
    },
    "options that are left empty": {
        f"{CONFIG}/conf.d/mysql.d/conf.yaml": "instances:\n  - host: localhost\n    username: datadog\n    options:\n"
    },
    "a value that another library would read otherwise": {
        CONF: "instances:\n  - note: 'a: b'\n    time: 12:30:00\n    flag: yes\n    path: C:\\temp\n"
    },
    "code that is indented by tabs alone": {CODE: SOUND_CODE.replace("    ", "\t")},
    "code with Windows line ends and a byte order mark": {CODE: "\ufeff" + SOUND_CODE.replace("\n", "\r\n")},
    "a positional parameter under another name": {CODE: SOUND_CODE.replace("instance)", "inst)")},
    "the old name of the method's first parameter": {
        CODE: SOUND_CODE.replace("self, instance", "this, instance").replace("self.gauge", "this.gauge")
    },
    "a number in quotes as a value": {
        CODE: SOUND_CODE.replace("random.randint(0, 1000)", "str(random.randint(0, 1000))")
    },
    "a check of the Agent itself has no Python module": {
        f"{CONFIG}/conf.d/cpu.d/conf.yaml": "instances: [{}]\n",
        f"{CONFIG}/conf.d/ntp.d/conf.yaml": "instances: [{}]\n",
    },
    "a JMX check has no Python module": {
        f"{CONFIG}/conf.d/tomcat.d/conf.yaml": "init_config:\n  is_jmx: true\ninstances:\n  - host: localhost\n    port: 9012\n"
    },
    "a broken example is never read": {f"{CONFIG}/conf.d/nginx.d/conf.yaml.example": "instances:\n\t- {}\n"},
    "a default beside a file of the user does not count": {
        f"{CONFIG}/conf.d/cpu.d/conf.yaml": "instances: [{}]\n",
        f"{CONFIG}/conf.d/cpu.d/conf.yaml.default": "init_config:\ninstances: [{}]\n",
    },
    "no apm_config means the default, which is on": {MAIN: MAIN_START},
    "apm_config with nothing in force below it": {MAIN: MAIN_START + "apm_config:\n  # enabled: false\n"},
    "a setting that this doctor does not know": {MAIN: MAIN_START + "quantum_flux_capacitors: 3\n"},
    "an option of a custom check that nobody lists": {CONF: "instances:\n  - pump: left\n    threshold: 5\n"},
    "keys in capitals, quoted and dotted": {
        MAIN: MAIN_START + 'LOGS_ENABLED: "true"\ndogstatsd_port: "8125"\nlogs_config.open_files_limit: 77\n'
    },
    "an unset variable of a container's image": {f"{CONFIG}/environment": "DD_PROFILING_STACK_V2_ENABLED=true\n"},
    "a remark behind a password, and a # inside of one": {
        f"{CONFIG}/conf.d/mysql.d/conf.yaml": "instances:\n  - host: localhost\n    username: datadog\n    password: blue-Kettle-91 # since May\n  - host: db2\n    username: datadog\n    password: 'blue-Kettle #92'\n"
    },
    "two instances that differ in one tag": {
        f"{CONFIG}/conf.d/redisdb.d/conf.yaml": "instances:\n  - {host: a, port: 6379, tags: [role:cache]}\n  - {host: a, port: 6379, tags: [role:queue]}\n"
    },
    "a log source with every kind of rule": {
        MAIN: MAIN_START + "logs_enabled: true\n",
        f"{CONFIG}/conf.d/app.d/conf.yaml": "logs:\n  - type: file\n    path: /var/log/app/*.log\n    service: app\n    source: python\n    log_processing_rules:\n      - {type: multi_line, name: by_date, pattern: '\\d{4}-(0?[1-9]|1[012])'}\n      - {type: mask_sequences, name: user, replace_placeholder: 'user=x', pattern: '(?i)user=[^\\s&\\]]+'}\n      - {type: exclude_at_match, name: health, pattern: '\\Q/health?\\E'}\n",
    },
    "patterns as Go has them, and a socket in the folder that the unit makes": {
        MAIN: MAIN_START
        + "apm_config:\n  receiver_socket: /var/run/datadog/apm.socket\n  ignore_resources: ['(GET|POST) /healthz?$']\n  replace_tags: [{name: '*', pattern: '(?s)\\b\\pL+\\b', repl: '?'}]\n"
    },
    "an environment file with comments, blanks and quotes": {
        f"{CONFIG}/environment": '# the lab\n; export DD_SITE=x\nDD_LOG_LEVEL = info\n  DD_TAGS="env:lab role:db"\nDD_SERVICE=shop\n'
    },
    "a check that sends a random gauge with names in its tags": {
        CODE: SOUND_CODE.replace("1000))", "1000), tags=[f'queue:{instance.get(\"queue\")}', 'hostgroup:a'])")
    },
    "an option file for the mysql check alone": {
        f"{CONFIG}/mysql.cnf": "# for the Agent\n[client]\nuser = datadog\npassword = blue-Kettle-91\n",
        f"{CONFIG}/conf.d/mysql.d/conf.yaml": f"instances:\n  - defaults_file: {CONFIG}/mysql.cnf\n",
    },
    "tags of the template in a comment, beside tags in force": {
        MAIN: MAIN_START + "# tags:\n#   - team:infra\n#   - <TAG_KEY>:<TAG_VALUE>\n"
    },
    "a check that is switched off by name": {
        f"{CONFIG}/conf.d/nginx.d/conf.yaml.disabled": "instances:\n  - nginx_status_url: http://localhost/\n"
    },
}
HINTS: dict[str, dict[str, Any]] = {
    "a byte order mark": {CONF: "\ufeffinit_config:\n\ninstances: [{}]\n"},
    "UTF-16": {CONF: "\ufeffinstances: [{}]\n".encode("utf-16-le")},
    "typographic quotes are part of the text": {CONF: "instances:\n  - note: “left”\n"},
    "a byte order mark in the main file": {MAIN: "\ufeff" + MAIN_START},
    "no tags": {MAIN: MAIN_START.replace("tags: [env:lab]\n", "")},
    "APM switched off where nothing is traced": {MAIN: MAIN_START + "apm_config:\n  enabled: false\n"},
    "a tag that uses the host's own key": {CONF: "instances:\n  - tags: ['host:db1']\n"},
}


def report_of(folder: Path, changes: dict[str, Any], unreadable: frozenset[str] = frozenset()) -> Report:
    """All rules over the sound host with some files changed; owners and modes as the package leaves them."""
    files = SOUND | changes
    build(
        folder,
        {
            "files": files,
            "modes": {MAIN: "0640"} | {p: "0640" for p in files if "/conf.d/" in p or p.endswith("environment")},
        },
    )
    owners = {
        p: "dd-agent:dd-agent"
        for p in ["/" + f.relative_to(folder).as_posix() for f in folder.rglob("*")]
        if p.startswith(CONFIG)
    }
    session = Session(CheckOptions(root=folder))
    session.host = ExampleHost(folder, unreadable, owners=owners)
    report = session.check()
    assert not report.broken
    return report


@pytest.mark.parametrize("trap", list(SILENT))
def test_what_is_right_is_not_reported(trap: str, tmp_path: Path) -> None:
    """No finding at all."""
    assert [(f.rule, f.message) for f in report_of(tmp_path, SILENT[trap]).findings] == []


@pytest.mark.parametrize("trap", list(HINTS))
def test_what_is_odd_and_works_is_a_hint(trap: str, tmp_path: Path) -> None:
    """The Agent reads it, other tools may not."""
    found = report_of(tmp_path, HINTS[trap]).findings

    assert found
    assert {f.severity for f in found} == {Severity.INFO}


def test_a_main_file_that_may_not_be_read_is_not_an_agent_that_is_down(tmp_path: Path) -> None:
    """Its mode keeps ordinary users out on purpose: the report is partial and says so, and nothing is concluded."""
    report = report_of(tmp_path, {}, frozenset({MAIN}))

    assert report.findings == []
    assert report.healthy is None
    assert any(MAIN in u.what for u in report.unread)


def test_a_main_file_that_does_not_parse_has_one_finding(tmp_path: Path) -> None:
    """What stands below the defect is not in force, so neither site nor key nor tags are judged."""
    report = report_of(tmp_path, {MAIN: "api_key: nonsense\nsite: nowhere\napm_config:\n\tenabled: false\n"})

    assert [f.rule for f in report.findings] == ["main-file-does-not-load"]


@pytest.mark.parametrize("name", ["flask", "datadog", "2metric", "my-metric", "MyMetric"])
def test_names_that_work_are_not_reported(name: str, tmp_path: Path) -> None:
    """The Agent has no Flask and no datadog package; hyphens, digits and capitals work."""
    changes = {f"{CONFIG}/conf.d/{name}.yaml": "instances: [{}]\n", f"{CONFIG}/checks.d/{name}.py": SOUND_CODE}

    assert report_of(tmp_path, changes).findings == []
