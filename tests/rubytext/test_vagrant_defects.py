"""Defects of a Vagrantfile's text: what is named, where, and what the line should read."""

from __future__ import annotations

import time

import pytest

from dddoctor.hosts.spans import apply_spans
from dddoctor.rubytext import analyse, correct

HEAD = 'Vagrant.configure("2") do |config|\n'


def found(text: str) -> list[tuple[str, int, str | None]]:
    """(kind, line, correction) of each."""
    return [(d.kind, d.line, d.correction) for d in analyse(text.encode()).defects]


def repaired(text: str) -> str:
    """The text with one correction after the other made, the text's own first, as the repair loop does."""
    data = text.encode()
    for _ in range(20):
        defects = [d for d in analyse(data).defects if d.spans]
        if not defects:
            break
        first = next((d for d in defects if d.is_text), defects[0])
        spans = correct(data, "Vagrantfile", first.line, first.kind)
        assert spans is not None
        data = apply_spans(data, spans)
    return data.decode()


def test_the_end_goes_below_the_last_line_of_the_block_and_its_comments() -> None:
    text = (
        HEAD
        + '  config.vm.provider "x" do |v|\n    v.memory = 1\n    # inside\n  # outside\n\n  config.vm.box = "y"\nend\n'
    )

    assert (
        repaired(text)
        == HEAD
        + '  config.vm.provider "x" do |v|\n    v.memory = 1\n    # inside\n  end\n  # outside\n\n  config.vm.box = "y"\nend\n'
    )


def test_a_here_document_before_the_end_is_passed_over() -> None:
    text = HEAD + '  config.vm.provision "shell" do |s|\n    s.inline = <<-X\n  end\ndo\n    X\nend\n'

    assert (
        repaired(text)
        == HEAD + '  config.vm.provision "shell" do |s|\n    s.inline = <<-X\n  end\ndo\n    X\n  end\nend\n'
    )


def test_a_file_without_a_last_newline_keeps_it_so() -> None:
    assert repaired(HEAD + '  config.vm.box = "x"') == HEAD + '  config.vm.box = "x"\nend'


def test_data_behind_the_code_stays_behind() -> None:
    assert repaired(HEAD + '  config.vm.box = "x"\n__END__\ndo\n') == HEAD + '  config.vm.box = "x"\nend\n__END__\ndo\n'


def test_a_file_without_indentation_is_mended_where_names_decide() -> None:
    """`s` belongs to the inner block, so that one ends at the only `end` there is."""
    text = HEAD + 'config.vm.box = "x"\nconfig.vm.provision "shell" do |s|\ns.inline = "a"\nend\n'

    assert repaired(text) == text + "end\n"


def test_a_file_without_indentation_is_left_alone_where_nothing_decides() -> None:
    text = HEAD + 'config.vm.provision "shell" do |s|\ns.inline = "a"\nconfig.vm.box = "x"\nend\n'

    assert found(text) == [("unclosed-block", 2, None)]


def test_an_if_that_hangs_behind_an_assignment() -> None:
    text = (
        HEAD
        + "  memory = if ENV['A']\n             1\n           else\n             2\n           end\n  config.vm.box = 'x'\n"
    )

    assert repaired(text) == text + "end\n"


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ('config.vm.box = "ubuntu/jammy64', 'config.vm.box = "ubuntu/jammy64"'),
        ('config.vm.define "web" |web|\n  end', 'config.vm.define "web" do |web|\n  end'),
        ("%w[a b].each\n    puts 1\n  end", "%w[a b].each do\n    puts 1\n  end"),
        ('config.vm.network("private_network", type: "dhcp"', 'config.vm.network("private_network", type: "dhcp")'),
        ("config.vm.box = \u201cx\u201d", 'config.vm.box = "x"'),
        ("config.vm.box = 'x\u2019", "config.vm.box = 'x'"),
        ('config.vm.box\u00a0=\u00a0"a\u00a0b"', 'config.vm.box = "a\u00a0b"'),
        ('config.\u200bvm.box = "x"', 'config.vm.box = "x"'),
        (
            'config.vm.provision "shell", inline: <<X\n  true\n  X',
            'config.vm.provision "shell", inline: <<-X\n  true\n  X',
        ),
        ('config.vm.provision "shell", inline: <<X\ntrue\nX ', 'config.vm.provision "shell", inline: <<X\ntrue\nX'),
        (
            'config.vm.provision "shell", inline: <<-Shell\ntrue\nSHELL',
            'config.vm.provision "shell", inline: <<-Shell\ntrue\nShell',
        ),
    ],
)
def test_a_line_is_put_right(line: str, right: str) -> None:
    assert (
        repaired(f'{HEAD}  {line}\n  config.vm.hostname = "h"\nend\n')
        == f'{HEAD}  {right}\n  config.vm.hostname = "h"\nend\n'
    )


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ('config.vm.box = ubuntu/jammy64"', "unclosed-string"),
        ('config.vm.network "forwarded_port, guest: 80, host: 8080', "unclosed-string"),
        ('config.vm.synced_folder ".", "/a", mount_options: ["a=1", owner: "b"', "unclosed-bracket"),
        ('config.vm.box = "x")', "surplus-bracket"),
        ("config.vm.box == = 1", "syntax-error"),
        ("config.vm.provision :shell, inline: <<~X", "unclosed-heredoc"),
    ],
)
def test_a_line_that_only_a_person_can_put_right_is_named(line: str, kind: str) -> None:
    assert found(f'{HEAD}  {line}\n  config.vm.hostname = "h"\nend\n')[0] == (kind, 2, None)


