"""Tags that are still a comment."""

from __future__ import annotations

from dddoctor.tables.commented_tags import own_tags


def test_only_what_somebody_wrote_counts() -> None:
    text = (
        "# tags:\n#   - team:infra\n#   - <TAG_KEY>:<TAG_VALUE>\n\n"
        "#tags: [env:lab, role:db]\n"
        "## @param tags - list\n# tags:\r\n  - zone:eu\r\n#  - 'role:db'\r\n#\n#  - behind:it\n"
        "# tags: env:lab is one of (ours)\n  # tags: [a:b]\n"
    )

    assert list(own_tags(text)) == [(5, 2), (7, 2)]
