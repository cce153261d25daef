"""Secrets planted in every notation the doctor reads: none may come out again; what only looks like one stays readable."""

from __future__ import annotations

import base64
import json
import pickle
import random
import time
from collections.abc import Callable

import pytest

from dddoctor.secrets import Found, Vault, is_placeholder, is_secret_key, scan

DICE = random.Random(20)
TEN = range(10)


def text_of(length: int, alphabet: str = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") -> str:
    return "".join(DICE.choice(alphabet) for _ in range(length))


def hexadecimal(length: int) -> str:
    return text_of(length, "0123456789abcdef")


def nasty(length: int = 8) -> str:
    """A password as people choose them: letters, digits and one or two signs."""
    return text_of(length) + DICE.choice("!+-_.=^~") + text_of(3)


# kind → (a fresh secret, the text that holds it)
PLANTS: dict[str, tuple[Callable[[], str], str]] = {
    "API key in datadog.yaml": (lambda: hexadecimal(32), "api_key: {}\nsite: datadoghq.eu\n"),
    "API key in a comment": (lambda: hexadecimal(32), "# the old key was {} until May\n"),
    "application key in the environment": (lambda: hexadecimal(40), "export DD_APP_KEY={}\npython app.py\n"),
    "API key in a query string": (
        lambda: hexadecimal(32),
        "POST https://app.datadoghq.com/api/v1/series?api_key={}&x=1 failed\n",
    ),
    "key of another intake": (
        lambda: text_of(20),
        'additional_endpoints:\n  "https://app.datadoghq.eu":\n    - {}\nhostname: a\n',
    ),
    "password of a check": (nasty, "instances:\n  - host: localhost\n    password: {}   # secret\n    port: 3306\n"),
    "password of an option file": (nasty, "[client]\nuser = datadog\npassword = {}\n"),
    "password in a key without a blank": (nasty, "instances:\n  - host: a\n    password:{}\n"),
    "password on the next line": (nasty, "password: >-\n  {}\nuser: a\n"),
    "password in a URL": (lambda: text_of(9) + "@" + text_of(3), "db_url: postgres://bob:{}@db.lab:5432/x\n"),
    "password of a proxy without a scheme": (nasty, "proxy: dd:{}@proxy:3128\n"),
    "password of a MySQL account": (
        lambda: text_of(6) + "; '' " + text_of(4),
        "CREATE USER 'datadog'@'localhost' IDENTIFIED BY '{}';\n",
    ),
    "password glued to -p": (nasty, "mysql -u root -p{} -e 'SHOW GRANTS'\n"),
    "password of an option": (nasty, 'command = ["mysqladmin", "--password", "{}", "ping"]\n'),
    "password in JSON within JSON": (nasty, '{{"config": "{{\\"user\\": \\"a\\", \\"password\\": \\"{}\\"}}"}}\n'),
    "password in Python": (
        lambda: nasty() + " " + text_of(4),
        "connection = connect(host='a', passwd=\"{}\", db='x')\n",
    ),
    "password of a provisioner": (
        nasty,
        "debconf-set-selections <<< 'mysql-server mysql-server/root_password password {}'\n",
    ),
    "bearer token": (lambda: text_of(30), "Authorization: Bearer {}\n"),
    "basic authentication": (
        lambda: base64.b64encode(nasty(12).encode()).decode(),
        'curl -H "Authorization: Basic {}" http://a\n',
    ),
    "header": (lambda: text_of(16), "headers:\n  X-Auth-Token: {}\n  Accept: text/plain\n"),
    "cookie": (lambda: "sid=" + text_of(14), "Cookie: {}\n"),
    "GitHub token": (lambda: "ghp_" + text_of(36), "git clone https://{}@github.com/a/b\n"),
    "Slack token": (lambda: "xoxb-" + text_of(11, "0123456789") + "-" + text_of(16), "notify with {} here\n"),
    "AWS key id": (lambda: "AKIA" + text_of(16, "ABCDEFGHJKLMNPQRSTUVWXYZ234567"), "profile {} is used\n"),
    "AWS secret key": (lambda: text_of(40), "aws_secret_access_key = {}\n"),
    "JSON web token": (lambda: f"eyJ{text_of(20)}.eyJ{text_of(30)}.{text_of(22)}", "got {} from the server\n"),
    "SNMP community": (lambda: text_of(9), "community_strings: [public1, {}]\n"),
    "SNMP key": (lambda: text_of(12), "  authKey: {}\n"),
    "password hash of MariaDB": (
        lambda: "*" + text_of(40, "0123456789ABCDEF"),
        "GRANT USAGE ON *.* TO `a`@`b` IDENTIFIED BY PASSWORD '{}'\n",
    ),
    "container environment": (nasty, "    environment:\n      - MYSQL_ROOT_PASSWORD={}\n"),
    "Dockerfile": (nasty, "ENV MYSQL_PASSWORD {}\n"),
    "Kubernetes variable": (nasty, "env:\n  - name: DB_PASSWORD\n    value: {}\n"),
    "property list": (nasty, "<key>DD_API_KEY</key>\n<string>{}</string>\n"),
}
PLANTED = [(kind, make(), text) for kind, (make, text) in PLANTS.items() for _ in TEN]


def test_there_are_more_than_two_hundred_planted_secrets_of_more_than_twenty_kinds() -> None:
    assert len({secret for _, secret, _ in PLANTED}) == 330 and len(PLANTS) == 33


@pytest.mark.parametrize("kind", PLANTS)
def test_a_planted_secret_is_in_no_output(kind: str) -> None:
    for secret, text in ((s, t) for k, s, t in PLANTED if k == kind):
        vault, planted = Vault(), text.format(secret)

        row, shown = vault.redact(planted), vault.show(planted)

        assert secret not in row and secret not in shown and vault.has_token(row), planted
        assert vault.show(shown) == shown
        assert vault.redact(row) == row
        assert vault.show(row) == shown


def test_all_planted_secrets_in_one_file_are_hidden_wherever_they_come_again() -> None:
    vault = Vault()

    shown = vault.show("".join(text.format(secret) for _, secret, text in PLANTED))
    again = [vault.show(f"login with {secret!r} failed ({json.dumps(secret)})") for _, secret, _ in PLANTED]

    assert [s for _, s, _ in PLANTED if s in shown] == []
    assert [s for (_, s, _), line in zip(PLANTED, again, strict=True) if s in line or "<" not in line] == []


def test_windows_line_ends_change_nothing() -> None:
    vault = Vault()

    shown = vault.show("password: hunter2\r\nDB_PASSWORD=hunter2\r\npassword = hunter2\r\nuser: a\r\n")

    assert shown == "password: <password #1>\r\nDB_PASSWORD=<password #1>\r\npassword = <password #1>\r\nuser: a\r\n"


HARMLESS = """
uuid: 123e4567-e89b-12d3-a456-426614174000
commit 3f786850e387550fdab836ed7e6dc881de23001b
https://github.com/DataDog/datadog-agent/commit/3f786850e387550fdab836ed7e6dc881de23001b
git+https://github.com/a/b.git@3f786850e387550fdab836ed7e6dc881de23001b#egg=b
uses: actions/checkout@3f786850e387550fdab836ed7e6dc881de23001b
3f786850e387550fdab836ed7e6dc881de23001b refs/heads/main
d41d8cd98f00b204e9800998ecf8427e  usr/share/doc/x/copyright
MD5sum: d41d8cd98f00b204e9800998ecf8427e
image: mysql@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
container e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
mac: 02:42:ac:11:00:02
id: 12345678901234567890
hostname: ip-10-0-0-1.ec2.internal
password_file: /etc/datadog-agent/pw
api_key: ENC[api]
api_key: <YOUR_API_KEY>
api_key: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
api_key: "********"
api_key: '***************************e8237'
token_ttl: 5
passwordless: true
tags: [pwd:home]
PasswordAuthentication yes
PermitRootLogin without-password
password: ${DB_PASSWORD}
password: $DB_PASSWORD
password: $password
password: "%%env_DB_PASSWORD%%"
password: <%= node['pw'] %>
api_key = os.environ["DD_API_KEY"]
password = instance.get('password')
self.password = self.config.password
def connect(user, password=None):
password: str = ""
tags: [owner:joe@example.com, team:ops@example.com]
git@github.com:user/repo.git
https://app.datadoghq.com:443/account
passwd:         files systemd
Access denied for user 'datadog'@'localhost' (using password: YES)
secret_backend_command: /usr/bin/backend
auth_token_file_path: /etc/datadog-agent/auth_token
ssl_key: /etc/ssl/private/key.pem
trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7
Machine ID: 4bf92f3577b34da6a3ce929d0e0e4736
/static/app.4bf92f3577b34da6a3ce929d0e0e4736.js
<img src="data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUA">
docker run -p 3306:3306 --name mysql -p3306:3306 mysql
apt-key adv --keyserver keyserver.ubuntu.com --recv-keys A2923DFF56EDA6E76E55E492D3A80E30382E94DE
Bearer authentication is required
`password:` is missing in the file
Set `password: <password>` under the instance
Invalid API key: check your key
The password is wrong
PWD=/home/vagrant ; USER=root
passive_checks_events: true
sort_key: name
use the --password option
ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 user@host
max_tokens: 500
config.ssh.private_key_path = ".vagrant/machines/default/virtualbox/private_key"
GRANT SELECT ON *.* TO 'datadog'@'localhost' IDENTIFIED BY '<UNIQUEPASSWORD>';
monkey: banana
auth_type: basic
Error: unable to read artifact: open /etc/datadog-agent/auth_token: permission denied
could not acquire agent auth token: unable to read authentication token file
    API Key: Not authorized, add the Remote Configuration Read permission to enable it for this agent.
Put "http://169.254.169.254/latest/api/token": dial tcp 169.254.169.254:80: connect: no route to host
Error: invalid authentication token: must be at least 32 characters in length
Sending to agent-intake.logs.datadoghq.com. on port 10516 (API Key: ***************************a4b5c)
{"e": "Access denied for user 'datadog'@'localhost' (using password: YES)\\\\\\")\\",\\"traceback\\":\\"x"}
Www-Authenticate: Bearer realm="Datadog Agent"
echo 'd41d8cd98f00b204e9800998ecf8427e  agent.deb' | md5sum -c
/etc/passwd: dd-agent:x:115:120::/opt/datadog-agent:/usr/sbin/nologin
headers['X-Registry-Auth'] = header
""".strip().split("\n")


@pytest.mark.parametrize("line", HARMLESS)
def test_a_harmless_look_alike_stays_readable(line: str) -> None:
    assert Vault().show(line) == line


def test_the_harmless_lines_stay_readable_in_one_file() -> None:
    text = "\n".join(HARMLESS)

    assert Vault().show(text) == text


PASSWORDS = [
    "hunter2", "p@ss/w0rd9", "a,b;c9d", "abc)def9", "x{y}z9", "tr#ail9", "q&a=1b", '"dq"uote9', "sq'uote9", "back\\slash9", "$ecret1", "*star9x", "Pa(ss)word1",
    "%percent9", "per:co:lon9", "nine words of 9", "ünïcode9", "<lt9>x", "!bang9x", "@at9x", "tick`y9", "[br]9x", "f(x)9", "config.x1", "12345678", "ends9)",
]  # fmt: skip


@pytest.mark.parametrize("password", PASSWORDS)
def test_signs_in_a_password_do_not_let_a_part_of_it_out(password: str) -> None:
    double = password.replace("\\", "\\\\").replace('"', '\\"')
    texts = [
        "password: '" + password.replace("'", "''") + "'\nuser: x",
        f'password: "{double}"\nuser: x',
        json.dumps({"user": "u", "password": password, "z": 1}),
        json.dumps({"m": json.dumps({"user": "u", "password": password, "z": 1})}),
        f'connect(user="u", password="{double}", db="x")',
    ]
    if "#" not in password:
        texts += [f"[client]\npassword={password}\nhost=x\n", f"[client]\npassword = {password}\nhost=x\n"]
    if "'" not in password:
        texts += [
            f"export DB_PASSWORD='{password}'\necho x",
            f"mysql -u root -p'{password}' -e 'SELECT 1'",
            f"tool --password '{password}' --x",
        ]

    longest = max((w for w in password.replace("_", " ").split(" ")), key=len)
    leaks = [shown for text in texts if longest in (shown := Vault().show(text)) or "<" not in shown]

    assert leaks == []


def test_the_agents_own_sample_keeps_no_secret() -> None:
    """The shapes that Agent 7.52 hides, and those it leaves readable (X-Auth-Token, access_key, ?token=, password= within a text)."""
    sample = """
password: "tagSecret1"
tags: ["env:lab", "password:inSecret2"]
  https: http://pu:initSecret3@proxy.lab:3128
    url: https://user:urlSecret4@site.lab/?token=querySecret5&api_key=zzSecret6
      Authorization: Basic aGVsbG86U2VjcmV0Nw==
    auth_token:
      reader:
        client_secret: oauthSecret8
    access_key: accSecret9
    community_string: commSecret10
    client_secret_id: idSecret11
    passphrase: ppSecret12
    extra: "uid=1;password=conSecret13;host=x"
    privKey: privSecret14
"""

    shown = Vault().show(sample)

    assert "Secret" not in shown.replace("client_secret", "") and "U2VjcmV0" not in shown
    assert shown.count("<") == 14 and "proxy.lab:3128" in shown and "host=x" in shown


PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "\n".join(base64.b64encode(bytes(range(i, i + 48))).decode() for i in range(4))
    + "\n-----END RSA PRIVATE KEY-----"
)