def test_two_independent_faults_are_both_named() -> None:
    text = HEAD + '  config.vm.box = "x\n  config.vm.provider "v" do |v|\n    v.cpus = 1\nend\n'

    assert found(text) == [("unclosed-string", 2, '  config.vm.box = "x"'), ("unclosed-block", 3, "  end")]


def test_what_is_wrong_besides_is_named_in_a_file_that_does_not_parse() -> None:
    text = HEAD + '  vm.box = "x"\n  config.vm.provision "shell" do |s|\n    s.inline = "a"\n    s.inline = "b"\n'

    assert [(k, n) for k, n, _ in found(text)] == [
        ("unclosed-block", 1),
        ("receiver-missing", 2),
        ("unclosed-block", 3),
        ("inline-set-twice", 5),
    ]


def test_columns_count_characters() -> None:
    defects = analyse((HEAD + "  größe = 'ß'; vm.box = 'x'\nend\n").encode()).defects

    assert [(d.line, d.column) for d in defects] == [(2, 16)]


@pytest.mark.parametrize(
    "text",
    [
        HEAD
        + '  config.vm.provision("shell") { |s| s.inline = "a" }\n  config.vm.provision("shell") { |s| s.inline = "b" }\nend\n',
        HEAD
        + '  config.vm.provision "shell" do |s|\n    s.inline = "a" unless ENV["B"]\n    s.inline = "b"\n  end\nend\n',
        HEAD + "  [1, 2].each do |i|\n    config.vm.define i do |vm|\n      vm.vm.box = 'x'\n    end\n  end\nend\n",
        "box = ->(vm) { vm.box = 'x' }\n" + HEAD + "  box.call(config.vm)\nend\n",
        HEAD + "  for ssh in [config.ssh] do\n    ssh.forward_agent = true\n  end\nend\n",
        HEAD + "  config.vm.instance_eval do\n    vm.box = 1\n  end\nend\n",
    ],
)
def test_what_is_right_gives_nothing(text: str) -> None:
    assert found(text) == []


def test_joined_commands_are_both_in_the_text_that_runs() -> None:
    """Proven by the reader of texts itself, in both forms of the repair."""
    for first, second in (
        ('"echo one"', "'echo two'"),
        ('"echo \\"one\\""', '"echo two"'),
        ("<<-A\n      echo one\n    A", "'echo two'"),
    ):
        text = repaired(
            f'{HEAD}  config.vm.provision "shell" do |s|\n    s.inline = {first}\n    s.inline = {second}\n  end\nend\n'
        )
        facts = analyse(text.encode()).facts

        assert facts is not None
        lines = [line.strip().replace('"', "") for _, line in facts.provisioners[0].lines]
        assert [line for line in lines if line] == ["echo one", "echo two"], text


@pytest.mark.parametrize(
    "data",
    [
        b"(" * 30000,
        b'x = "' + b"#{" * 30000,
        b"a do |x|\n" * 2000,
        "\u201c".encode() * 5000,
        b'"' * 30000,
        b"if a\n" * 1000 + b"end\n" * 1000,
    ],
)
def test_hostile_text_costs_little(data: bytes) -> None:
    started = time.perf_counter()
    analyse(data)

    assert time.perf_counter() - started < 5
