"""Shell completion without the command line's library: the words come from a table that tools/make_docs.py writes from the commands themselves."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

WORDS = Path(__file__).parent / "data" / "completion.txt"  # a line each: command path, a tab, its words
_SCRIPTS = {
    "bash": """_dddoctor() {
    local IFS=$'\\n'
    COMPREPLY=($(env _DDDOCTOR_COMPLETE=1 COMP_LINE_WORDS="$(printf '%s\\n' "${COMP_WORDS[@]:0:COMP_CWORD+1}")" dddoctor))
    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o filenames -F _dddoctor dddoctor
""",
    "zsh": """#compdef dddoctor
_dddoctor() {
    local -a found
    found=(${(f)"$(env _DDDOCTOR_COMPLETE=1 COMP_LINE_WORDS="$(print -rl -- ${words[1,CURRENT]})" dddoctor)"})
    if (( ${#found} )); then compadd -- $found; else _files; fi
}
compdef _dddoctor dddoctor
""",
    "fish": """complete -c dddoctor -a '(env _DDDOCTOR_COMPLETE=1 COMP_LINE_WORDS=(string join \\n (commandline -opc) (commandline -ct) | string collect) dddoctor)'
""",
}


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Answer a shell's question, or print its script. Exit code 0; 2 for an unknown shell."""
    if "_DDDOCTOR_COMPLETE" not in environment:
        script = _SCRIPTS.get(arguments[1] if len(arguments) > 1 else "")
        if script is None:
            print(f"dddoctor: --show-completion takes one of {', '.join(_SCRIPTS)}", file=sys.stderr)
            return 2
        sys.stdout.write(script)
        return 0
    sys.stdout.write("".join(f"{w}\n" for w in words(environment.get("COMP_LINE_WORDS", "").split("\n"))))
    return 0


def words(typed: Sequence[str]) -> list[str]:
    """What may follow the typed words, of which the last is being written. `typed[0]` is the program."""
    known: dict[str, list[str]] = {}
    for line in WORDS.read_text(encoding="utf-8").splitlines():
        command, _, rest = line.partition("\t")
        known[command] = rest.split()
    before, current = list(typed[1:-1]), typed[-1] if len(typed) > 1 else ""
    path = ""
    for word in before:
        deeper = f"{path} {word}".strip()
        if deeper in known:
            path = deeper
    return [
        w
        for w in known[path]
        if w.startswith(current) and (w.startswith("-") == current.startswith("-") or not current)
    ]