def test_a_private_key_is_hidden_as_a_block_and_line_by_line_once_known() -> None:
    vault = Vault()

    shown = vault.show(f"key: |\n{PEM}\nuser: a\n")
    lines = [vault.show(line) for line in PEM.split("\n")[1:-1]]

    assert shown == "key: |\n<private-key #1>\nuser: a\n"
    assert lines == ["<private-key #1>"] * 4


def test_a_private_key_that_is_cut_off_or_on_one_line_is_hidden() -> None:
    body = PEM.split("\n")[1]

    assert body not in Vault().show(PEM[:150])
    assert body not in Vault().show(json.dumps({"k": PEM}))


def test_the_same_secret_has_the_same_token_and_another_vault_another() -> None:
    vault, other = Vault(), Vault()

    tokens = [
        vault.token("hunter2", "password"),
        vault.token("hunter2", "key"),
        vault.redact_value("password", "hunter2"),
        other.token("hunter2", "password"),
    ]

    assert tokens[0] == tokens[1] == tokens[2] != tokens[3]
    assert vault.redact('pass: "hunter2"') == f'pass: "{tokens[0]}"'


def test_tokens_are_numbered_by_their_first_appearance_in_the_output() -> None:
    vault = Vault()
    first, second = vault.token("first-secret-1", "password"), vault.token("b" * 31 + "0", "key")

    assert vault.show(f"{second} {first} {second}") == "<key #1> <password #2> <key #1>"


