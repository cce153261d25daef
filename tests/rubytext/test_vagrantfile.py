"""What a Vagrantfile sets up, as read from its tree."""

from __future__ import annotations

import pytest

from dddoctor.rubytext import analyse
from dddoctor.rubytext.boxes import Box, box_of
from dddoctor.rubytext.vagrantfile import Facts


def facts(body: str, before: str = "") -> Facts:
    found = analyse(f'{before}Vagrant.configure("2") do |config|\n{body}\nend\n'.encode())
    assert found.reading.parses
    assert found.facts is not None
    return found.facts


def inline(body: str, before: str = "") -> list[str]:
    """The text of the only provisioner."""
    [provisioner] = facts(body, before).provisioners
    return [text for _, text in provisioner.lines]


def test_ports_in_every_spelling() -> None:
    found = facts(
        'config.vm.network "forwarded_port", guest: 80, host: 8080, auto_correct: true\n'
        "config.vm.network :forwarded_port, :guest => 5_000, :host => '5000', protocol: \"udp\"\n"
        'config.vm.network("forwarded_port", {guest: PORT, host: ENV["PORT"]})\n',
        "PORT = 3000\n",
    )

    assert [(p.guest, p.host, p.auto_correct, p.protocol) for p in found.ports] == [
        (80, 8080, True, "tcp"),
        (5000, 5000, False, "udp"),
        (3000, None, False, "tcp"),
    ]


def test_machines_providers_and_memory() -> None:
    found = facts(
        'config.vm.box = "a/b"\n'
        'config.vm.provider("virtualbox") { |v| v.memory = "1024" }\n'
        'config.vm.define "db", primary: true do |db|\n'
        '  db.vm.box = "c/d"\n'
        '  db.vm.provider "vmware_desktop" do |v|\n    v.vmx["memsize"] = "2048"\n  end\n'
        "end\n"
        "config.vm.define :web do |web|\n"
        '  web.vm.provider :virtualbox do |v, override|\n    v.customize ["modifyvm", :id, "--memory", 512, "--cpus", 2]\n    override.vm.box = "e/f"\n  end\n'
        "end\n"
    )

    assert [(m.name, m.box, m.memory_mb) for m in found.machines] == [
        (None, "a/b", 1024),
        ("db", "c/d", 2048),
        ("web", "e/f", 512),
    ]


def test_what_depends_on_a_condition_is_not_known() -> None:
    found = facts(
        'config.vm.box = ENV["B"] || "x"\nif ENV["M"]\n  config.vm.provider("v") { |v| v.memory = 1 }\nend\nconfig.vm.provision "shell", inline: "x" if true\n'
    )

    assert [(m.box, m.memory_mb) for m in found.machines] == [(None, None)]
    assert [p.is_conditional for p in found.provisioners] == [True]


def test_provisioners_names_and_runs() -> None:
    found = facts(
        "config.vm.provision :docker\n"
        'config.vm.provision "boot", type: "shell", run: "always", path: "a.sh"\n'
        "config.vm.provision :shell, run: RUN do |s|\n  s.path = 'b.sh'\nend\n"
        "%w[a b].each { |n| config.vm.provision n, type: :file, source: n, destination: n }\n"
    )

    assert [(p.kind, p.name, p.run, p.is_run_known, p.path) for p in found.provisioners] == [
        ("docker", None, "once", True, None), ("shell", "boot", "always", True, "a.sh"), ("shell", None, "once", False, "b.sh"), ("file", None, "once", True, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "before", "text"),
    [
        ('config.vm.provision "shell", inline: "one\\ntwo \\"x\\""', "", ["one", 'two "x"']),
        ("config.vm.provision 'shell', inline: 'a\\nb #{c}'", "", ["a\\nb #{c}"]),
        ('config.vm.provision "shell", inline: <<-X\n  a #{b}\n    c \\$d\nX', "", ["  a __ruby__", "    c $d", ""]),
        ("config.vm.provision :shell, inline: <<~'X'\n  a \\n\nX", "", ["  a \\n", ""]),
        ("config.vm.provision :shell, inline: $s", "$s = <<S\nx\nS\n", ["x", ""]),
        ('config.vm.provision :shell, inline: ["a", "b"].join("\\n")', "", ["a", "b"]),
        (
            'config.vm.provision "shell" do |s|\n  s.inline = "a" \\\n    " b"\n  s.inline += "\\n" + "c"\nend',
            "",
            ["a b", "c"],
        ),
    ],
)
def test_the_text_of_a_provisioner(body: str, before: str, text: list[str]) -> None:
    assert inline(body, before) == text


def test_lines_are_those_of_the_file_also_where_it_was_corrected() -> None:
    vagrant = analyse(
        b'```\nVagrant.configure("2") do |config|\n  config.vm.provider "v" do |v|\n    v.memory = 1\n  config.vm.provision "shell", inline: <<-X\n    true\n  X\nend\n'
    )

    assert vagrant.facts is not None
    [provisioner] = vagrant.facts.provisioners
    assert (vagrant.line(provisioner.start), vagrant.line(provisioner.lines[0][0])) == (5, 6)


@pytest.mark.parametrize(
    ("name", "box"),
    [
        ("ubuntu/trusty32", Box("ubuntu", "14.04", 32, True)),
        ("precise64", Box("ubuntu", "12.04", 64, True)),
        ("bento/ubuntu-22.04", Box("ubuntu", "22.04", None, True)),
        ("generic/ubuntu2204", Box("ubuntu", "22.04", None, True)),
        ("generic/debian12", Box("debian", "12", None, True)),
        ("debian/bookworm64", Box("debian", "12", 64, True)),
        ("centos/7", Box("centos", "7", None, True)),
        ("bento/centos-7.2", Box("centos", "7.2", None, True)),
        ("almalinux/9", Box("almalinux", "9", None, True)),
        ("me/ubuntu-docker", Box(None, None, None, False)),
        ("williamyeh/ubuntu-trusty64-docker", Box("ubuntu", "14.04", None, False)),
        ("base", Box(None, None, None, False)),
    ],
)
def test_what_the_name_of_a_box_tells(name: str, box: Box) -> None:
    assert box_of(name) == box
