"""Write src/dddoctor/data/agentcheck.json: what a custom check can use inside the Agent.

    pip download --no-deps datadog-checks-base==VERSION   # for several versions, each unpacked into a folder of its own
    python tools/build_agentcheck.py FOLDER [FOLDER…] > src/dddoctor/data/agentcheck.json

Names are taken from the published package by parsing it, nothing of it is imported. `methods` are those that every given version has, `names` all that
any of them has. The attributes of standard modules are those of the Python that runs this script.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path


def _words(text: str) -> list[str]:
    return text.split()


# Agent 5.32.9, class AgentCheck in its checks/__init__.py.
AGENT_5 = _words("""OK WARNING CRITICAL UNKNOWN SOURCE_TYPE_NAME DEFAULT_MIN_COLLECTION_INTERVAL name init_config agentConfig hostname log aggregator events service_checks
instances warnings library_versions last_collection_time service_metadata instance_count gauge increment decrement count monotonic_count rate histogram
historate set event service_check svc_metadata has_events get_metrics get_events get_service_checks get_service_metadata has_warnings warning
get_library_info get_library_versions get_warnings run check stop from_yaml normalize read_config get_instance_proxy get_proxy proxies
default_integration_http_timeout is_metadata_collection_enabled convert_to_underscore_separated generate_historate_func generate_histogram_func
in_developer_mode _get_instance_proxy set_check_version""")

# Import names of what the Agent's package carries besides the standard library (requirements of integrations-core, 6.x to 7.7x) and of its own modules.
BUNDLED = _words("""aerospike aws_requests_auth azure binary boto boto3 botocore bs4 cachetools certifi cffi charset_normalizer clickhouse_cityhash clickhouse_driver
cm_client confluent_kafka cryptography dateutil ddtrace dns fdb foundationdb idna in_toto jaydebeapi jellyfish jpype jsonpatch kubernetes lazy_loader ldap3
lxml lz4 mmh3 oauthlib openstack oracledb orjson packaging paramiko pip pkg_resources ply prometheus_client google psutil psycopg2 psycopg pyasn1 Cryptodome
pydantic pydantic_core jwt pymongo bson gridfs pymqi pymysql pyodbc OpenSSL pysmi pysnmp socks bmemcached gearman pyVmomi pyVim redis requests
requests_kerberos requests_ntlm requests_oauthlib requests_toolbelt requests_unixsocket rethinkdb securesystemslib semver service_identity setuptools
simplejson six snowflake supervisor tuf typing_extensions uptime urllib3 vertica_python win32com wrapt yaml nacl
datadog_checks datadog_agent aggregator tagger kubeutil containers util _util checks utils config""")
# Of these the Agent's own Python is sure to import first, in every version since 6: a checks.d file of that name is never reached.
HIDING = _words("requests yaml six simplejson certifi urllib3 prometheus_client cachetools wrapt")

# Standard modules that a check may plausibly use; the others are never proposed as a missing import.
STDLIB = _words("""argparse base64 binascii bisect calendar collections configparser copy csv ctypes datetime decimal difflib email errno fcntl fnmatch fractions
functools getpass glob gzip hashlib heapq hmac http inspect io ipaddress itertools json locale logging math multiprocessing operator os pathlib pickle
platform pprint pwd queue random re resource sched select shlex shutil signal smtplib socket sqlite3 ssl stat statistics string struct subprocess sys
tempfile textwrap threading time timeit traceback unicodedata urllib uuid warnings xml zipfile zlib""")
SUBMODULES = _words("""urllib.request urllib.parse urllib.error http.client http.server xml.etree.ElementTree xml.dom.minidom email.mime.text logging.handlers
os.path concurrent.futures multiprocessing.pool""")
ONLY_PYTHON_3 = _words("configparser http ipaddress pathlib queue statistics")


def class_names(path: Path) -> tuple[set[str], set[str], dict[str, list[str]]]:
    """(public methods, all names, parameters by method) of class AgentCheck in a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    node = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "AgentCheck")
    methods, names, params = set(), set(), {}
    for item in node.body:
        if isinstance(item, ast.FunctionDef):
            names.add(item.name)
            if not item.name.startswith("_"):
                methods.add(item.name)
                params[item.name] = [a.arg for a in item.args.args[1:]]
        for inner in ast.walk(item):
            if (
                isinstance(inner, ast.Name)
                and isinstance(inner.ctx, ast.Store)
                and item in node.body
                and not isinstance(item, ast.FunctionDef)
            ):
                names.add(inner.id)
            if (
                isinstance(inner, ast.Attribute)
                and isinstance(inner.ctx, ast.Store)
                and isinstance(inner.value, ast.Name)
                and inner.value.id == "self"
            ):
                names.add(inner.attr)
    return methods, names, params


def exports(path: Path) -> set[str]:
    """What `from datadog_checks.base import …` gives: the texts in __all__."""
    stub = path.with_suffix(".pyi")
    tree = ast.parse((stub if stub.exists() else path).read_text(encoding="utf-8"))
    return {
        e.value
        for n in tree.body
        if isinstance(n, ast.Assign)
        and isinstance(n.targets[0], ast.Name)
        and n.targets[0].id == "__all__"
        and isinstance(n.value, ast.List)
        for e in n.value.elts
        if isinstance(e, ast.Constant) and isinstance(e.value, str)
    }


def attributes(module: str) -> list[str]:
    """Public names of a standard module, asked of a fresh interpreter so that no submodule is there by accident."""
    code = f"import {module} as m; print('\\n'.join(n for n in dir(m) if not n.startswith('_')))"
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return sorted(ran.stdout.split())


def main(folders: list[str]) -> None:
    bases = [Path(f) / "datadog_checks" / "base" for f in folders]
    found = [class_names(b / "checks" / "base.py") for b in bases]
    newest = found[-1][2]
    submits = (
        "gauge",
        "count",
        "monotonic_count",
        "rate",
        "histogram",
        "historate",
        "increment",
        "decrement",
        "service_check",
        "event",
    )
    data = {
        "checked": "2026-11",
        "versions": [f"datadog-checks-base {_version(b)}" for b in bases],
        "methods": sorted(set.intersection(*(m for m, _, _ in found))),
        "names": sorted(set.union(*(n for _, n, _ in found))),
        "agent_5": sorted(AGENT_5),
        "submits": {name: newest[name] for name in submits},
        "exports": sorted(set.intersection(*(exports(b / "__init__.py") for b in bases)) - {"__version__"}),
        "bundled": sorted(BUNDLED),
        "hiding": sorted(HIDING),
        "stdlib": {m: " ".join(attributes(m)) for m in [*STDLIB, *SUBMODULES]},
        "only_python_3": sorted(ONLY_PYTHON_3),
    }
    json.dump(data, sys.stdout, indent=1, sort_keys=True)
    print()


def _version(base: Path) -> str:
    about = (base / "__about__.py").read_text(encoding="utf-8")
    return str(ast.literal_eval(about.split("__version__ =")[1].strip().splitlines()[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