def test_a_token_survives_json_and_a_torn_one_shows_nothing() -> None:
    vault = Vault()
    token = vault.token("hunter2hunter2", "password")

    assert json.loads(vault.show(json.dumps({"a": token}))) == {"a": "<password #1>"}
    assert vault.show(token[:12]) == "<secret>" and vault.show("a " + token[8:]) == "a <secret>"
    assert vault.has_token(token[:12]) and not vault.has_token("a: b")


def test_private_use_characters_of_a_file_do_not_pass_for_a_token() -> None:
    vault = Vault()

    shown = vault.show("icon \ue0d0 and \ue0d1, password: hunter2")

    assert shown == "icon \ufffd and \ufffd, password: <password #1>"


def test_a_password_that_is_an_ordinary_word_is_hidden_under_its_key_alone() -> None:
    """`password: datadog` is common; it must not garble every path of the report."""
    vault = Vault()

    shown = vault.show("username: datadog\npassword: datadog\n")

    assert shown == "username: datadog\npassword: <password #1>\n"
    assert vault.show("/etc/datadog-agent/datadog.yaml") == "/etc/datadog-agent/datadog.yaml"
    assert vault.show('{"line": 3306}') == '{"line": 3306}'


def test_a_known_secret_is_hidden_in_each_spelling() -> None:
    vault = Vault()
    vault.token('pa"ss<w>örd 9', "password")

    shown = [
        vault.show(t)
        for t in (
            'x pa"ss<w>örd 9 y',
            r'"pa\"ss<w>\u00f6rd 9"',
            "pa&quot;ss&lt;w&gt;örd 9",
            "?x=pa%22ss%3Cw%3E%C3%B6rd%209",
        )
    ]

    assert shown == ["x <password #1> y", '"<password #1>"', "<password #1>", "?x=<password #1>"]


