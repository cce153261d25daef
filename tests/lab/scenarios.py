"""What breaks a host, as data: how the VM is brought there, what the doctor must name first, and how it is mended.

`breaks` are shell lines run as root while the Agent is up. `settled` says what the host looks like then: `up` (the Agent answers), `failed` (its unit
has given up), `down` (stopped), `looping` (restarted again and again), `deaf` (it runs, and its commands do not reach it). The expected cause is (rule, file, line); None for a finding that has no such part.
"""

from __future__ import annotations

from typing import NamedTuple

MAIN = "/etc/datadog-agent/datadog.yaml"
CONF_D = "/etc/datadog-agent/conf.d"
UPTIME = f"{CONF_D}/uptime.d/conf.yaml"
ANY = -1  # a line that differs from run to run
KEY = "0123456789abcdef" * 2  # nobody's, the one that the lab's intake takes


class Scenario(NamedTuple):
    """One fault. `fix`: the options of `check` that mend it, empty where only a person can; then `by_hand` is what the advice says, as shell lines.

    `needs_restart`: the Agent has to be restarted for the fault to show. `proof` are words that the real Agent's log holds once it is mended.
    `also`: further rules that rightly name causes of their own. `age`: for how many seconds the Agent must have run before it is broken.
    `sign`: words of the Agent's log to wait for, where the fault comes into view late. `port`: where the mended Agent takes commands.
    `undoable`: `undo` brings the fault back (a mere restart is not taken back). `left`: what the lab's Agent, which has no Python, says even then.
    """

    name: str
    covers: str
    breaks: tuple[str, ...]
    cause: tuple[str, str | None, int | None]
    settled: str = "up"
    needs_restart: bool = True
    fix: tuple[str, ...] = ("--fix", "--yes")
    by_hand: tuple[str, ...] = ()
    proof: str = ""
    also: tuple[str, ...] = ()
    age: float = 0
    sign: str = ""
    port: int = 5001
    undoable: bool = True
    left: tuple[str, ...] = ()


# What the real Agent logs when it takes the instance that was meant.
EVERY_45 = "Scheduling check uptime with an interval of 45s"
EVERY_15 = "Scheduling check uptime with an interval of 15s"
SAFE, UNSAFE = ("--fix", "--yes"), ("--fix", "--yes", "--unsafe-fixes")


def _file(path: str, text: str, owner: str = "dd-agent:dd-agent") -> str:
    return (
        f"install -d -o dd-agent -g dd-agent $(dirname {path}); cat > {path} <<'END'\n{text}END\nchown {owner} {path}"
    )


def _append(path: str, text: str) -> str:
    return f"cat >> {path} <<'END'\n{text}END"


