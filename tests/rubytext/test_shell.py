"""Commands of a shell text: which they are, where they stand, and whether they run for certain."""

from __future__ import annotations

import pytest

from dddoctor.rubytext.shell import Command, DockerRun, commands, docker_run


def found(text: str) -> list[Command]:
    return commands(list(enumerate(text.split("\n"), 1)))


def words(text: str) -> list[tuple[str, ...]]:
    return [c.words for c in found(text)]


def test_lines_operators_and_quotes() -> None:
    assert words("a 'b c' \"d \\\" e\" f\\ g; h && i || j | k & l # m; n\n# o\np \\\n  q\nr#s") == [
        ("a", "b c", 'd " e', "f g"), ("h",), ("i",), ("j",), ("k",), ("l",), ("p", "q"), ("r#s",),
    ]  # fmt: skip


def test_what_stands_before_the_program_is_left_out() -> None:
    assert words("A=1 B=$(x y) sudo -E -u me env C=2 prog D=3\nif ! sudo test -f x; then nohup y & fi") == [
        ("prog", "D=3"),
        ("test", "-f", "x"),
        ("y",),
        ("fi",),
    ]


def test_texts_and_here_documents_are_no_commands() -> None:
    assert words("cat > f <<'EOF'\ndocker run x\nEOF\necho \"docker\nrun y\"\nx=$(docker ps; echo)\ncat <<-E | sh\n\tdocker run z\n\tE\nend") == [
        ("cat", ">", "f"), ("echo", "docker\nrun y"), ("cat",), ("sh",), ("end",),
    ]  # fmt: skip


def test_a_command_has_the_line_it_begins_on() -> None:
    assert [(c.offset, c.words[0]) for c in found("\na \\\n  b\n\nc; d")] == [(2, "a"), (5, "c"), (5, "d")]


@pytest.mark.parametrize(
    ("text", "is_guarded"),
    [
        ("docker pull x && docker run x", False),
        ("docker run x || true", False),
        ("a || docker run x", True),
        ("[ -f y ] && docker run x", True),
        ("docker ps | grep -q x && docker run x", True),
        ("if a; then\n  docker run x\nfi", True),
        ("if a; then b; fi\ndocker run x", False),
        ("f() {\n  docker run x\n}", True),
        ("for i in 1 2; do docker run x; done", True),
    ],
)
def test_whether_a_command_may_be_left_out(text: str, is_guarded: bool) -> None:
    [run] = [c for c in found(text) if "run" in c.words]

    assert run.is_guarded == is_guarded


@pytest.mark.parametrize(
    ("text", "run"),
    [
        (
            "docker run -d --name dd-agent -e A=b -v /x:/y:ro datadog/agent:7 --name no",
            DockerRun("dd-agent", "datadog/agent:7", True, False, False),
        ),
        (
            "/usr/bin/docker run -dit --restart=always --name=b -p80:80 nginx",
            DockerRun("b", "nginx", True, False, True),
        ),
        (
            "docker --log-level error container run --rm -it --restart no alpine sh",
            DockerRun(None, "alpine", False, True, False),
        ),
        ("docker run --detach=true --init -P redis", DockerRun(None, "redis", True, False, False)),
        ("docker run -ti -w /x --entrypoint sh me/image", DockerRun(None, "me/image", False, False, False)),
        ("docker run", DockerRun(None, None, False, False, False)),
        ("docker pull x", None),
        ("docker-compose run x", None),
        ("echo docker run x", None),
    ],
)
def test_docker_run_is_taken_apart(text: str, run: DockerRun | None) -> None:
    assert docker_run(found(text)[0]) == run