def test_many_known_secrets_are_still_found() -> None:
    vault = Vault()
    for number in range(500):
        vault.token(f"S3cret-{number:04d}-x", "password")

    assert vault.show("failed with S3cret-0321-x.") == "failed with <password #1>."


def test_a_value_whose_key_is_known_is_a_token_as_a_whole() -> None:
    vault = Vault()

    values = [
        vault.redact_value("instances[0].password", "two words"),
        vault.redact_value('additional_endpoints["https://app.datadoghq.eu"][0]', "short"),
        vault.redact_value("community_strings[1]", "public1"),
        vault.redact_value("password", "ENC[db]"),
        vault.redact_value("host", "db:3306"),
    ]

    assert [vault.show(v) for v in values] == ["<password #1>", "<key #2>", "<community #3>", "ENC[db]", "db:3306"]


def test_names_of_secrets() -> None:
    secret = ["password", "DB_PASSWORD", "userPassword", "trustStorePassword", "mysql_pwd", "api_key", "apikey", "DD-API-KEY", "app_key", "auth_token", "client_secret_id",
              "accessToken", "privKey", "community_string", "Authorization", "X-Api-Key", "instances[0].pass", "consumer_key", "token_id", "secret", "private_key", "pasword"]  # fmt: skip
    harmless = ["password_file", "bypass", "passive_checks", "compass", "key", "sort_key", "secret_backend_command", "auth_token_file_path", "max_tokens", "PWD",
                "tls_private_key_path", "PasswordAuthentication", "community", "host", "public_key", "bearer_token_refresh_interval"]  # fmt: skip

    assert [n for n in secret if not is_secret_key(n)] == []
    assert [n for n in harmless if is_secret_key(n)] == ["community"]  # the Agent hides it, too