SCENARIOS = (
    Scenario(
        "trace-agent stopped",
        "A1",
        ("systemctl stop datadog-agent-trace",),
        ("agent-port-not-open", None, None),
        "up",
        False,
        (),
        ("systemctl start datadog-agent-trace",),
        age=41,
    ),
    # --- the Agent and its unit -------------------------------------------------------------------------------------
    Scenario(
        "stopped", "A6", ("systemctl stop datadog-agent",), ("agent-not-running", None, None), "down", False, UNSAFE
    ),
    Scenario(
        "killed",
        "A6",
        ("systemctl kill --signal=KILL datadog-agent; systemctl stop datadog-agent",),
        ("agent-not-running", None, None),
        "down",
        False,
        UNSAFE,
    ),
    Scenario(
        "disabled and stopped",
        "A6",
        ("systemctl disable --now datadog-agent",),
        ("agent-not-running", None, None),
        "down",
        False,
        (),
        ("systemctl enable --now datadog-agent",),
    ),
    Scenario(
        "masked",
        "A6",
        ("systemctl mask --now datadog-agent",),
        ("agent-not-running", None, None),
        "down",
        False,
        (),
        ("systemctl unmask datadog-agent; systemctl start datadog-agent",),
    ),
    Scenario(
        "log level unknown",
        "A6",
        (_append(MAIN, "log_level: dbug\n"),),
        ("log-level-unknown", MAIN, 6),
        "failed",
        True,
        UNSAFE,
    ),
    Scenario(
        "main file of root",
        "V21",
        (f"chown root:root {MAIN}; chmod 0600 {MAIN}",),
        ("agent-cannot-use-file", MAIN, None),
        "failed",
        True,
        UNSAFE,
    ),
    Scenario(
        "run folder of root",
        "A6",
        ("chown root:root /opt/datadog-agent/run; chmod 0755 /opt/datadog-agent/run",),
        ("agent-cannot-use-file", "/opt/datadog-agent/run", None),
        "failed",
        True,
        UNSAFE,
    ),
    Scenario(
        "no host name",
        "A6",
        (
            f"sed -i /hostname/d {MAIN}; rm /etc/systemd/system/datadog-agent.service.d/lab.conf; systemctl daemon-reload",
        ),
        ("agent-ends-at-start", MAIN, None),
        "failed",
        True,
        (),
        (
            _append(MAIN, "hostname: lab.example.test\n"),
            "systemctl reset-failed datadog-agent; systemctl start datadog-agent",
        ),
    ),
    Scenario(
        "no main file",
        "A3",
        (f"rm {MAIN}",),
        ("main-file-missing", MAIN, None),
        "looping",
        True,
        (),
        (
            _file(MAIN, f"api_key: {KEY}\nsite: datadoghq.eu\nhostname: lab.example.test\ntags: [env:lab]\n")
            + f"; chmod 0640 {MAIN}",
            "systemctl restart datadog-agent",
        ),
    ),
    Scenario(
        "edited after the start",
        "A5",
        (_append(MAIN, "env: prod\n"),),
        ("config-newer-than-process", MAIN, None),
        "up",
        False,
        UNSAFE,
        age=3,
        undoable=False,
    ),
    # --- ports ------------------------------------------------------------------------------------------------------
    Scenario(
        "5001 taken",
        "A6",
        ("systemctl stop datadog-agent; systemd-run --unit=taker python3 -m http.server --bind 127.0.0.1 5001",),
        ("port-taken-by-another", None, None),
        "failed",
        True,
        (),
        ("systemctl stop taker; systemctl reset-failed datadog-agent; systemctl start datadog-agent",),
    ),
    Scenario(
        "8125 taken",
        "A12",
        (
            "systemctl stop datadog-agent; systemd-run --unit=taker python3 -c 'import socket,time; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind((\"127.0.0.1\",8125)); time.sleep(900)'",
        ),
        ("port-taken-by-another", None, None),
        "up",
        True,
        (),
        ("systemctl stop taker; systemctl restart datadog-agent",),
    ),
    Scenario(
        "8126 taken",
        "A12",
        ("systemctl stop datadog-agent; systemd-run --unit=taker python3 -m http.server --bind 127.0.0.1 8126",),
        ("port-taken-by-another", None, None),
        "up",
        True,
        (),
        ("systemctl stop taker; systemctl reset-failed datadog-agent-trace; systemctl restart datadog-agent",),
    ),
    Scenario(
        "an app on 5000",
        "A19",
        ("systemctl stop datadog-agent; systemd-run --unit=app python3 -m http.server --bind 127.0.0.1 5000",),
        ("port-taken-by-another", None, None),
        "up",
        True,
        (),
        ("systemctl stop app; systemctl restart datadog-agent",),
    ),
    Scenario(
        "command port changed while running",
        "A5",
        (_append(MAIN, "cmd_port: 5009\n"),),
        ("config-newer-than-process", MAIN, None),
        "deaf",
        False,
        UNSAFE,
        age=3,
        port=5009,
        undoable=False,
    ),
    # --- datadog.yaml -----------------------------------------------------------------------------------------------
    Scenario(
        "a tab in the main file",
        "A3",
        (_append(MAIN, "apm_config:\n\tenabled: true\n"),),
        ("main-file-does-not-load", MAIN, 7),
        "up",
        True,
        SAFE,
    ),
    Scenario(
        "half of a section uncommented",
        "A2",
        (_append(MAIN, "# apm_config:\n  enabled: true\n"),),
        ("main-file-does-not-load", MAIN, 7),
        "up",
        True,
        SAFE,
    ),
    Scenario(
        "a leading blank on line 1",
        "A2",
        (f"sed -i '1s/^/ /' {MAIN}",),
        ("main-file-cut-short", MAIN, 1),
        "up",
        True,
        SAFE,
    ),
    Scenario(
        "no key",
        "A3",
        (f"sed -i '/^api_key/d' {MAIN}",),
        ("api-key-missing", MAIN, None),
        "up",
        True,
        (),
        (f"sed -i '1iapi_key: {KEY}' {MAIN}; systemctl restart datadog-agent",),
    ),
    Scenario(
        "a key that nobody has",
        "A3",
        (f"sed -i 's/^api_key.*/api_key: {'deadbeef' * 4}/' {MAIN}",),
        ("api-key-refused", MAIN, None),
        "up",
        True,
        (),
        (f"sed -i 's/^api_key.*/api_key: {KEY}/' {MAIN}; systemctl restart datadog-agent",),
    ),
    Scenario(
        "APM switched off",
        "A1",
        (_append(MAIN, "apm_config:\n  enabled: false\n"),),
        ("apm-disabled", MAIN, 7),
        "up",
        True,
        UNSAFE,
    ),
    Scenario(
        "APM switch outside its section",
        "A2",
        (_append(MAIN, "enabled: true\n"),),
        ("apm-switch-outside-section", MAIN, 6),
        "up",
        True,
        UNSAFE,
    ),
    Scenario(
        "a misspelt setting",
        "C9",
        (_append(MAIN, "logs_enabeld: true\n"),),
        ("misspelt-setting", MAIN, 6),
        "up",
        True,
        UNSAFE,
    ),
    Scenario(
        "a site that is none",
        "A3",
        (f"sed -i 's/^site.*/site: https:\\/\\/app.datadoghq.eu/' {MAIN}",),
        ("site-unknown", MAIN, 2),
        "up",
        True,
        UNSAFE,
    ),
    # --- conf.d -----------------------------------------------------------------------------------------------------
    Scenario(
        "C1: an RTF header",
        "C1",
        (_file(UPTIME, "{\\rtf1\\ansi\n\ninit_config:\ninstances:\n  - min_collection_interval: 45\n"),),
        ("check-file-does-not-load", UPTIME, 1),
        proof=EVERY_45,
    ),
    Scenario(
        "C1: a Markdown fence",
        "C1",
        (_file(UPTIME, "```yaml\ninit_config:\ninstances:\n  - min_collection_interval: 45\n```\n"),),
        ("check-file-does-not-load", UPTIME, 1),
        proof=EVERY_45,
    ),
    Scenario(
        "C2: no blank after the dash",
        "C2",
        (_file(UPTIME, "init_config:\n\ninstances:\n  -min_collection_interval: 45\n"),),
        ("check-file-does-not-load", UPTIME, 4),
        proof=EVERY_45,
    ),
    Scenario(
        "C2+C3 at column 0",
        "C2+C3",
        (_file(UPTIME, "init_config:\n\ninstances:\n-min_collection_interval: 45`\n"),),
        ("check-file-does-not-load", UPTIME, 4),
        "up",
        True,
        UNSAFE,
        proof=EVERY_45,
    ),
    Scenario(
        "C3: a backtick at the end",
        "C3",
        (_file(UPTIME, "init_config:\n\ninstances:\n  - min_collection_interval: 45`\n"),),
        ("instance-does-not-load", UPTIME, 4),
        proof=EVERY_45,
    ),
    Scenario(
        "C9: the words swapped",
        "C9",
        (_file(UPTIME, "init_config:\n\ninstances:\n  - min_interval_collection: 45\n"),),
        ("misspelt-option", UPTIME, 4),
        proof=EVERY_45,
    ),
    Scenario(
        "C4: the interval at top level",
        "C4",
        (_file(UPTIME, "min_collection_interval: 45\n\ninstances: [{}]\n"),),
        ("interval-outside-instance", UPTIME, 1),
        proof=EVERY_45,
    ),
    Scenario(
        "C5: no instances",
        "C5",
        (_file(UPTIME, "init_config:\n\ninstances:\n"),),
        ("no-instances", UPTIME, 3),
        fix=(),
        by_hand=(f"printf 'instances: [{{}}]\\n' > {UPTIME}; systemctl restart datadog-agent",),
        proof=EVERY_15,
    ),
    Scenario(
        "C5: instances are a mapping",
        "C7",
        (_file(UPTIME, "init_config:\n\ninstances:\n  min_collection_interval: 45\n"),),
        ("check-file-does-not-load", UPTIME, 4),
        proof=EVERY_45,
    ),
    Scenario(
        "C7: a tab",
        "C7",
        (_file(UPTIME, "init_config:\n\ninstances:\n\t- min_collection_interval: 45\n"),),
        ("check-file-does-not-load", UPTIME, 4),
        proof=EVERY_45,
    ),
    Scenario(
        "C8: names differ",
        "C8",
        (
            _file(
                "/etc/datadog-agent/checks.d/my_metric.py",
                "from datadog_checks.base import AgentCheck\n\n\nclass MyMetric(AgentCheck):\n    def check(self, instance):\n        self.gauge('my_metric', 1)\n",
            ),
            _file(f"{CONF_D}/my_metrics.yaml", "instances: [{}]\n"),
        ),
        ("check-names-differ", f"{CONF_D}/my_metrics.yaml", 1),
        "up",
        True,
        UNSAFE,
        left=("check-refused-by-agent",),
    ),
    Scenario(
        "A4: apm.yaml left over",
        "A4",
        (_file(f"{CONF_D}/apm.yaml", "init_config:\n\ninstances:\n  - {}\n"),),
        ("apm-check-leftover", f"{CONF_D}/apm.yaml", None),
        "up",
        True,
        UNSAFE,
    ),
    Scenario(
        "a file that the Agent may not read",
        "V21",
        (_file(UPTIME, "instances: [{}]\n", "root:root") + f"; chmod 0600 {UPTIME}",),
        ("agent-cannot-use-file", UPTIME, None),
        "up",
        True,
        UNSAFE,
        proof=EVERY_15,
    ),
    Scenario(
        "logs, but no log collection",
        "",
        (
            "echo started > /var/log/lab-app.log",
            _file(
                f"{CONF_D}/uptime.d/conf.yaml",
                "instances: [{}]\nlogs:\n  - type: file\n    path: /var/log/lab-app.log\n    service: lab\n    source: dpkg\n",
            ),
        ),
        ("logs-disabled", UPTIME, 3),
        "up",
        True,
        UNSAFE,
    ),
    # --- permissions ------------------------------------------------------------------------------------------------
    Scenario(
        "chmod -R a+rwx",
        "V11",
        ("chmod -R a+rwx /etc/datadog-agent",),
        ("agent-file-world-writable", "/etc/datadog-agent", None),
        "up",
        False,
        SAFE,
    ),
    Scenario(
        "log folder of root",
        "",
        (
            "systemctl stop datadog-agent; chown root:root /var/log/datadog; chmod 0755 /var/log/datadog; systemctl start datadog-agent",
        ),
        ("agent-cannot-use-file", "/var/log/datadog", None),
        "up",
        False,
        UNSAFE,
    ),
    Scenario(
        "the log alone of root",
        "",
        ("systemctl stop datadog-agent; chown root:root /var/log/datadog/agent.log; systemctl start datadog-agent",),
        ("agent-log-of-another-user", "/var/log/datadog/agent.log", None),
        "up",
        False,
        SAFE,
    ),
    Scenario(
        "token deleted while running",
        "",
        ("rm /etc/datadog-agent/auth_token",),
        ("agent-not-answering", None, None),
        "deaf",
        False,
        (),
        ("systemctl restart datadog-agent",),
    ),
    Scenario(
        "token cut short",
        "",
        ("printf abc > /etc/datadog-agent/auth_token",),
        ("auth-token-too-short", "/etc/datadog-agent/auth_token", None),
        "deaf",
        False,
        (),
        ("rm /etc/datadog-agent/auth_token; systemctl restart datadog-agent",),
    ),
    Scenario(
        "disk full",
        "",
        (
            "mount -t tmpfs -o size=64k,uid=$(id -u dd-agent),mode=0750 tmpfs /var/log/datadog; head -c 65536 /dev/zero > /var/log/datadog/filler || true",
        ),
        ("disk-full-for-agent", "/var/log/datadog", None),
        "up",
        True,
        (),
        ("systemctl stop datadog-agent; umount /var/log/datadog; systemctl start datadog-agent",),
    ),
    # --- others -----------------------------------------------------------------------------------------------------
    Scenario(
        "no network",
        "",
        ("systemctl stop lab-standins",),
        ("intake-not-reached", "/var/log/datadog/agent.log", ANY),
        "up",
        True,
        (),
        ("systemctl start lab-standins; systemctl restart datadog-agent",),
    ),
    Scenario(
        "no embedded Python",
        "A6",
        (
            "rm /opt/datadog-agent/embedded/bin/python3",
            _file(f"{CONF_D}/disk.d/conf.yaml", "instances: [{use_mount: false}]\n"),
        ),
        ("python-not-initialized", None, None),
        "up",
        True,
        (),
        (
            f"ln -s /usr/bin/python3 /opt/datadog-agent/embedded/bin/python3; rm -r {CONF_D}/disk.d; systemctl restart datadog-agent",
        ),
        sign="Could not initialize Python",
    ),
    Scenario(
        "the clock is two hours off",
        "",
        (
            "systemctl stop datadog-agent; install -d /etc/systemd/system/lab-standins.service.d; printf '[Service]\\nEnvironment=LAB_CLOCK_OFFSET=7200\\n' > /etc/systemd/system/lab-standins.service.d/off.conf; systemctl daemon-reload; systemctl restart lab-standins",
        ),
        ("clock-off", None, None),
        "up",
        True,
        (),
        (
            "systemctl stop datadog-agent; rm /etc/systemd/system/lab-standins.service.d/off.conf; systemctl daemon-reload; systemctl restart lab-standins; systemctl restart datadog-agent",
        ),
        sign="check:ntp | Done running check",
    ),
    Scenario(
        "a second Agent",
        "V9",
        (
            "install -d -o dd-agent /srv/other/conf.d /srv/other/run; printf 'api_key: "
            + KEY
            + "\\nsite: datadoghq.eu\\nhostname: other.example.test\\ncmd_port: 6001\\nexpvar_port: 6000\\nuse_dogstatsd: false\\nrun_path: /srv/other/run\\nconfd_path: /srv/other/conf.d\\nlog_file: /srv/other/agent.log\\n' > /srv/other/datadog.yaml; chown -R dd-agent: /srv/other; systemd-run --quiet --unit=other --uid=dd-agent --setenv=DD_HOSTNAME_TRUST_UTS_NAMESPACE=true /opt/datadog-agent/bin/agent/agent run -c /srv/other",
        ),
        ("second-agent-on-host", None, None),
        "up",
        False,
        (),
        ("systemctl stop other",),
    ),
    Scenario(
        "a folder without .d",
        "C8",
        (
            f"install -d -o dd-agent {CONF_D}/uptime; printf 'instances: [{{}}]\\n' > {CONF_D}/uptime/conf.yaml; chown -R dd-agent: {CONF_D}/uptime",
        ),
        ("check-file-in-wrong-place", f"{CONF_D}/uptime/conf.yaml", None),
        "up",
        True,
        (),
        (f"rm -r {CONF_D}/uptime; systemctl restart datadog-agent",),
    ),
    Scenario(
        "P1+P2+P3 in one file",
        "P1+P2+P3",
        (
            _file(
                "/etc/datadog-agent/checks.d/my_metric.py",
                "from checks import AgentCheck\n\nclass MyMetric(AgentCheck):\ndef check(self, instance):\nself.guage('my_metric', random.randint(0, 1000))\n",
            ),
            _file(f"{CONF_D}/my_metric.yaml", "instances: [{min_collection_interval: 45}]\n"),
        ),
        ("check-not-indented", "/etc/datadog-agent/checks.d/my_metric.py", 4),
        "up",
        True,
        UNSAFE,
        also=("unknown-check-method", "import-missing", "old-check-import"),
        left=("check-refused-by-agent",),
    ),
    Scenario(
        "M1: my.cnf that all may write",
        "M1",
        ("chmod 0666 /etc/mysql/mariadb.cnf",),
        ("option-file-world-writable", "/etc/mysql/mariadb.cnf", None),
        "up",
        False,
        SAFE,
    ),
    Scenario(
        "a secret backend that is not there",
        "",
        (_append(MAIN, "secret_backend_command: /usr/local/bin/no-such-program\nenv: ENC[lab_env]\n"),),
        ("secret-backend-missing", MAIN, 6),
        "failed",
        True,
        (),
        (
            f"sed -i -e /secret_backend/d -e /ENC/d {MAIN}; systemctl reset-failed datadog-agent; systemctl start datadog-agent",
        ),
    ),
    Scenario(
        "cmd_host for everyone",
        "",
        (_append(MAIN, "cmd_host: 0.0.0.0\n"),),
        ("cmd-host-not-local", MAIN, 6),
        "failed",
        True,
        UNSAFE,
    ),
    Scenario(
        "conf.d closed",
        "",
        (f"chown root:root {CONF_D}; chmod 0700 {CONF_D}",),
        ("agent-cannot-use-file", CONF_D, None),
        "up",
        True,
        UNSAFE,
    ),
    Scenario(
        "not enabled at boot",
        "",
        ("systemctl disable datadog-agent",),
        ("agent-not-enabled-at-boot", None, None),
        "up",
        False,
        (),
        ("systemctl enable datadog-agent",),
    ),
    Scenario(
        "upgraded and not restarted",
        "",
        (
            "cp -p /opt/datadog-agent/bin/agent/agent /opt/datadog-agent/bin/agent/new; mv /opt/datadog-agent/bin/agent/new /opt/datadog-agent/bin/agent/agent",
        ),
        ("agent-process-of-replaced-program", None, None),
        "up",
        False,
        (),
        ("systemctl restart datadog-agent",),
    ),
    Scenario(
        "a log file that is not there",
        "",
        (
            _append(MAIN, "logs_enabled: true\n"),
            _file(
                UPTIME,
                "instances: [{}]\nlogs:\n  - type: file\n    path: /var/log/no-such.log\n    service: lab\n    source: lab\n",
            ),
        ),
        ("log-source-not-read", UPTIME, 3),
        "up",
        True,
        (),
        ("echo a > /var/log/no-such.log; systemctl restart datadog-agent",),
    ),
    Scenario(
        "V6: the key in a Vagrantfile",
        "V6",
        (
            'mkdir -p /vagrant; printf \'Vagrant.configure("2") do |config|\\n  config.vm.box = "debian/trixie64"\\n  config.vm.provision "shell", inline: "DD_API_KEY='
            + "c0ffee11c0ffee22c0ffee33c0ffee44"
            + " bash install.sh\"\\nend\\n' > /vagrant/Vagrantfile; chown vagrant: /vagrant/Vagrantfile",
        ),
        ("key-in-clear-text", "/vagrant/Vagrantfile", 3),
        "up",
        False,
        (),
        ("rm /vagrant/Vagrantfile",),
    ),
)

# Faults that no rule names yet; the suite leaves them out until one does.
NO_RULE_YET: dict[str, str] = {}