def test_placeholders() -> None:
    yes = [
        "",
        "<YOUR_API_KEY>",
        "YOUR_API_KEY",
        "your api key",
        "APIKEY",
        "xxxxxxxx",
        "****",
        "####",
        "ENC[a]",
        "${A}",
        "$A",
        "{{ a }}",
        "%%env_A%%",
        "null",
        "true",
        "[REDACTED]",
    ]
    no = ["hunter2", "password", "$ecret1", "<lt9>x", "*star", "changeme", "f" * 32]

    assert [v for v in yes if not is_placeholder(v)] == [] and [v for v in no if is_placeholder(v)] == []


def test_scan_says_where_what_and_under_which_name() -> None:
    text = 'config.vm.provision "shell", env: {"DD_API_KEY" => "0123456789abcdef0123456789abcdef"}'

    assert scan(text) == [Found(text.index("0123"), text.index("0123") + 32, "key", "DD_API_KEY")]


def test_a_vault_tells_nothing_of_its_secrets() -> None:
    vault = Vault()
    vault.token("hunter2hunter2", "password")

    assert repr(vault) == str(vault) == "Vault(1 secrets)"
    with pytest.raises(TypeError):
        pickle.dumps(vault)


@pytest.mark.parametrize(
    "unit",
    [
        "password=",
        "password: [",
        "://a:",
        "a:b@",
        "-p ",
        "token:\n",
        "{",
        '"',
        "--a ",
        "eyJ",
        "-----BEGIN A-----\n",
        "a(",
        "password: f(a",
    ],
)
def test_the_time_grows_with_the_length_and_not_with_its_square(unit: str) -> None:
    began = time.perf_counter()
    scan(unit * (100_000 // len(unit)))

    assert time.perf_counter() - began < 3
