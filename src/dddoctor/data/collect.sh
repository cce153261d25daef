#!/bin/sh
# Collects what dddoctor reads on a host into one text, the snapshot, on standard output:
#
#     sudo sh collect.sh > host.snapshot            and elsewhere:   dddoctor check --snapshot host.snapshot
#
# It needs a POSIX shell, find, awk and the small tools beside them (Debian, busybox, macOS); no Python, and no root, but it sees more with it.
# It reads. It writes nothing but the snapshot, starts nothing but the read-only commands below, and asks nobody on the network.
# Secrets are replaced by stand-ins before anything is written out. What it cannot hide is left out: a text with NUL bytes, such as UTF-16.
#
#     sh collect.sh [--root DIR] [--app DIR]...     --root: a mounted disk instead of this machine. --app: an application's folder on the target.
#
# shellcheck disable=SC2016  # the awk program stands in single quotes on purpose

set -u
LC_ALL=C
TZ=UTC0
export LC_ALL TZ
umask 077

FORMAT=1
ROOT=
APPS=
SEARCH=${DDDOCTOR_PATH-${PATH-}}
PATH=/usr/sbin:/usr/bin:/sbin:/bin # never the caller's: the programs of these folders are root's
NL='
'
FILE_BYTES=1048576
LOG_BYTES=524288

while [ $# -gt 0 ]; do
	case $1 in
	--) shift ;;
	--root)
		ROOT=$(cd "$2" && pwd -P) || exit 2
		ROOT=${ROOT%/}
		shift 2
		;;
	--app) APPS=$APPS$NL$2 && shift 2 ;;
	*)
		echo "collect.sh: $1? write --root DIR or --app DIR" >&2
		exit 2
		;;
	esac
done

# --- the stream to the second half: records begin with the byte 002 ---------------------------------------------------

say() { printf '\002%s\n' "$*"; }

have() { command -v "$1" >/dev/null 2>&1; }

# limited SECONDS COMMAND...: its output, and the end of a command that does not end by itself.
if timeout 5 sh -c : 2>/dev/null; then
	limited() { timeout "$@"; }
elif timeout -t 5 sh -c : 2>/dev/null; then # busybox before 1.30
	limited() { timeout -t "$@"; }
else
	limited() {
		limit=$1
		shift
		"$@" </dev/null &
		job=$!
		# It holds none of our pipes, so nobody waits for it; the trap stands before there is anything to end.
		(
			nap=
			trap 'kill $nap; exit' TERM
			sleep "$limit" &
			nap=$!
			wait $nap
			kill $job
		) >/dev/null 2>&1 3>&- &
		guard=$!
		wait $job
		code=$?
		kill $guard 2>/dev/null
		return $code
	}
fi

# How one path is described: mode (hexadecimal), uid, gid, size, time, links, inode, device, path. Without `stat`, what `ls` says of it.
if stat -c '%f %.9Y' / 2>/dev/null | grep -q '^[0-9a-f]* [0-9]*\.[0-9]*$'; then
	STAT=$(printf '\002S %%f %%u %%g %%s %%.9Y %%h %%i %%D %%n')
elif stat -c '%f %u %g %s %Y %h %i %D %n' / >/dev/null 2>&1; then
	STAT=$(printf '\002S %%f %%u %%g %%s %%Y %%h %%i %%D %%n')
else
	STAT=
fi

describe() { # the expression of find that describes what it found
	if [ -n "$STAT" ]; then
		limited 60 find "$@" -exec stat -c "$STAT" {} +
	else
		limited 60 find "$@" -exec ls -ldn {} + | sed "s/^/$(printf '\002')Y /"
	fi 2>/dev/null
}

link_text() {
	# shellcheck disable=SC2012  # a link's text, where there is no readlink
	if have readlink; then readlink "$1"; else ls -ld "$1" | sed 's/.* -> //'; fi 2>/dev/null
}

# --- paths ------------------------------------------------------------------------------------------------------------

# Where a path of the target really lies, without links: REAL, below ROOT. Fails where it is not there; then NEAREST is the last folder that is.
resolve() {
	left=$1 REAL='' hops=0
	while [ -n "$left" ]; do
		left=${left#"${left%%[!/]*}"}
		part=${left%%/*}
		case $left in
		*/*) left=${left#*/} ;;
		*) left= ;;
		esac
		NEAREST=$REAL
		case $part in
		'' | .) continue ;;
		..)
			REAL=${REAL%/*}
			continue
			;;
		esac
		if [ -L "$ROOT$REAL/$part" ]; then
			hops=$((hops + 1))
			[ $hops -le 40 ] || return 1
			text=$(link_text "$ROOT$REAL/$part") || return 1
			linked "$REAL/$part"
			case $text in
			/*) REAL= ;;
			esac
			left=$text${left:+/$left}
		else
			REAL=$REAL/$part
			[ -e "$ROOT$REAL" ] || return 1
		fi
	done
}

LINKS=$NL
linked() { # a link that stands on the way to something
	case $LINKS in
	*"$NL$1$NL"*) return ;;
	esac
	LINKS=$LINKS$1$NL
	describe "$ROOT$1" -prune
	say "K $ROOT$1"
	printf '%s\n' "$text"
}

SEEN=$NL
once() { # fails where the same was asked before
	case $SEEN in
	*"$NL$1$NL"*) return 1 ;;
	esac
	SEEN=$SEEN$1$NL
}

# The folders above a path, which decide who gets to it.
above() {
	rising=$1
	while [ -n "$rising" ]; do
		rising=${rising%/*}
		once "stat $rising" || break
		describe "$ROOT${rising:-/}" -prune
	done
}

# tree DEPTH FOLDER: all paths in it, DEPTH levels down.
tree() {
	resolve "$2" && [ -d "$ROOT${REAL:-/}" ] || return 0
	once "tree $1 $REAL" || return 0
	above "$REAL"
	describe "$ROOT${REAL:-/}" -maxdepth "$1" ! -path "*$NL*"
	links -maxdepth "$1"
	ended T "$1"
}

# work DEPTH FOLDER: the same for where people keep their work; folders of packages and hidden ones are named and not entered.
work() {
	resolve "$2" && [ -d "$ROOT${REAL:-/}" ] || return 0
	once "work $1 $REAL" || return 0
	above "$REAL"
	set -- "$1" "$2" -maxdepth "$1" ! -path "$ROOT${REAL:-/}" -type d '(' -name '.?*' ! -name .venv ! -name .env ! -name .virtualenvs ! -name .venvs ! -name .vagrant
	set -- "$@" -o -name node_modules -o -name __pycache__ -o -name site-packages -o -name dist-packages ')' -prune
	depth=$1
	shift 2
	if [ -n "$STAT" ]; then
		limited 60 find "$ROOT${REAL:-/}" "$@" -exec stat -c "$STAT" {} + -o ! -path "*$NL*" -exec stat -c "$STAT" {} +
	else
		limited 60 find "$ROOT${REAL:-/}" "$@" -exec ls -ldn {} + -o ! -path "*$NL*" -exec ls -ldn {} + | sed "s/^/$(printf '\002')Y /"
	fi 2>/dev/null
	links "$@" -o
	ended W "$depth"
}

links() { # the links below REAL, and with them what may not be listed
	find "$ROOT${REAL:-/}" "$@" -type l ! -path "*$NL*" -print 2>/dev/null | while IFS= read -r path; do
		say "K $path"
		link_text "$path"
	done
	[ "$ME" = 0 ] || find "$ROOT${REAL:-/}" "$@" -type d ! -path "*$NL*" -print 2>/dev/null | while IFS= read -r path; do
		if [ ! -r "$path" ] || [ ! -x "$path" ]; then say "D $path"; fi
	done
}

ended() { say "$1 $2 ${REAL:-/}"; }

# --- contents ---------------------------------------------------------------------------------------------------------

texts() { # of the paths on standard input, one a line: the text of each
	while IFS= read -r path; do
		if [ -L "$path" ] || [ ! -f "$path" ]; then
			continue
		elif [ -r "$path" ]; then
			say "F $path"
			tr '\000\002' '\001\001' <"$path" 2>/dev/null
			printf '\n\002E\n'
		else
			say "D $path"
		fi
	done
}

text() { # PATH...: the texts of single files, wherever their names lead
	for one; do
		if resolve "$one"; then
			above "$REAL/"
			if [ ! -f "$ROOT$REAL" ] || ! once "text $REAL"; then continue; fi
			size=$(wc -c <"$ROOT$REAL" 2>/dev/null || echo 0)
			[ "$size" -gt $FILE_BYTES ] || printf '%s\n' "$ROOT$REAL" | texts
		else
			tree 1 "${NEAREST:-/}"
		fi
	done
}

inside() { # DEPTH FOLDER EXPRESSION...: the texts of what find's expression chooses in a folder
	depth=$1
	resolve "$2" && [ -d "$ROOT${REAL:-/}" ] || return 0
	shift 2
	limited 60 find "$ROOT$REAL" -maxdepth "$depth" -type f -size -${FILE_BYTES}c ! -path "*$NL*" "$@" -print 2>/dev/null | head -n 2000 | texts
}

bytes() { # PATH COUNT: the first bytes of a file that is no text
	resolve "$1" && [ -f "$ROOT$REAL" ] && [ -r "$ROOT$REAL" ] && once "bytes $REAL" || return 0
	above "$REAL/"
	say "H $ROOT$REAL"
	dd if="$ROOT$REAL" bs=4096 count=$((($2 + 4095) / 4096)) 2>/dev/null | od -An -v -tx1
	say E
}

tail_of() { # PATH...: the end of a log, and how many bytes and lines stand before it
	for one; do
		if ! resolve "$one" || [ ! -f "$ROOT$REAL" ] || ! once "tail $REAL"; then continue; fi
		above "$REAL/"
		if [ ! -r "$ROOT$REAL" ]; then
			say "D $ROOT$REAL"
			continue
		fi
		size=$(wc -c <"$ROOT$REAL") || continue
		size=$((size))
		skip=0 count=0
		if [ "$size" -gt $LOG_BYTES ]; then
			skip=$((size - LOG_BYTES))
			[ "$size" -gt 268435456 ] || count=$(limited 20 head -c "$skip" "$ROOT$REAL" 2>/dev/null | wc -l)
		fi
		say "G $skip:$((count)) $ROOT$REAL"
		limited 20 tail -c +$((skip + 1)) "$ROOT$REAL" 2>/dev/null | head -c $LOG_BYTES | tr '\000\002' '\001\001'
		printf '\n\002E\n'
	done
}

# --- Python -----------------------------------------------------------------------------------------------------------

pythons() { # PREFIX: what its Pythons can import
	tree 1 "$1"
	tree 1 "$1/lib"
	tree 1 "$1/lib64"
	for lib in "$ROOT$1"/lib/python[23]* "$ROOT$1"/lib64/python[23]* "$ROOT$1"/local/lib/python[23]*; do
		[ -d "$lib" ] || continue
		tree 1 "${lib#"$ROOT"}"
		for part in site-packages dist-packages; do
			tree 1 "${lib#"$ROOT"}/$part"
			inside 1 "${lib#"$ROOT"}/$part" -name '*.pth'
			inside 1 "${lib#"$ROOT"}/$part" -name '*.egg-link'
		done
	done
}

programs() { # FOLDER: the names in a folder of programs, and the scripts of Python's tools
	tree 1 "$1"
	inside 1 "$1" -size -65536c '(' -name 'python*' -o -name 'pip*' -o -name flask -o -name gunicorn -o -name uwsgi -o -name 'ddtrace-run*' -o -name virtualenv -o -name activate ')'
	for name in uwsgi flask gunicorn; do
		[ ! -f "$ROOT$1/$name" ] || bytes "$1/$name" 64
	done
}

environment() { # FOLDER: a virtual environment, or another Python with its own bin and lib
	pythons "$1"
	programs "$1/bin"
	text "$1/pyvenv.cfg"
}

searched() { # DEPTH FOLDER: where apps, notes and secrets may lie
	work "$1" "$2"
	resolve "$2" && [ -d "$ROOT$REAL" ] && once "searched $REAL" || return 0
	here=$ROOT$REAL
	limited 60 find "$here" -maxdepth "$1" -type d '(' -name node_modules -o -name __pycache__ -o -name site-packages -o -name dist-packages -o -name .cache -o -name .git ')' -prune \
		-o -type f -size -${FILE_BYTES}c ! -path "*$NL*" '(' \
		-iname 'vagrantfile*' -o -name '.*_history' -o -name .histfile -o -name .history -o -name '.*rc' -o -name '.*profile' -o -name .bash_aliases -o -name .bash_login -o -name .zshenv \
		-o -iname '*dockerfile*' -o -iname '*compose*' -o -iname '.env*' -o -iname '*.env' -o -iname '*.sh' -o -iname '*.bash' -o -iname '*.zsh' -o -iname '*.ksh' -o -iname '*.fish' -o -iname '*.ps1' \
		-o -iname '*.bat' -o -iname '*.cmd' -o -iname makefile -o -iname jenkinsfile -o -iname 'procfile*' -o -iname 'bootstrap*' -o -iname 'provision*' -o -iname 'install*' -o -iname 'setup*' \
		-o -iname '*.md' -o -iname '*.markdown' -o -iname '*.txt' -o -iname '*.rst' -o -iname '*.org' -o -iname '*.adoc' -o -iname '*.rtf' -o -iname 'readme*' -o -iname 'note*' -o -iname 'todo*' -o -iname 'answer*' \
		-o -iname '*.yaml' -o -iname '*.yml' -o -iname '*.json' -o -iname '*.ini' -o -iname '*.cfg' -o -iname '*.conf' -o -iname '*.toml' -o -iname '*.properties' -o -iname '*.tf' -o -iname '*.tfvars' \
		-o -iname '*.xml' -o -iname '*.cnf' -o -iname '*.py' -o -iname '*.rb' -o -iname '*.js' -o -iname '*.ts' -o -iname '*.go' -o -iname '*.php' -o -iname '*.java' -o -iname '*.pl' \
		-o -name .git ')' -print 2>/dev/null | head -n 3000 | texts
	for state in "$here"/.vagrant "$here"/*/.vagrant; do
		if [ -d "$state" ] && [ ! -L "$state" ]; then
			state=${state#"$ROOT"}
			tree 4 "$state"
			inside 4 "$state" -name private_key
		fi
	done
	for git in "$here"/.git "$here"/*/.git; do
		if [ -d "$git" ] && [ ! -L "$git" ]; then
			git=${git#"$ROOT"}
			tree 1 "$git"
			text "$git/config" "$git/commondir"
			[ ! -f "$ROOT$git/index" ] || bytes "$git/index" 2097152
		fi
	done
	found=$(limited 60 find "$here" -maxdepth "$1" -type d '(' -name node_modules -o -name __pycache__ -o -name site-packages -o -name '.?*' ')' ! -path "$here" -prune -o -type f ! -path "*$NL*" '(' -name '*.log' -o -name '*.err' -o -name '*.out' ')' -print 2>/dev/null | head -n 40)
	each tail_of "$found"
	# A list, not a pipe: what is remembered in the loop (SEEN) must outlive it.
	found=$(limited 60 find "$here" -maxdepth "$1" ! -path "*$NL*" '(' -name pyvenv.cfg -o -path '*/bin/activate' -o -path '*/bin/python' -o -path '*/bin/python3' ')' -print 2>/dev/null | sed 's,/bin/[a-z0-9]*$,,; s,/pyvenv.cfg$,,' | sort -u | head -n 60)
	each environment "$found"
	# The same folder by another name: a link beside the work.
	case $2 in
	/home/* | /Users/* | /root | /srv | /vagrant)
		found=$(find "$here" -maxdepth 1 -type l ! -path "*$NL*" -print 2>/dev/null | head -n 20)
		each linked_work "$found"
		;;
	esac
}

linked_work() {
	resolve "$1" && [ -d "$ROOT$REAL" ] || return 0
	case $REAL in
	'' | /usr* | /etc | /var | /proc* | /sys* | /dev* | /run* | /bin | /lib* | /home | /root | /opt | /tmp) ;;
	*) searched 3 "$REAL" ;;
	esac
}

each() { # COMMAND LIST: the command for each line of the list, without ROOT. (May be used within itself: what it needs later is in its own parameters.)
	set -f
	IFS=$NL
	# shellcheck disable=SC2086  # one parameter for each line
	set -- "$1" $2
	unset IFS
	set +f
	while [ $# -gt 1 ]; do
		"$1" "${2#"$ROOT"}"
		command=$1
		shift 2
		set -- "$command" "$@"
	done
}

# --- what runs --------------------------------------------------------------------------------------------------------

# Whether nobody but root and the user number $2 can have written a program, or a folder above it.
trusted() {
	resolve "$1" && [ -f "$REAL" ] && [ -x "$REAL" ] || return 1
	checked=$REAL
	while :; do
		# shellcheck disable=SC2046  # the fields of one line, on purpose
		set -- "$1" "$2" $(ls -ldn "${checked:-/}" 2>/dev/null)
		[ $# -ge 6 ] || return 1
		[ "$5" = 0 ] || [ "$5" = "$2" ] || return 1
		case $3 in
		????????w*) return 1 ;;
		?????w*) [ "$6" = 0 ] || return 1 ;;
		esac
		[ -n "$checked" ] || return 0
		checked=${checked%/*}
	done
}

command_() { # SECONDS USER PROGRAM WORD...: what a read-only command says; USER is empty for oneself
	seconds=$1 account=$2 program=$3
	shift 3
	name=${program##*/}
	[ "$name" != agent ] || name=datadog-agent
	for word; do name=$name$SEPARATOR$word; done
	say "C $name"
	if [ -n "$account" ] && [ "$ME" != 0 ] && [ "$(id -un 2>/dev/null)" != "$account" ]; then
		say "U denied only root may run a command as $account"
		say E
		return
	elif [ -n "$account" ] && [ "$ME" = 0 ]; then
		if have runuser; then set -- runuser -u "$account" -- "$program" "$@"; else
			quoted=$program
			for word; do quoted="$quoted '$word'"; done
			set -- su -s /bin/sh "$account" -c "exec $quoted"
		fi
	else
		set -- "$program" "$@"
	fi
	# Standard error is held until the command has ended: so both come through one pipe, in order and without a file. 3 is standard output.
	told=$({
		code=$({ {
			limited "$seconds" "$@" </dev/null 2>&4 3>&- 4>&- 5>&-
			echo $? >&5
		} | tr '\000\002' '\001\001' >&3; } 5>&1)
		printf '\n\002R %s\n' "$code" >&3
	} 4>&1 | tr '\000\002' '\001\001')
	printf '\002X\n%s\n' "$told"
	say E
}

missing() { # KIND REASON -- PROGRAM WORD...: a command that cannot be asked, and why
	kind=$1 reason=$2 name=$4
	shift 4
	for word; do name=$name$SEPARATOR$word; done
	say "C $name"
	say "U $kind $reason"
	say E
}

agent_says() { # the read-only questions to the Agent, as the user it runs as
	program=
	for candidate in /usr/bin/datadog-agent /opt/datadog-agent/bin/agent/agent /opt/datadog-packages/datadog-agent/stable/bin/agent/agent; do
		[ ! -f "$candidate" ] || [ -n "$program" ] || program=$candidate
	done
	[ -n "$program" ] || return 0
	account=$(id -u dd-agent 2>/dev/null) || account=
	if ! trusted "$program" "${account:-0}"; then
		# shellcheck disable=SC2086  # words
		for words in 'status --json' configcheck diagnose; do missing tool "$program is not run, because others than root can write it or a folder above it" -- datadog-agent $words; done
		return
	fi
	user=${account:+dd-agent}
	command_ 15 "$user" "$program" status --json
	command_ 15 "$user" "$program" configcheck
	command_ 15 "$user" "$program" diagnose --json --include '^check-datadog$' --include '^port-conflict$'
	command_ 15 "$user" "$program" version
}

system_says() {
	if have systemctl; then
		command_ 10 '' systemctl show --property=Id,LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,ExecMainCode,UnitFileState,FragmentPath,DropInPaths,EnvironmentFiles,Environment,User,MainPID,StateChangeTimestampMonotonic,NeedDaemonReload,ConditionResult \
			datadog-agent.service datadog-agent-trace.service datadog-agent-process.service datadog-agent-sysprobe.service datadog-agent-security.service datadog-agent-installer.service datadog-agent-data-plane.service datadog-agent-ddot.service datadog-agent-action.service datadog-agent-exp.service \
			mysql.service mariadb.service mysqld.service
	else
		missing tool 'systemctl is not installed here' -- systemctl show
	fi
	if have journalctl; then
		command_ 15 '' journalctl --no-pager -o short-iso -n 3000 -u 'datadog-agent*'
		command_ 15 '' journalctl --no-pager -o short-iso -n 3000 -u mysql -u mysqld -u mariadb
		command_ 15 '' journalctl --no-pager -o short-iso -n 5000 -k
	else
		missing tool 'journalctl is not installed here' -- journalctl
	fi
	set --
	for path in / /tmp /var/tmp /var/log /var/log/datadog /opt/datadog-agent /etc/datadog-agent /var/lib/mysql; do
		[ ! -e "$path" ] || set -- "$@" "$path"
	done
	command_ 5 '' df --block-size=1 --output=file,fstype,size,avail,itotal,iavail,target -- "$@"
	if have docker; then
		command_ 5 '' docker ps -aq --no-trunc
		ids=$(limited 5 docker ps -aq --no-trunc 2>/dev/null </dev/null | head -n 200)
		# shellcheck disable=SC2086  # one word for each container
		[ -z "$ids" ] || command_ 20 '' docker inspect $ids
		ids=$(limited 5 docker images -q --no-trunc 2>/dev/null </dev/null | sort -u | head -n 200)
		# shellcheck disable=SC2086
		[ -z "$ids" ] || command_ 20 '' docker image inspect $ids
	elif [ -S /var/run/docker.sock ]; then
		missing tool 'docker runs here, but its command is not installed' -- docker ps
	fi
}

raw() { # PATH...: files of the kernel, which tell no size
	for one; do
		if [ -f "$ROOT$one" ] && [ -r "$ROOT$one" ]; then
			say "F $ROOT$one"
			limited 5 head -c $FILE_BYTES "$ROOT$one" 2>/dev/null | tr '\000\002' '\001\001'
			printf '\n\002E\n'
		elif [ -e "$ROOT$one" ]; then
			say "D $ROOT$one"
		else
			say "N $ROOT$one"
		fi
	done
}

processes() {
	say "M clock_ticks $(getconf CLK_TCK 2>/dev/null || echo 100)"
	say "M page_bytes $(getconf PAGESIZE 2>/dev/null || echo 4096)"
	for dir in /proc/[0-9]*; do
		{ IFS= read -r stat <"$dir/stat"; } 2>/dev/null || continue
		# shellcheck disable=SC2086  # fields
		set -- ${stat##*) }
		if [ "${dir##*/}" = $$ ] || [ "$2" = $$ ]; then continue; fi # the collector itself
		say "P ${dir##*/}"
		printf 's%s\n' "$stat"
		while read -r key _ second _; do
			case $key in
			Uid:) printf 'u%s\n' "$second" && break ;;
			esac
		done 2>/dev/null <"$dir/status"
		case $2 in
		2) continue ;; # a thread of the kernel
		esac
		printf a
		tr '\000\n\002' '\037\001\001' <"$dir/cmdline" 2>/dev/null
		echo
		while IFS= read -r line; do printf 'g%s\n' "$line"; done 2>/dev/null <"$dir/cgroup"
		if [ -r "$dir/environ" ]; then
			echo v
			tr '\000\n\002' '\n\001\001' 2>/dev/null <"$dir/environ" | sed -n '/^DD_/s/^/v/p; /^DATADOG/s/^/v/p; /^DOCKER_DD/s/^/v/p; /^PATH=/s/^/v/p; /^PYTHON/s/^/v/p; /^VIRTUAL_ENV=/s/^/v/p; /^FLASK_/s/^/v/p'
		fi
	done 2>/dev/null
	say L
	ls -ld /proc/[0-9]*/exe /proc/[0-9]*/cwd /proc/[0-9]*/ns/net /proc/[0-9]*/ns/pid 2>/dev/null
	limited 20 ls -l /proc/[0-9]*/fd 2>/dev/null
	raw /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6
}

# --- all of it --------------------------------------------------------------------------------------------------------

named_in() { # PATH...: absolute paths that settings name: where they lead, or which of their folders is missing
	for file; do
		if ! resolve "$file" || [ ! -f "$ROOT$REAL" ] || [ ! -r "$ROOT$REAL" ]; then continue; fi
		paths=$(sed -n 's/^[^#]*[:= "\[-]\(\/[A-Za-z0-9_.@+\/-]*\).*/\1/p' "$ROOT$REAL" 2>/dev/null | sort -u | head -n 100)
		each mentioned "$paths"
	done
}

mentioned() {
	case $1 in
	/ | /proc | /proc/* | /sys/* | /dev/*) return ;;
	esac
	if resolve "$1"; then
		above "$REAL/"
		case $1 in
		*.log) tail_of "$1" ;;
		*/conf.d | */conf.d/ | */checks.d | */checks.d/ | *confd* | *checks*) [ ! -d "$ROOT$REAL" ] || settings "$1" ;;
		esac
	else
		tree 1 "${NEAREST:-/}"
	fi
}

linked_texts() { # FOLDER: what the links in it lead to
	for one_link in "$ROOT$1"/*; do
		case $one_link in
		*.service | *.sh) [ ! -L "$one_link" ] || text "${one_link#"$ROOT"}" ;;
		esac
	done
}

settings() { # FOLDER: configuration, all of it
	tree 5 "$1"
	inside 5 "$1" ! -name '*.example' ! -name '*.pyc' ! -name '*.so' ! -name '*.log'
	if resolve "$1" && [ -d "$ROOT$REAL" ]; then
		base=$1
		# What links in it lead to.
		found=$(find "$ROOT$REAL" -maxdepth 3 -type l ! -path "*$NL*" -print 2>/dev/null | head -n 200)
		each followed "$found"
	fi
}

followed() { # a link among the configuration
	resolve "$1" || { tree 1 "${NEAREST:-/}"; return; }
	if [ -d "$ROOT$REAL" ]; then
		case $REAL in
		"$base"/* | / | /usr | /etc | /var | /proc* | /sys* | /dev*) return ;;
		esac
		tree 2 "$REAL"
		inside 2 "$REAL" ! -name '*.example' ! -name '*.pyc' ! -name '*.so' ! -name '*.log'
	else
		text "$1"
	fi
}

stream() {
	say "M uid $ME"
	say "M is_live $([ -n "$ROOT" ] && echo 0 || echo 1)"
	say "M time $(date +%s)"
	if [ -z "$ROOT" ]; then
		say "M pid $$"
		say "M system $(uname -s)"
		say "M name $(uname -n)"
		say P environment
		printf 'vPATH=%s\n' "$SEARCH"
		[ -z "${VIRTUAL_ENV-}" ] || printf 'vVIRTUAL_ENV=%s\n' "$VIRTUAL_ENV"
		env | sed -n '/^DD_[A-Z0-9_]*=/s/^/v/p'
	fi

	for folder in / /etc /etc/systemd /usr /usr/src /usr/local /opt /var /var/lib /var/log /run /var/run /run/datadog /var/run/datadog /home /Users /tmp /var/tmp /usr/lib /usr/libexec /lib /usr/etc /usr/local/etc /Library /System/Library; do tree 1 "$folder"; done
	text /etc/passwd /etc/group /etc/os-release /usr/lib/os-release /etc/lsb-release /System/Library/CoreServices/SystemVersion.plist /etc/hostname /etc/hosts /etc/environment /etc/paths /etc/ld.so.preload
	text /etc/profile /etc/crontab /etc/rc.local /etc/login.defs
	text /etc/timezone
	bytes /etc/localtime 8192
	for program in /usr/bin/true /bin/true /bin/sh; do bytes "$program" 64; done
	raw /proc/mounts /proc/cpuinfo /proc/meminfo /proc/stat /proc/uptime /proc/loadavg /proc/sys/kernel/osrelease /sys/class/dmi/id/sys_vendor /sys/class/dmi/id/product_name /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes

	# The Agent.
	for folder in /etc/datadog-agent /etc/dd-agent /opt/datadog-agent/etc; do settings "$folder"; done
	tree 1 /etc/datadog-agent/managed
	for folder in /opt/datadog-agent /opt/datadog-packages/datadog-agent/stable; do
		for below in '' /bin /bin/agent /agent /run /embedded /embedded/bin /embedded/lib /logs; do tree 1 "$folder$below"; done
		text "$folder/version-manifest.json" "$folder/version-manifest.txt" "$folder/run/version-history.json"
		if resolve "$folder/embedded" && [ -d "$ROOT$REAL" ]; then
			prefix=$REAL
			pythons "$prefix"
			programs "$prefix/bin"
			for lib in "$ROOT$prefix"/lib/python[23]*; do tree 1 "${lib#"$ROOT"}/site-packages/datadog_checks"; done
		fi
	done
	tree 1 /opt/datadog-packages
	tree 2 /opt/datadog-packages/datadog-agent
	tree 2 /opt/datadog-agent/run
	text /var/lib/dpkg/status
	resolve /var/lib/dpkg/status && [ -f "$ROOT$REAL" ] && [ -r "$ROOT$REAL" ] && once "text $REAL" && {
		# Too long as a whole: the packages that matter.
		say "F $ROOT$REAL"
		sed -n '/^Package: \(datadog.*\|mysql.*\|mariadb.*\|docker.*\|python3.*\)$/,/^$/p' "$ROOT$REAL" | tr '\000\002' '\001\001'
		printf '\n\002E\n'
	}

	# Services, and what every process is given.
	for folder in /etc/systemd/system /run/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
		tree 1 "$folder"
		for unit in "$ROOT$folder"/*.d; do
			case $unit in
			*datadog* | *mysql* | *mariadb* | *docker* | "$ROOT"/etc/*) tree 1 "${unit#"$ROOT"}" && inside 1 "${unit#"$ROOT"}" -name '*.conf' ;;
			esac
		done
		case $folder in
		/etc/*)
			inside 1 "$folder" -name '*.service'
			linked_texts "$folder"
			;;
		*) inside 1 "$folder" '(' -name 'datadog*' -o -name 'mysql*' -o -name 'mariadb*' ')' ;;
		esac
	done
	for folder in /etc/default /etc/cron.d /etc/profile.d /etc/init /etc/init.d /etc/sysconfig /etc/rc2.d /etc/rc3.d /etc/rc4.d /etc/rc5.d /etc/rc0.d /etc/rc1.d /etc/rc6.d /etc/rcS.d /Library/LaunchDaemons; do tree 1 "$folder"; done
	inside 1 /etc/default
	inside 1 /etc/cron.d
	inside 1 /etc/profile.d -name '*.sh'
	linked_texts /etc/profile.d
	inside 1 /etc/init -name 'datadog*'
	text /etc/sudoers
	tree 1 /etc/sudoers.d
	inside 1 /etc/sudoers.d

	# MySQL.
	for folder in /etc/mysql /etc/my.cnf.d; do tree 3 "$folder" && inside 3 "$folder"; done
	tree 1 /etc/alternatives
	text /etc/my.cnf /etc/mysql/my.cnf /usr/etc/my.cnf /usr/local/etc/my.cnf /opt/homebrew/etc/my.cnf
	text /usr/sbin/mysqld /usr/sbin/mariadbd /usr/libexec/mysqld /usr/libexec/mariadbd /usr/bin/mariadbd
	tree 1 /var/lib/mysql

	# Python, and the programs that a shell finds.
	folders=$SEARCH
	[ -z "$ROOT" ] || folders=
	for folder in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin /opt/homebrew/bin /opt/conda/bin /opt/miniconda3/bin /opt/anaconda3/bin; do programs "$folder"; done
	each programs "$(printf '%s\n' "$folders" | tr ':' '\n' | sed -n '/^\//p' | head -n 40)"
	for prefix in /usr /usr/local /opt/homebrew /opt/conda /opt/miniconda3 /opt/anaconda3; do pythons "$prefix"; done
	for folder in /Library/Frameworks/Python.framework/Versions /System/Library/Frameworks/Python.framework/Versions /usr/local/pyenv/versions; do
		tree 1 "$folder"
		for version in "$ROOT$folder"/*; do [ ! -d "$version" ] || environment "${version#"$ROOT"}"; done
	done

	tree 3 /Library/Python

	# People's work.
	each app "$APPS"
	for folder in /vagrant /srv /app /var/www /usr/src/app; do searched 4 "$folder"; done
	for folder in "$ROOT"/opt/*; do
		case $folder in
		*/datadog-agent | */datadog-packages | */containerd) ;;
		*) [ ! -d "$folder" ] || searched 3 "${folder#"$ROOT"}" ;;
		esac
	done
	for home in "$ROOT"/root "$ROOT"/home/* "$ROOT"/Users/*; do
		[ -d "$home" ] || continue
		home=${home#"$ROOT"}
		searched 4 "$home"
		for below in .cache/pypoetry/virtualenvs .local/share/virtualenvs .pyenv/versions .local/share/hatch/env/virtual .local/share/uv/python miniconda3/envs anaconda3/envs Library/Caches/pypoetry/virtualenvs; do
			mkd=$home/$below
			resolve "$mkd" || { tree 1 "${NEAREST:-/}"; continue; }
			tree 1 "$mkd"
			for version in "$ROOT$mkd"/*; do [ ! -d "$version" ] || environment "${version#"$ROOT"}"; done
		done
		for below in miniconda3 anaconda3 .local; do
			if [ -d "$ROOT$home/$below" ]; then environment "$home/$below"; fi
		done
	done
	each ancestors_git "$APPS"

	# What the settings name.
	for file in "$ROOT"/etc/datadog-agent/datadog.yaml "$ROOT"/etc/datadog-agent/conf.d/*.yaml "$ROOT"/etc/datadog-agent/conf.d/*.d/*.yaml "$ROOT"/etc/datadog-agent/environment "$ROOT"/etc/dd-agent/datadog.conf "$ROOT"/etc/systemd/system/*.service "$ROOT"/etc/systemd/system/*.d/*.conf; do
		[ ! -f "$file" ] || named_in "${file#"$ROOT"}"
	done

	# Logs, last lines.
	tree 1 /var/log/datadog
	tree 1 /var/log/mysql
	tree 1 /var/log/mariadb
	tree 1 /var/log/audit
	tail_of /var/log/datadog/agent.log /var/log/datadog/trace-agent.log /var/log/datadog/process-agent.log /var/log/datadog/system-probe.log /var/log/datadog/security-agent.log /opt/datadog-agent/logs/agent.log
	tail_of /var/log/datadog/agent.log.1 /var/log/datadog/trace-agent.log.1
	tail_of /var/log/mysql/error.log /var/log/mysqld.log /var/log/mysql/mysqld.log /var/log/mysql.err /var/log/mariadb/mariadb.log
	if [ -z "$ROOT" ] && ! have journalctl || [ -n "$ROOT" ]; then tail_of /var/log/syslog /var/log/messages /var/log/kern.log; fi
	tail_of /var/log/audit/audit.log
	for folder in /var/log/gunicorn /var/log/uwsgi /var/log/uwsgi/app /var/log/supervisor; do
		tree 1 "$folder"
		for file in "$ROOT$folder"/*.log; do [ ! -f "$file" ] || tail_of "${file#"$ROOT"}"; done
	done

	if [ -z "$ROOT" ] && [ -r /proc/stat ]; then processes; fi
	if [ -z "$ROOT" ] && have curl; then
		for url in http://127.0.0.1:8126/info http://127.0.0.1:5000/debug/vars; do command_ 5 '' curl -s -m 3 --noproxy '*' -w '\n%{http_code}' "$url"; done
	fi
	[ -n "$ROOT" ] || system_says
	[ -n "$ROOT" ] || agent_says
	say Z
}

app() {
	searched 3 "$1"
	tree 1 "${1%/*}"
	beside=$(for one in "$ROOT${1%/*}"/*env*; do [ ! -d "$one" ] || printf '%s\n' "$one"; done)
	each environment "$beside"
}

ancestors_git() { # the repository above an app
	up=$1
	while [ -n "$up" ]; do
		up=${up%/*}
		tree 1 "${up:-/}"
		if [ -d "$ROOT$up/.git" ] && [ ! -L "$ROOT$up/.git" ]; then
			tree 1 "$up/.git"
			text "$up/.git/config" "$up/.git/commondir"
			[ ! -f "$ROOT$up/.git/index" ] || bytes "$up/.git/index" 2097152
			return
		fi
	done
}

ME=$(id -u)
SEPARATOR=$(printf '\037')
if ! have awk || ! have find || ! have tr; then
	echo 'collect.sh: it needs awk, find and tr' >&2
	exit 1
fi
echo "dddoctor-snapshot $FORMAT"

# The second half takes that stream and hides the secrets in it.
redact='
#
# Only what every awk has (mawk 1.3.3, busybox, gawk, the one true awk): no intervals in patterns, no named classes, no single quotes.
# A secret becomes a stand-in of the same length and classes of characters, the same one wherever it stands, so that shape, number of lines, columns and
# "the same key in both places" stay true. Nothing can be counted back from it: letters and digits are drawn by the order of appearance alone.

BEGIN {
	q1 = "\047"
	words("bypass compass encompass surpass trespass overpass underpass bandpass lowpass highpass multipass keepass oldpwd", NOTPASS)
	words("file files path dir url uri field type policy length len min max ttl age expiry expire expires expired lifetime interval timeout enabled enable disabled disable required encoding algorithm alg method hint prompt command cmd env var variable store manager safe plugin validation reuse history attempts retries warning check rotation reset strength user username name label format mode provider source script backend authentication auth column through thru over by rate ratio fail failed filter percent percentage regex pattern keyfile", ABOUT)
	words("api app application access private priv auth authentication privacy consumer encryption encrypt signing sign master account license licence secret shared preshared session deploy storage admin service websocket", KEYOF)
	words("authorization proxy_authorization www_authorization auth_tenantid lodauth authority x_amz_signature", EXTOKEN)
	words("cookie set_cookie cookies", EXCOOKIE)
	words("rediscli_auth requirepass masterauth", EXPASS)
	words("rocommunity rwcommunity trapcommunity", EXCOMM)
	words("null none nil ~ undefined true false yes no on off {} [] str string bytes bytestring int integer bool boolean object any secretstr \342\200\246 | > |- >- |+ redacted hidden masked apikey appkey api_key app_key api-key app-key", NOTHING)
	words("your insert enter put replace here", ASKING)
	words("your insert enter put replace here a my the our own new real this with in datadog dd api app application access secret key token apikey password passwd pass string community goes account", ASKWORDS)
	words("api app application access", ASKWHICH)
	words("password passwd pass pwd pw token api_key app_key secret", OWNNAMES)
	words("home tmp root work src app var etc opt usr here there", PLACES)
	words("option options flag to is and or for in parameter argument value values with from if the a an on instead as that which when only was are by of at", PROSE)
	words("required wrong incorrect sufficient requisite include optional", PAM)
	words("mailto sip sips xmpp acct npm owner email mail contact team user username author maintainer notify creator to from cc bcc name by reply-to mailto_ login account", MAIL)
	tried_first("root toor test admin guest mysql redis docker ubuntu debian monkey dragon qwerty abc123 datadog welcome letmein vagrant mariadb default passw0rd passwort changeme dd-agent postgres iloveyou administrator password secret")
	KEYLINE = "^[\"" q1 "]?[A-Za-z0-9_.\\/-]+[\"" q1 "]?:([ \t\r]|$)"
	NAMED = "(pass|pasw|pssw|pwd|pswd|psw|pw|secret|token|jwt|key|communit|auth|cookie|tenantid|psk|signature)[a-z0-9_-]*\\\\?[\"" q1 "`]?[)]?[]]?[ \t]*([:=!]|\357\274\232|\357\271\225)"
	LINESTART = "^[ \t]*(([-#;*>+]|\\/\\/|[0-9][0-9]?[0-9]?[.)]|export|set|env|declare -x|ENV|ARG|Environment=)[ \t]*)*[\"" q1 "]?$"
	COMMAND = "[ \t]+([-\\/.|&;>]|[A-Za-z0-9_]+[=\\/]|(sudo|python[^ \t]*|pip[^ \t]*|ddtrace-run|flask|docker[^ \t]*|bash|sh|gunicorn|uwsgi|node|npm|ruby|java|vagrant|curl|mysql[^ \t]*|apt[^ \t]*|\\.\\/[^ \t]+)([ \t]|$))"
	PHRASE["n"] = 0
	MODE = ""
	LINES = 0
	rootlen = length(ROOT)
	SEED = 1867530911
}

function words(text, into,    n, i, parts) {
	n = split(text, parts, " ")
	for (i = 1; i <= n; i++) into[parts[i]] = 1
}

# --- the kind of secret that stands under a name --------------------------------------------------------------------

function kind_of(name) {
	if (!(name in KIND)) KIND[name] = new_kind(name)
	return KIND[name]
}

function new_kind(name,    s, i, c, p, nx, out, n, w, W, flat, tail, before, has_token, has_secret, is_pass) {
	if (name == "PWD" || name == "OLDPWD") return ""
	if (name == "_auth") return "token"
	s = name
	while (match(s, /\[[0-9*]*\]$/)) s = substr(s, 1, RSTART - 1)
	if (match(s, /[^].[]+$/)) s = substr(s, RSTART)
	out = ""
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		if (i > 1 && c ~ /[A-Z]/) {
			p = substr(s, i - 1, 1); nx = substr(s, i + 1, 1)
			if (p ~ /[a-z0-9]/ || (p ~ /[A-Z]/ && nx ~ /[a-z]/)) out = out "_"
		}
		out = out c
	}
	s = tolower(out)
	gsub(/[^a-z0-9]+/, "_", s); sub(/^_/, "", s); sub(/_$/, "", s)
	while (s ~ /_[0-9]+$/) sub(/_[0-9]+$/, "", s)
	if (s == "") return ""
	n = split(s, W, "_")
	flat = ""
	is_pass = 0
	for (i = 1; i <= n; i++) {
		w = W[i]; sub(/[0-9]+$/, "", w)
		if (w != "") W[i] = w
		w = W[i]
		flat = flat (i > 1 ? "_" : "") w
		if (w == "token" || w == "tokens") has_token = 1
		if (w == "secret") has_secret = 1
		if ((w ~ /(password|passwd|passphrase|passcode|passwort|pwd|pass)s?$/ || w ~ /^(pswd|psw|pw|pas?sw?o?r?d|passwrod|passwod|pass?word|pssword|paswd)s?$/) && !(w in NOTPASS)) is_pass = 1
	}
	tail = W[n]; before = n > 1 ? W[n - 1] : ""
	if (flat in EXTOKEN) return "token"
	if (flat in EXCOOKIE) return "cookie"
	if (flat in EXPASS) return "password"
	if (flat in EXCOMM) return "community"
	if (flat == "psk") return "secret"
	if (flat ~ /communit/ && (tail == "community" || flat ~ /(community_strings?|communitystring)$/)) return "community"
	if (is_pass && !(tail in ABOUT)) return "password"
	if (tail ~ /(tokens?|jwt)$/ || (has_token && tail ~ /^(id|value|secret|key|string)$/)) return W[1] ~ /^(max|min|num|total|count|prompt|completion)$/ ? "" : "token"
	if (tail ~ /secret$/ || (has_secret && tail ~ /^(id|key|value|string|base)$/)) return "secret"
	if (tail ~ /^keys?$/ && before in KEYOF) return before ~ /^(api|app|application)$/ ? "key" : "secret"
	if (tail ~ /(api|app|application|access|private|priv|auth|secret|account|license|licence|status|pass|psk|encryption|signing)keys?$/) return tail ~ /ap[pi]/ ? "key" : "secret"
	if (W[1] == "x" && tail ~ /^(key|token|auth|secret|passcode|signature)$/) return "token"
	return ""
}

# --- what is no secret ----------------------------------------------------------------------------------------------

function trim(s) {
	gsub(/^[ \t\r]+/, "", s); gsub(/[ \t\r]+$/, "", s)
	return s
}

function same_characters(s,    i, c) {
	c = substr(s, 1, 1)
	for (i = 2; i <= length(s); i++) if (substr(s, i, 1) != c) return 0
	return 1
}

function placeholder(v) {
	if (!(v in HOLDER)) HOLDER[v] = new_placeholder(v)
	return HOLDER[v]
}

function new_placeholder(v,    t, low, c, n, i, W, seen, distinct, asks, which, what) {
	t = trim(v); gsub(/^["\047]+/, "", t); gsub(/["\047]+$/, "", t); t = trim(t)
	low = tolower(t)
	if (t == "" || low in NOTHING) return 1
	c = substr(t, 1, 1)
	if (length(t) > 1 && c ~ /[xX*#.?_-]/ && same_characters(low)) return 1
	if (c == "E" && t ~ /^ENC\[[^]]*\]$/) return 1
	if (c ~ /[!<]/ && (t ~ /^!?<[A-Za-z]+[0-9]?([ _.:\047\/-]+([A-Za-z]+|[0-9]+))*( #[0-9]+)?>$/ || t ~ /^<%.*%>$/)) return 1
	if (c == "&" && t ~ /^&lt;[a-z-]+ #[0-9]+&gt;$/) return 1
	if (c == "*" && t ~ /^\*\*\*\*\*\*+[0-9A-Za-z]?[0-9A-Za-z]?[0-9A-Za-z]?[0-9A-Za-z]?[0-9A-Za-z]?$/) return 1
	if (c == "$" && (t ~ /^\$\{[^}]*\}$/ || t ~ /^\$\([^)]*\)$/ || t ~ /^\$[A-Z_][A-Z0-9_]*$/ || t ~ /^\$[0-9@*]$/)) return 1
	if (c == "{" && (t ~ /^\{\{.*\}\}$/ || t ~ /^\{[A-Za-z0-9_]*\}$/)) return 1
	if (c == "%" && (t ~ /^%%[A-Za-z0-9_.:-]+%%$/ || t ~ /^%[A-Z_][A-Z0-9_]*%$/ || t ~ /^%[sdr]$/ || t ~ /^%\([A-Za-z0-9_]+\)s$/)) return 1
	if (c ~ /[[(]/ && low ~ /^[[(](redacted|hidden|masked|scrubbed|removed|withheld|filtered)[])]$/) return 1
	if (c == "0" && (length(t) == 32 || length(t) == 40) && same_characters(t)) return 1
	if (c == "O" && t ~ /^Optional\[[A-Za-z0-9_]+\]$/) return 1
	if (c == "$") return t ~ /^\$[a-z_][a-z0-9_]*$/ && kind_of(substr(t, 2)) != ""
	if (length(t) >= 60) return 0
	gsub(/[_-]/, " ", low)
	n = split(low, W, " ")
	for (i = 1; i <= n; i++) {
		if (!(W[i] in ASKWORDS)) return 0
		if (!(W[i] in seen)) distinct++
		seen[W[i]] = 1
		if (W[i] in ASKING) asks = 1
		if (W[i] in ASKWHICH) which = 1
		if (W[i] == "key" || W[i] == "token") what = 1
	}
	return distinct >= 2 && (asks || (which && what))
}

function is_code(t) {
	if (t ~ /^(os\.)?(environ|getenv)([^A-Za-z0-9_]|$)/ || t ~ /^process\.env([^A-Za-z0-9_]|$)/ || t ~ /^ENV(\[|\.fetch)/ || t ~ /^System\.getenv/) return 1
	if (t ~ /^(self|cls|this|args|opts|options|config|conf|settings|instance|params|kwargs|app|request|env|cfg|node)\.[A-Za-z0-9_.]*(pass|password|passwd|pwd|token|key|secret)[,;)]*$/) return 1
	if (t ~ /^@([A-Za-z0-9_]*_)?(pass|password|passwd|pwd|token|key|secret)$/) return 1
	sub(/^await[ \t]+/, "", t)
	return t ~ /^[A-Za-z_][A-Za-z0-9_]*((\.[A-Za-z_][A-Za-z0-9_]*)+\(([^()\047"]|["\047][^"\047]*["\047])*\)?|\((["\047].*)?\)|\(["\047][A-Za-z0-9_.-]+["\047].*|\[["\047][A-Za-z0-9_.-]+["\047]\])([].,;)} \t].*)?$/
}

# Whether this value under a name of this kind is one to hide.
function is_secret(v, kind, name, isbare,    t) {
	t = trim(v)
	if (placeholder(t)) return 0
	if (t ~ /^(~|\.\.?|[A-Za-z]:)?[\/\\](etc|var|opt|home|root|run|usr|tmp|srv|mnt|secrets?|apps?|vagrant|Users|Library|private|data|certs?|config|keys?|proc|dev)([\/\\].*)?$/) return 0
	if (t ~ /^(~|\.\.?|[A-Za-z]:)?([\/\\][A-Za-z0-9_.+@ -]+)+\.(pem|key|crt|cer|p12|pfx|jks|txt|json|ya?ml|conf|cnf|ini|env|py|rb|sh|token|secret|keytab)$/) return 0
	if (isbare && t ~ /[(.@[]|env/ && is_code(t)) return 0
	if (kind == "key" && t ~ /^(\.\*|\(\.\*|\[\^)/) return 0
	if (kind == "community" && t ~ /^[0-9][0-9]?$/) return 0
	if (kind == "password" || kind == "community") return !(tolower(name) == "passwd" && t ~ /^(files|compat|systemd|db|ldap|sss|nis|winbind)([ \t].*)?$/)
	return !((t ~ /^[0-9]+$/ && length(t) < 8) || t ~ /^https?:\/\/[^@? \t]*$/)
}

function looks_random(v) {
	return v ~ /[0-9]|[A-Z].*[A-Z]|[=\/+~!$%^*]|[a-z_.-][A-Z]/
}

# --- stand-ins ------------------------------------------------------------------------------------------------------

# Words that are guessed first stay such words: one of the same length, if there is another.
function tried_first(text,    n, i, parts) {
	n = split(text, parts, " ")
	for (i = 1; i <= n; i++) {
		TRIED[parts[i]] = 1
		if (!(parts[i] in OWNNAMES)) SAMELONG[length(parts[i])] = SAMELONG[length(parts[i])] " " parts[i]
	}
}

function another_word(word,    n, parts, i) {
	n = split(SAMELONG[length(word)], parts, " ")
	if (n < 2) return word
	i = length(word) % n + 1
	for (;; i = i % n + 1) if (parts[i] != word) return parts[i]
}

# One of these characters, not `c` itself.
function draw(from, c,    got) {
	do {
		SEED = (SEED * 16807) % 2147483647
		got = substr(from, 1 + SEED % length(from), 1)
	} while (got == c)
	return got
}

function known_start(v) {
	if (match(v, /^(ddapp_|DDRCM_|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|xapp-|AIza|[srp]k_(live|test)_|sk-(ant-|proj-)?|SG\.|npm_|pypi-|dckr_pat_|hvs\.|shp(at|ss|ca|pa)_|ya29\.|dop_v1_|eyJ|AKIA|ASIA|0x24412430|\$A\$[0-9A-F]+\$|\$[0-9a-z-]+\$|0x|sid=)/)) return RLENGTH
	return 0
}

function stand_in(v,    out, i, c, tries, n, is_number, low, up, digit) {
	if (v in ISMADE) return v
	if (v in MADE) return MADE[v]
	out = tolower(v)
	n = length(out)
	while (n > 0 && substr(out, n, 1) ~ /[0-9!?.*#$_-]/ && length(out) - n < 4) n--
	if (substr(out, 1, n) in TRIED && n > 0) {
		out = another_word(substr(out, 1, n))
		for (i = n + 1; i <= length(v); i++) {
			c = substr(v, i, 1)
			out = out (c ~ /[0-9]/ ? draw("0123456789", c) : c)
		}
		MADE[v] = out
		return out
	}
	# What YAML would take for a number stays one, of the same notation.
	is_number = v ~ /^[-+]?[0-9][0-9_.:]*([eE][-+]?[0-9]*)?$/
	low = trim(v) ~ /^(\*|0x)?[0-9a-fA-F]+$/ ? "abcdef" : "bcdfghjklmnpqrstvwxz"
	up = toupper(low)
	for (tries = 0; tries < 20; tries++) {
		i = is_number ? 0 : known_start(v)
		out = substr(v, 1, i)
		n = length(v)
		for (i++; i <= n; i++) {
			c = substr(v, i, 1)
			if (c == "\\" && i < n && substr(v, i + 1, 1) ~ /[nrtbfuUx0"\\\/]/) {
				out = out c substr(v, i + 1, 1)
				i++
			} else if (c == "." && substr(v, i + 1, 3) == "eyJ") {
				out = out ".eyJ"
				i += 3
			} else if (is_number && (c == "e" || c == "E" || (c == "0" && i == 1))) out = out c
			else if (c ~ /[0-9]/) out = out draw(!is_number ? "0123456789" : c ~ /[89]/ ? "1234589" : "12345", c)
			else if (c ~ /[a-f]/) out = out draw(low, c)
			else if (c ~ /[a-z]/) out = out draw("ghjklmnpqrstvwxz", c)
			else if (c ~ /[A-F]/) out = out draw(up, c)
			else if (c ~ /[A-Z]/) out = out draw("GHJKLMNPQRSTVWXZ", c)
			else if (c >= "\303" && c <= "\337") {
				out = out c draw("\241\242\243\244\245\247\251\252\253\256", substr(v, i + 1, 1))
				i++
			} else out = out c
		}
		if (!(out in ISMADE) && out != v && !new_placeholder(out)) break
	}
	MADE[v] = out
	ISMADE[out] = 1
	if (n >= 8 && n < 200 && v !~ /^[0-9]+$/ && v !~ /^([a-z]+|[A-Z]+|[A-Z][a-z]+)$/) {
		FRESH[++FRESHES] = v
		if (STRONGS < 64) STRONG[++STRONGS] = v
	}
	return out
}

# Secrets that were met before give themselves away wherever they stand. `list` is STRONG or, for the lines above in the same file, FRESH.
function known(list, count,    j, i) {
	for (j = 1; j <= count; j++)
		while ((i = index(L, list[j])) > 0) {
			hide(i, length(list[j]))
			if (substr(L, i, length(list[j])) == list[j]) break
		}
}

# Hides `len` characters of the line L from `at` on.
function hide(at, len,    v, s, e) {
	if (len < 1) return
	v = substr(L, at, len)
	e = length(v)
	while (e > 0 && substr(v, e, 1) ~ /[ \t\r]/) e--
	if (e < 1) return
	v = substr(v, 1, e)
	for (s = 1; s <= HID; s++) if (HSTART[s] == at && HEND[s] == at + e) return
	s = stand_in(v)
	if (s == v && !(v in ISMADE)) return
	L = substr(L, 1, at - 1) s substr(L, at + e)
	lower()
	HSTART[++HID] = at
	HEND[HID] = at + e
}

# Whether a piece of L is of a stand-in already: names are not looked for in those.
function is_hidden(b, e,    i) {
	for (i = 1; i <= HID; i++) if (b < HEND[i] && e > HSTART[i]) return 1
	return 0
}

# LOW is L in lower case, and with the blanks that ~/.mysql_history writes as \\040; every character keeps its place.
function lower() {
	LOW = tolower(L)
	if (index(L, "\\040")) gsub(/\\040/, "    ", LOW)
}

# --- names and values -----------------------------------------------------------------------------------------------

function is_open(q, upto,    n, i, c, odd) {
	odd = 0
	n = upto > 4096 ? upto - 4096 : 1
	for (i = n; i < upto; i++) {
		c = substr(L, i, 1)
		if (c != q) continue
		if (q == q1 && i > 1 && substr(L, i - 1, 1) ~ /[A-Za-z]/ && substr(L, i + 1, 1) ~ /[A-Za-z]/) continue
		odd = 1 - odd
	}
	return odd
}

function depth(upto,    s, a, b) {
	s = substr(L, upto > 4096 ? upto - 4096 : 1, upto > 4096 ? 4096 : upto - 1)
	a = gsub(/[{[]/, "", s); b = gsub(/[]}]/, "", s)
	return a - b
}

function first(re, at, e,    s) {
	s = substr(L, at, e - at)
	return match(s, re) ? at + RSTART - 1 : e
}

# Where the quotation whose text begins at `at` ends; the end of the line where it never does.
function quoted_end(at, q,    n, c) {
	n = length(L)
	while (at <= n) {
		c = substr(L, at, 1)
		if (c == "\\" && q != q1) at += 2
		else if (c == q) {
			if (q == q1 && substr(L, at + 1, 1) == q1) at += 2
			else return at
		} else at++
	}
	return n + 1
}

function trimmed(at, e,    c, o) {
	while (e > at) {
		c = substr(L, e - 1, 1)
		o = c == ")" ? "(" : c == "}" ? "{" : c == "]" ? "[" : ""
		if (c ~ /[ \t,\r]/ || (o != "" && index(substr(L, at, e - at), o) == 0)) e--
		else break
	}
	return e
}

function plain_end(at, nstart, sepat, sep, spaced, before,    e, s, q, k, stops, blank, prev) {
	e = length(L) + 1
	if (e > at && substr(L, e - 1, 1) == "\r") e--
	s = substr(L, at)
	if (match(s, /^(<[^<>]+>|\$\{[^}]*\}|\$\([^)]*\)|\{\{[^}]*\}\}|<%[^%]*%>|%%[A-Za-z0-9_.:-]+%%|ENC\[[^]]*\]|&lt;[a-z-]+ #[0-9]+&gt;)/)) {
		k = at + RLENGTH
		if (k > length(L) || substr(L, k, 1) ~ /[] \t\r"\047`,;&)}@\\]/) return k
	}
	q = is_open("\"", sepat) ? "\"" : is_open(q1, sepat) ? q1 : is_open("`", sepat) ? "`" : ""
	if (q != "") {
		k = index(substr(L, at, e - at), q)
		if (k > 0) {
			e = at + k - 1
			if (substr(L, e - 1, 1) == "\\") e--
		}
		if (q == "\"") e = first("\\\\[nrt]", at, e)
	} else e = first("\\\\+[nrt][ \t]*-?[ \t]*[\"" q1 "A-Za-z0-9_.-]+[ \t]*[:=]", at, e)
	prev = nstart > 1 ? substr(L, nstart - 1, 1) : ""
	if (prev ~ /[?&]/ || substr(L, nstart > 6 ? nstart - 6 : 1, nstart > 6 ? 6 : nstart - 1) ~ /(\\u0026|&amp;)$/) stops = "[& \t\"" q1 "<>#]|\\\\u0026"
	else if (q == "" && depth(sepat) > 0) stops = ",([ \t]|$)|[]}]|,[ \t]*[\"" q1 "A-Za-z0-9_]+[ \t]*[:=]|[ \t]+#" (sep == "=" ? "|[; \t]" : "")
	else if (substr(L, 1, nstart - 1) ~ LINESTART) {
		if (spaced || before) stops = sep == ":" ? "[ \t]+#" : "[ \t]+[#;]"
		else if (q != "") stops = "[; \t]"
		else {
			blank = first(COMMAND, at, e)
			if (blank < e && substr(L, at, blank - at) !~ / /) return blank
			return trimmed(at, first("[ \t]+[#;]|\\\\$", at, e))
		}
	} else if (q != "" && sep == ":" && spaced) stops = ""
	else stops = "[; \t]|,([ \t]|$)|,[\"" q1 "A-Za-z0-9_]+="
	return trimmed(at, stops == "" ? e : first(stops, at, e))
}

# Hides L[b..e) where it is a secret under that name. Says whether it looked at a secret.
function check(b, e, kind, name, nstart, sep, spaced, close_,    v, t, isbare, s, word) {
	if (e <= b) return
	v = substr(L, b, e - b)
	if (tolower(name) == "auth" && !(v ~ /^[A-Za-z0-9+\/]+=*$/ && length(v) >= 8 && length(v) % 4 == 0 && looks_random(v))) return
	if (kind == "token" && match(tolower(v), /^(bearer|basic|token|digest|negotiate|apikey|oauth)[ \t]+/)) {
		b += RLENGTH
		v = substr(L, b, e - b)
		if (v == "") return
	}
	isbare = substr(L, b - 1, 1) !~ /["\047]/
	if (!is_secret(v, kind, name, isbare)) return
	if (isbare) {
		t = v; sub(/[):,;]+$/, "", t); if (t == "") t = "x"
		if (!is_secret(t, kind, name, 0)) return
		if (nstart > 0 && is_sentence(nstart, b, e, kind, name)) return
	}
	if (kind == "key" && match(v, /^[0-9A-Za-z]+/)) {
		s = RLENGTH
		if ((s >= 20 && substr(v, s + 1, 1) ~ /^[ \t\r]$/) || ((s == 32 || s == 40) && substr(v, 1, s) ~ /^[0-9a-fA-F]+$/ && substr(v, s + 1, 1) ~ /^[]\/:.,;\047")}&|<>]$/)) {
			e = b + s
			v = substr(L, b, s)
		}
	}
	if (nstart > 0) {
		if (tolower(name) ~ /pwd$/ && !spaced && v in PLACES) return
		word = v; gsub(/^[(),;]+/, "", word); gsub(/[(),;]+$/, "", word)
		if (isbare && ((word == name && sep != ":") || (word in OWNNAMES && (sep != ":" || word == name)))) return
		if (isbare && close_ ~ /\]/ && word ~ /^[A-Za-z_][A-Za-z0-9_.]*$/) return
	}
	hide(b, e - b)
}

function is_sentence(nstart, b, e, kind, name,    v, is_message, w) {
	v = substr(L, b, e - b)
	if (kind == "password") return v ~ /^(YES|NO)([^A-Za-z0-9_]|$)/ && substr(L, nstart > 6 ? nstart - 6 : 1, nstart > 6 ? 6 : nstart - 1) ~ /using $/
	if (kind == "community" || kind == "cookie") return 0
	is_message = name ~ / / || substr(L, nstart - 1, 1) == "/" || substr(L, 1, nstart - 1) !~ LINESTART
	if (!is_message || substr(L, b) !~ /^[A-Za-z][A-Za-z\047-]*[,.:]?([ \t]+[^ \t]|$)/) return 0
	w = v; sub(/ .*/, "", w)
	return !looks_random(w)
}

# The scalars of a flow list that opens at `at`; the list may go on in the next line (LIST).
function items(at, kind, name,    n, c, e, s, q) {
	at++
	n = length(L)
	LIST = kind
	LISTNAME = name
	while (at <= n) {
		c = substr(L, at, 1)
		if (c == "]") { LIST = ""; return at }
		if (c == "\"" || c == q1) {
			e = quoted_end(at + 1, c)
			check(at + 1, e, kind, name, 0, ":", 1, "")
			at = e + 1
		} else if (c ~ /[ \t,\r[]/) at++
		else if (c == "#" && at > 1 && substr(L, at - 1, 1) ~ /[ \t]/) return n
		else {
			e = first("[],]", at, n + 1)
			s = substr(L, at, e - at)
			if (s !~ /: /) check(at, e, kind, name, 0, ":", 1, "")
			at = e
		}
	}
	return n
}

function value_of(at, kind, name, nstart, sepat, sep, before, close_,    rest, spaced, q, e, prefix, n, s) {
	n = length(L)
	spaced = 0
	while (at <= n && substr(L, at, 1) ~ /[ \t]/) { at++; spaced = 1 }
	rest = substr(L, at)
	if (rest ~ /^([!&][^ \t]+[ \t]+)*([|>][-+0-9]*)?[ \t]*(#([ \t#].*)?)?\r?$/) {
		prefix = substr(L, 1, nstart - 1); gsub(/["\047]+$/, "", prefix)
		if (sep == ":" && prefix ~ /^[ -]*$/) {
			match(prefix, /^ */)
			BELOW = kind; BNAME = name; BINDENT = RLENGTH; BCOLUMN = length(prefix); BTEXT = rest ~ /^([!&][^ \t]+[ \t]+)*[|>]/; BCOUNT = 0
		}
		return at
	}
	if (substr(rest, 1, 2) == "\\\"" || substr(rest, 1, 2) == "\\" q1) {
		q = substr(rest, 1, 2)
		e = index(substr(L, at + 2), q)
		e = e == 0 ? n + 1 : at + 1 + e
		check(at + 2, e, kind, name, nstart, sep, spaced, close_)
		return e
	}
	if (match(rest, /^([bBrRuUfF][bBrRuUfF]?["\047]|(str|bytes|SecretStr|Optional\[[A-Za-z0-9_]+\]|[A-Za-z0-9_]+ \| None)[ \t]*=[ \t]*)/)) {
		s = RLENGTH
		if (substr(rest, s, 1) ~ /["\047]/) s--
		at += s
	} else if (sep == ":" && spaced && match(rest, /^[!&][A-Za-z!]+[ \t]+/)) at += RLENGTH
	q = substr(L, at, 1)
	if (q == "\"" || q == q1 || q == "`") {
		if (is_open(q, sepat) && (at >= n || substr(L, at + 1, 1) ~ /[] \t\r,;.)}]/)) return at
		if (substr(L, at, 3) == q q q) {
			e = index(substr(L, at + 3), q q q)
			check(at + 3, e == 0 ? n + 1 : at + 2 + e, kind, name, nstart, sep, spaced, close_)
			if (e == 0) { TRIPLE = q q q; TKIND = kind; TNAME = name }
			return n
		}
		e = quoted_end(at + 1, q)
		if (substr(L, e + 1, 1) ~ /[A-Za-z0-9]/ && e < n) {
			e = plain_end(e + 1, nstart, sepat, sep, spaced, before)
			check(at, e, kind, name, nstart, sep, spaced, close_)
			return e
		}
		check(at + 1, e, kind, name, nstart, sep, spaced, close_)
		return e
	}
	if (q == "[") return items(at, kind, name)
	if (q == "{") {
		if (sep != ":" && sep != "=") return at
		if (rest ~ /^\{[^{}]*:/) return at
		e = plain_end(at, nstart, sepat, sep, spaced, before)
		check(at, e, kind, name, nstart, sep, spaced, close_)
		return e
	}
	if (q == "#" && spaced) {
		if (at >= n || substr(L, at + 1, 1) ~ /[ \t#\r]/) return at
		at++
	}
	e = plain_end(at, nstart, sepat, sep, spaced, before)
	check(at, e, kind, name, nstart, sep, spaced, close_)
	return e
}

function named(    from, ms, ml, head, wend, close_, before, sepat, sep, s, start, name, kind, at, k, two) {
	from = 1
	while (from <= length(LOW) && match(substr(LOW, from), NAMED)) {
		ms = from + RSTART - 1; ml = RLENGTH
		head = substr(LOW, ms, ml)
		match(head, /([:=!]|\357\274\232|\357\271\225)$/)
		sepat = ms + RSTART - 1
		head = substr(head, 1, RSTART - 1)
		match(head, /[ \t]*$/); before = RLENGTH > 0
		head = substr(head, 1, RSTART - 1)
		match(head, /^[a-z0-9_-]+/); wend = ms + RLENGTH
		close_ = substr(head, RLENGTH + 1)
		s = substr(L, sepat, 3)
		if (substr(s, 1, 2) == ":=" || substr(s, 1, 2) == "=>") sep = substr(s, 1, 2)
		else if (substr(s, 1, 1) == ":") sep = substr(s, 2, 1) == ":" || s == "://" ? "" : ":"
		else if (substr(s, 1, 1) == "=") sep = s == "===" ? s : substr(s, 1, 2) == "==" ? "==" : "="
		else if (substr(s, 1, 1) == "!") sep = substr(s, 1, 3) == "!==" ? s : substr(s, 1, 2) == "!=" ? "!=" : ""
		else sep = s
		if (sep == "" || is_hidden(ms, wend)) { from = wend > ms ? wend : ms + 1; continue }
		start = ms
		while (start > 1 && ms - start < 64 && substr(L, start - 1, 1) ~ /[A-Za-z0-9_.-]/) start--
		if (start > 1 && substr(L, start - 1, 1) == "\\") {
			if (substr(L, start, 5) == "u0026") start += 5
			else if (substr(L, start, 1) ~ /[nrt]/) start++
		}
		name = substr(L, start, wend - start)
		while (name ~ /^[-.]/) { name = substr(name, 2); start++ }
		from = sepat + length(sep)
		kind = kind_of(name)
		if (kind == "" && name ~ /^e-/) { two = name; sub(/.*-/, "", two); kind = kind_of(two) }
		if (tolower(name) == "passwd" && substr(L, start - 1, 1) == "/") continue
		if (name == "auth") kind = "token"
		if (kind == "") {
			s = substr(LOW, start > 16 ? start - 16 : 1, start > 16 ? 16 : start - 1)
			if (match(s, /(^|[^a-z0-9_-])(api|app|application|access|private|secret|license|auth|bearer|client|community|pass) $/)) {
				k = length(s) - RSTART + 1
				if (substr(s, RSTART, 1) !~ /[a-z]/) k--
				start -= k
				name = substr(L, start, wend - start)
				kind = kind_of(name)
			}
		}
		if (kind == "") continue
		at = value_of(sepat + length(sep), kind, name, start, sepat, sep, before, close_)
		if (at > from) from = at
	}
}

# --- what gives itself away -----------------------------------------------------------------------------------------

function shape(re, min,    from, b, n) {
	from = 1
	while (from <= length(L) && match(substr(L, from), re)) {
		b = from + RSTART - 1; n = RLENGTH
		from = b + n
		if (n >= min && (b == 1 || substr(L, b - 1, 1) !~ /[A-Za-z0-9]/)) hide(b, n)
	}
}

function shapes(    from, b, n, s) {
	if (L ~ /ddapp_|DDRCM_/) { shape("ddapp_[A-Za-z0-9]+", 26); shape("DDRCM_[A-Za-z0-9_-]+", 14) }
	if (L ~ /gh[pousr]_|github_pat|glpat-/) { shape("gh[pousr]_[A-Za-z0-9]+", 20); shape("github_pat_[A-Za-z0-9_]+", 31); shape("glpat-[A-Za-z0-9_-]+", 22) }
	if (L ~ /xox|xapp-/) { shape("xox[abeoprs]-[A-Za-z0-9-]+", 13); shape("xapp-[A-Za-z0-9-]+", 15) }
	if (L ~ /AIza|[srp]k[_-]|SG\./) { shape("AIza[A-Za-z0-9_-]+", 34); shape("[srp]k_(live|test)_[A-Za-z0-9]+", 18); shape("sk-[A-Za-z0-9_-]+", 23); shape("SG\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+", 36) }
	if (L ~ /npm_|pypi-|dckr_|hvs\.|shp[aspc]|ya29|dop_v1/) {
		shape("npm_[A-Za-z0-9]+", 34); shape("pypi-[A-Za-z0-9_-]+", 21); shape("dckr_pat_[A-Za-z0-9_-]+", 25); shape("hvs\\.[A-Za-z0-9_-]+", 24)
		shape("shp(at|ss|ca|pa)_[0-9a-fA-F]+", 26); shape("ya29\\.[A-Za-z0-9_-]+", 25); shape("dop_v1_[0-9a-f]+", 39)
	}
	if (index(L, "eyJ")) shape("eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]*)?", 24)
	if (L ~ /A[KS]IA/) {
		from = 1
		while (match(substr(L, from), /A[KS]IA[A-Z0-9]+/)) {
			b = from + RSTART - 1; n = RLENGTH; from = b + n
			if (n < 16 || n > 20 || (b > 1 && substr(L, b - 1, 1) ~ /[A-Za-z0-9]/)) continue
			hide(b, n)
			s = substr(L, from)
			if (match(s, /^[ \t,:;|"\047]+[A-Za-z0-9\/+]+/)) {
				match(s, /^[ \t,:;|"\047]+/)
				b = from + RLENGTH
				match(substr(L, b), /^[A-Za-z0-9\/+]+/)
				if (RLENGTH == 40) hide(b, 40)
			}
		}
	}
	if (match(L, /hooks\.slack\.com\/(services|workflows)\/[A-Za-z0-9\/_-]+/)) {
		b = RSTART; n = RLENGTH
		match(substr(L, b), /^hooks\.slack\.com\/(services|workflows)\//)
		hide(b + RLENGTH, n - RLENGTH)
	}
	if (index(L, "*")) {
		from = 1
		while (match(substr(L, from), /\*[0-9A-F]+/)) {
			b = from + RSTART - 1; n = RLENGTH; from = b + n
			if (n == 41 && substr(L, from, 1) !~ /[0-9A-Za-z]/ && (b == 1 || substr(L, b - 1, 1) !~ /[0-9A-Za-z*]/)) hide(b, n)
		}
	}
	if (index(L, "$")) {
		if (match(L, /\$A\$[0-9A-F]+\$(\\.|[^\047])+/)) hide(RSTART, RLENGTH > 150 ? 150 : RLENGTH)
		from = 1
		while (match(substr(L, from), /\$(1|2[abxy]|5|6|7|y|gy|apr1|argon2id?|pbkdf2-sha[0-9]+)\$[^ \t\047":]+/)) {
			b = from + RSTART - 1; n = RLENGTH; from = b + n
			hide(b, n)
		}
	}
	if (index(L, "0x2441")) shape("0x24412430[0-9A-Fa-f]+", 70)
}

function bare(    from, b, n, v, pre, post, is_first) {
	from = 1
	while (from <= length(L) && match(substr(L, from), /[0-9A-Za-z]+/)) {
		b = from + RSTART - 1; n = RLENGTH; from = b + n
		if (n != 32 && n != 40) continue
		v = substr(L, b, n)
		if (v !~ /^[0-9a-fA-F]+$/ || v ~ /^0+$/ || v in ISMADE) continue
		pre = substr(LOW, b > 200 ? b - 200 : 1, b > 200 ? 200 : b - 1)
		post = substr(L, b + n, 200)
		if (substr(post, 1, 1) != "@") {
			is_first = pre ~ /^[ \t^+-]*$/ || pre ~ /["\047]$/
			if (pre ~ /(^|[^a-z])(md5|sha-?1|sha|sha256)[ \t]*\([^)]*\)[ \t]*=[ \t]*$/) continue
			if (pre ~ /(^|[^a-z])(md5|md5sum|sha-?1|sha1sum|sha|checksum|hash|digest|etag|finger[ _-]?print|thumbprint|commit|rev|revision|ref|head|tree|parent|object|blob|trace[ _.-]?id|span[ _.-]?id|request[ _.-]?id|correlation[ _.-]?id|machine[ _-]?id|boot[ _-]?id|boot|invocation([ _-]?id)?|uuid|guid|build[ _-]?id|checkout|--hard|cherry-pick|merge|recv-keys?|serial|vcs[ _-]ref)(_?(sha|hash|id|sum))?\\?[]"\047)]*[ \t]*([:=@(]|is|at)?[ \t]*\\?["\047]?$/) continue
			if (pre ~ /(^|[^a-z0-9])00-$|\/journal\/$|^[0-9][0-9][0-9][0-9][0-9][0-9] (blob|tree|commit) $/) continue
			if (is_first && (post ~ /^ [ *][^ \t]*(\/[^ \t]|\.(py|deb|rpm|so|tar|t?gz|xz|bz2|zip|json|ya?ml|txt|md|js|css|sh|conf|cnf|whl|iso|img|box|exe|jar))/ || post ~ /^[ \t]+(refs\/|HEAD([^A-Za-z0-9_]|$))/ || post ~ /^ [0-9]+ [^ \t]+\.[A-Za-z0-9_]+[ \t]*$/)) continue
			if (pre ~ /[\/._-]$/ && post ~ /^\.(js|css|map|png|jpe?g|gif|svg|ico|woff2?|ttf|html?|json|py[co]?|so|whl|t?gz|zip|deb|rpm|log|tmp|pack|idx|conf|lock)([^A-Za-z0-9_]|$)/) continue
			if (n == 32 && pre ~ /^[ \t]+\/[^ \t]+ $/ && post ~ /^( obsolete)?[ \t\r]*$/) continue
			if (n == 40 && (pre ~ /(git|\/commits?\/|\/tree\/|\/blob\/|\/archive\/|\/raw\/|\/compare\/|svn|hg\+)[^ \t"\047]*$/ || pre ~ /(^|[ \t"\047])[a-z0-9_.-]+\/[a-z0-9_.\/-]+@$/ || pre ~ /gpg|apt-key|keyserver|keyring|finger ?print|recv-key|signed-by/)) continue
		}
		hide(b, n)
	}
}

function userinfo(    from, b, s, a, k, e, n, name, v, host) {
	from = 1
	while (from <= length(L) && match(substr(L, from), /:\/\/[^ \t\/:@"\047<>?#`]*:/)) {
		b = from + RSTART - 1 + RLENGTH; from = b
		if (!match(substr(L, b), /^[^ \t"\047<>`]+/)) continue
		s = substr(L, b, RLENGTH)
		if (index(s, "@") == 0) continue
		a = s; sub(/[\/?#].*/, "", a)
		k = last(a, "@")
		if (k == 0) {
			if (s ~ /^[0-9]*([\/?#]|$)/) continue
			k = last(s, "@")
		}
		if (k > 1 && !placeholder(substr(s, 1, k - 1))) hide(b, k - 1)
	}
	from = 1
	while (from <= length(L) && match(substr(L, from), /[A-Za-z_][A-Za-z0-9_.-]*:[^ \t:@\/"\047<>,;()`]+@[\/A-Za-z0-9[(]/)) {
		b = from + RSTART - 1; n = RLENGTH; from = b + n
		if (b > 1 && substr(L, b - 1, 1) ~ /[A-Za-z0-9_\/@.:+%-]/) continue
		s = substr(L, b, n)
		name = tolower(substr(s, 1, index(s, ":") - 1))
		k = b + length(name) + 1
		v = substr(L, k, n - length(name) - 3)
		match(substr(L, b + n - 1), /^[A-Za-z0-9[(][A-Za-z0-9_.-]*/)
		host = RLENGTH > 0 ? substr(L, b + n - 1, RLENGTH) : ""
		if (placeholder(v) || host ~ /^sha256/ || host ~ /^[0-9]+(\.[0-9]+)?(\.[0-9]+)?$/) continue
		a = name; sub(/.*_/, "", a)
		if ((name in MAIL || a in MAIL) && index(host, ".") && substr(L, b + n - 1 + length(host), 1) != ":") continue
		hide(k, length(v))
	}
}

function last(s, c,    i) {
	for (i = length(s); i > 0; i--) if (substr(s, i, 1) == c) return i
	return 0
}

# --- what the words around give away --------------------------------------------------------------------------------

# Hides the value, in quotes or a plain word, that begins at `at`. `how`: "" any, "random" only what looks so, "alone" a word that ends the line.
function word_at(at, kind, how, name,    q, e, v) {
	q = substr(L, at, 1)
	if (q == "\"" || q == q1) { at++; e = first("[" q "]", at, length(L) + 1) }
	else e = first("[ \t\"" q1 "`;|,)]", at, length(L) + 1)
	if (e <= at) return
	v = substr(L, at, e - at)
	if (name != "") {
		if (tolower(v) in PROSE || !is_secret(v, kind, name, 0)) return
	} else {
		q = v; gsub(/[])}.,;]+$/, "", q)
		if (placeholder(q) || v ~ /^([0-9.]+:)?[0-9]+:[0-9]+(\/[A-Za-z0-9_]+)?$/) return
		if (how == "random" && !(looks_random(v) || (kind == "token" && length(v) >= 20))) return
		if (how == "alone" && tolower(v) in PAM) return
	}
	hide(at, length(v))
}

# For each place where `re` matches (on lower case) and what stands before it fits `before`: the value behind it.
function after(re, before, kind, how,    from, b, n) {
	from = 1
	while (from <= length(LOW) && match(substr(LOW, from), re)) {
		b = from + RSTART - 1; n = RLENGTH
		from = b + n
		if (before == "" || substr(LOW, 1, b) ~ before) word_at(b + n, kind, how, "")
	}
}

function options(    from, b, n, s, name, kind) {
	from = 1
	while (from <= length(LOW) && match(substr(LOW, from), /--?[a-z][a-z0-9_-]*([ \t]+|["\047],[ \t]*)[^-|&;> \t]/)) {
		b = from + RSTART - 1; n = RLENGTH
		s = substr(L, b, n - 1)
		from = b + n - 1
		if (b > 1 && substr(L, b - 1, 1) !~ /[ \t"\047[]/) continue
		match(s, /[A-Za-z][A-Za-z0-9_-]*/)
		name = substr(s, RSTART, RLENGTH)
		kind = kind_of(name)
		if (kind != "" && !is_hidden(b, b + length(s))) word_at(b + n - 1, kind, "", name)
	}
}

function tags(    from, b, n, s, name, kind, v) {
	from = 1
	while (match(substr(L, from), /<[A-Za-z0-9_:.-]+>[^<>]+<\//)) {
		b = from + RSTART - 1; n = RLENGTH
		from = b + n - 2
		s = substr(L, b, n)
		name = substr(s, 2, index(s, ">") - 2)
		kind = kind_of(name)
		if (tolower(name) == "key") { v = substr(s, index(s, ">") + 1); sub(/<\/$/, "", v); PLIST = kind_of(v) != "" ? v : "" ; continue }
		if (name == "string" && PLIST != "") { kind = kind_of(PLIST); name = PLIST; PLIST = "" }
		if (kind == "") continue
		v = substr(s, index(s, ">") + 1); sub(/<\/$/, "", v)
		if (is_secret(v, kind, name, 0)) hide(b + index(s, ">"), length(v))
	}
}

function calls(    from, b, n, s, name, kind, k, v) {
	from = 1
	while (match(substr(L, from), /[A-Za-z0-9_]\([ \t]*["\047][A-Za-z0-9_.-]+["\047][ \t]*,[ \t]*["\047][^"\047]+["\047]/)) {
		b = from + RSTART - 1; n = RLENGTH
		from = b + n
		s = substr(L, b, n)
		match(s, /["\047][A-Za-z0-9_.-]+["\047]/)
		name = substr(s, RSTART + 1, RLENGTH - 2)
		kind = kind_of(name)
		if (kind == "") continue
		match(s, /["\047][^"\047]+["\047]$/)
		k = RSTART
		v = substr(s, k + 1, RLENGTH - 2)
		if (kind_of(v) == "" && is_secret(v, kind, name, 0)) hide(b + k, length(v))
	}
}

function phrases(    s, k, b, n) {
	if (index(LOW, "bearer")) after("bearer[ \t]+", "", "token", "random")
	if (index(LOW, "basic ")) after("basic[ \t]+", "", "token", "random")
	if (index(LOW, "password")) {
		after("password[ \t]*\\([ \t]*", "", "password", "")
		after("set[ \t]+password[ \t]+(for[ \t]+[^ \t]+[ \t]*)?=[ \t]*(password[ \t]*\\([ \t]*)?", "", "password", "")
		after("[ \t]password[ \t]+", "pass(word)?[a-z0-9_-]*[ \t]$", "password", "")
		after("login[ \t]+[^ \t]+[ \t]+password[ \t]+", "", "password", "")
	}
	if (LOW ~ /identified/) {
		after("identified[ \t]+((via|with)[ \t]+[^ \t]+[ \t]+)?(by|as|using)[ \t]+(password[ \t]*)?\\(?[ \t]*", "", "password", "")
		if (LOW ~ /identified[ \t]+((via|with)[ \t]+[^ \t]+[ \t]+)?(by|as|using)[ \t\r]*$/) IDENT = 1
	}
	if (index(LOW, "-p")) {
		after("[ \t\"" q1 "]-p", "(mysql|mariadb)(-?(admin|dump|import|show|check|slap|pump|sh))?(\\.exe)?[\"" q1 "]?[ \t,]", "password", "")
		after("sshpass[ \t]+-p[ \t]*", "", "password", "")
		after("[ \t]-p[ \t]+", "docker[ \t]+login[ \t]", "password", "")
	}
	if (index(LOW, "curl")) {
		if (match(LOW, /curl[ \t].*[ \t](-u|--user|--proxy-user)[ =]?["\047]?[^ \t:"\047]+:/)) word_at(RSTART + RLENGTH, "password", "", "")
	}
	if (index(LOW, "redis-cli")) after("[ \t]-a[ \t]*", "redis-cli", "password", "")
	if (index(LOW, "htpasswd")) after("htpasswd[ \t]+-[a-z]*b[a-z]*[ \t]+[^ \t]+[ \t]+[^ \t]+[ \t]+", "", "password", "")
	if (index(LOW, "chpasswd") && match(LOW, /echo[ \t]+["\047]?[a-z0-9_.-]+:/)) word_at(RSTART + RLENGTH, "password", "", "")
	if (index(LOW, "snmp")) { after("[ \t]-c[ \t]*", "snmp[a-z]+[ \t]", "community", ""); if (L ~ /snmp[a-z]+[ \t]/) { after("[ \t]-[ax][ \t]+", "snmp[a-z]+[ \t]", "password", "") } }
	if (index(LOW, "communit")) { after("(r[ow]|trap)community6?[ \t]+", "", "community", ""); after("snmp-server[ \t]+community[ \t]+", "", "community", "") }
	if (index(LOW, "com2sec")) after("^[ \t]*com2sec6?([ \t]+-cn[ \t]+[^ \t]+)?[ \t]+[^ \t]+[ \t]+[^ \t]+[ \t]+", "", "community", "")
	if (match(LOW, /^[ \t]*(env|arg|setenv|set[ \t]+-g?x)[ \t]+[a-z0-9_]+[ \t]+[^= \t]/)) {
		s = substr(L, 1, RLENGTH - 1); b = RLENGTH
		gsub(/[ \t]+$/, "", s); sub(/.*[ \t]/, "", s)
		k = kind_of(s)
		if (k != "" && is_secret(substr(L, b), k, s, 0)) hide(b, length(L) - b + 1)
	}
	if (match(LOW, /^[ \t]*(password|requirepass|masterauth)[ \t]+[^ \t]+[ \t\r]*$/)) { match(LOW, /^[ \t]*(password|requirepass|masterauth)[ \t]+/); word_at(RLENGTH + 1, "password", "alone", "") }
	if (LOW ~ /pass(word|wd|phrase)?[ \t]+(is|was)[ \t]/) after("pass(word|wd|phrase)?[ \t]+(is|was)[ \t]*:?[ \t]*", "", "password", "random")
	if (LOW ~ /(api|app|application)[ -]key/) after("(api|app|application)[ -]key([ \t]+(is|was))?[ \t]*:?[ \t]*[\"" q1 "`]?", "", "key", "random")
	if (index(L, "</")) tags()
	if (LOW ~ /\([ \t]*["\047]/) calls()
	if (LOW ~ /auth[ \t]*=[ \t]*\(|http(basic|digest)auth\(/) after("(auth[ \t]*=[ \t]*\\(|http(basic|digest)auth\\()[ \t]*[\"" q1 "][^\"" q1 "]*[\"" q1 "][ \t]*,[ \t]*", "", "password", "")
	if (LOW ~ /[?&](sig|sas|signature|x-amz-signature|x-goog-signature)=/) after("[?&](sig|sas|x-amz-signature|x-goog-signature)=", "", "token", "")
	if (LOW ~ /(^|[ \t"\047[])--?[a-z]/) options()
}

# --- lines ----------------------------------------------------------------------------------------------------------

function forget() {
	BELOW = ""; LIST = ""; TRIPLE = ""; PEM = 0; IDENT = 0; PLIST = ""; PAIR = ""; EP = -1
}

# The line as it may be shown. HID says whether something in it was hidden.
function redact(line, is_command,    s, n, body, deep, e, q, i, k) {
	L = line; HID = 0
	if (is_command) gsub(/\037/, " ", L)
	lower()
	if (PEM) {
		if (L ~ /-----END [A-Z0-9 ]+-----/) PEM = 0
		else if (L ~ /^[ \t"\047#]*[A-Za-z0-9+\/=:,-]*[\\nrt"\047, \t]*$/ || L ~ /^[ \t]*[A-Za-z0-9+\/= -]+:? [A-Za-z0-9+\/=:, -]+$/) { blocks(1); return L }
		else PEM = 0
	}
	if (L ~ /-----BEGIN [A-Z0-9 ]+-----/) {
		PEM = L !~ /-----END/
		blocks(PEM ? 2 : 3)
	}
	if (TRIPLE != "") {
		k = index(L, TRIPLE)
		check(1, k ? k : length(L) + 1, TKIND, TNAME, 0, ":", 1, "")
		if (k) TRIPLE = ""
	}
	if (LIST != "") { k = LIST; n = items(0, k, LISTNAME) }
	if (BELOW != "") below()
	if (IDENT) {
		if (match(L, /^[ \t]*["\047]/)) { word_at(RLENGTH, "password", "", ""); IDENT = 0 }
		else if (L !~ /^[ \t\r]*$/) IDENT = 0
	}
	if (STRONGS && length(L) >= 8) known(STRONG, STRONGS)
	if (length(L) >= 12 && L ~ /[_.$*-]|eyJ|AI|SIA|KIA|0x/) shapes()
	if (LOW ~ /pas|pw|key|secret|token|auth|communit|cookie|psw|pss|psk|jwt|sig|tenantid/) {
		if (LOW ~ NAMED) named()
		pairs()
		phrases()
	} else {
		if (PAIR != "") pairs()
		if (LOW ~ /identified|com2sec|-[a-z]|-p|<|"\047/ && LOW ~ /[ (<&,\t]/) phrases()
	}
	if (EP >= 0) endpoints()
	if (index(LOW, "additional_endpoints")) {
		if (match(LOW, /additional_endpoints["\047]?[ \t]*[:=]/)) {
			match(L, /^[ -]*/); EP = RLENGTH
			s = substr(LOW, 1, index(LOW, "additional_endpoints") - 1)
			n = index(substr(L, length(s) + 1), "{")
			if (n) {
				k = length(s) + n
				while (match(substr(L, k), /\[/)) { k += RSTART - 1; e = items(k, "key", "additional_endpoints"); if (e <= k) break; k = e }
				EP = -1
			}
		}
	}
	if (index(L, "@")) userinfo()
	if (length(L) >= 32) bare()
	if (is_command && index(line, "\037")) {
		s = ""; n = 1
		while ((i = index(substr(line, n), "\037")) > 0) { s = s substr(L, n, i - 1) "\037"; n += i }
		L = s substr(L, n)
	}
	return L
}

# A line of UTF-16, in which \001 stands for the zero byte of each letter: hidden is what is hidden without them.
function wide(line,    out, n, i, c, thin) {
	thin = line; gsub(/\001/, "", thin)
	redact(thin, 0)
	n = 0; out = ""
	for (i = 1; i <= length(line); i++) {
		c = substr(line, i, 1)
		out = out (c == "\001" ? c : substr(L, ++n, 1))
	}
	return out
}

# The long words of a PEM block on this line. 1 = all of the line, 2 = behind BEGIN, 3 = between BEGIN and END.
function blocks(how,    from, b, n, to) {
	from = 1; to = length(L) + 1
	if (how > 1) { match(L, /-----BEGIN [A-Z0-9 ]+-----/); from = RSTART + RLENGTH }
	if (how == 3) { match(L, /-----END/); to = RSTART }
	while (from < to && match(substr(L, from, to - from), /[A-Za-z0-9+\/=]+/)) {
		b = from + RSTART - 1; n = RLENGTH
		from = b + n
		if (b > 1 && substr(L, b - 1, 1) == "\\" && substr(L, b, 1) ~ /[nrt]/) { b++; n-- }
		if (n >= 4) hide(b, n)
	}
}

function below(    content, body, deep, e, q, at) {
	BCOUNT++
	content = L; gsub(/[ \t\r]+$/, "", content)
	body = content; sub(/^ +/, "", body)
	deep = length(content) - length(body)
	if (body == "" && BCOUNT < 200) return
	if (BCOUNT > 200 || deep < BINDENT || (deep == BINDENT && body !~ /^- /) || (BTEXT && deep <= BCOLUMN && body ~ KEYLINE)) { BELOW = ""; return }
	if (BTEXT) { check(deep + 1, length(content) + 1, BELOW, BNAME, 0, ":", 1, ""); return }
	if (body ~ /^#/) return
	at = deep + 1
	if (match(body, /^- +/)) at += RLENGTH
	if (substr(L, at) ~ KEYLINE) { BELOW = ""; return }
	q = substr(L, at, 1)
	if (q == "\"" || q == q1) {
		e = quoted_end(at + 1, q)
		check(at + 1, e, BELOW, BNAME, 0, ":", 1, "")
	} else {
		check(at, first("[ \t]+#", at, length(content) + 1), BELOW, BNAME, 0, ":", 1, "")
		if (body !~ /^- /) BELOW = ""
	}
}

# `name: DB_PASSWORD` and `value: …`, on one line or on two.
function pairs(    v, at) {
	if (PAIR != "") {
		if (match(LOW, /^[ \t,{-]*["\047]?(value|default)["\047]?[ \t]*[:=][ \t]*/)) {
			if (substr(L, RLENGTH + 1) != "") word_at(RLENGTH + 1, kind_of(PAIR), "", PAIR)
		}
		if (L !~ /^[ \t\r]*$/) PAIR = ""
	}
	if (match(LOW, /(^|[^a-z0-9_])["\047]?name["\047]?[ \t]*[:=][ \t]*["\047]?[a-z0-9_.-]+["\047]?/)) {
		at = RSTART + RLENGTH
		v = substr(L, RSTART, RLENGTH); gsub(/["\047]$/, "", v); sub(/.*[:= \t"\047]/, "", v)
		if (kind_of(v) == "") return
		if (match(substr(LOW, at), /^[ \t]*,?[ \t]*["\047]?(value|default)["\047]?[ \t]*[:=][ \t]*/)) word_at(at + RLENGTH, kind_of(v), "", v)
		else PAIR = v
	}
}

function endpoints(    content, body, deep, k) {
	content = L; gsub(/[ \t\r]+$/, "", content)
	body = content; sub(/^ +/, "", body)
	deep = length(content) - length(body)
	if (body == "") return
	if (deep <= EP && body !~ /^(- |#)/) { EP = -1; return }
	if (match(L, /^[ \t]*["\047]?https?:\/\/[^ \t"\047]+["\047]?[ \t]*:[ \t]*/)) {
		k = RLENGTH + 1
		if (substr(L, k, 1) == "[") items(k, "key", "additional_endpoints")
		else if (substr(L, k, 1) !~ /[|>#{&]/) {
			if (substr(L, k, 1) ~ /["\047]/) k++
			check(k, first("[ \t\"" q1 "]", k, length(content) + 1), "key", "additional_endpoints", 0, ":", 1, "")
		}
	} else if (match(L, /^[ \t]*- +["\047]?/)) {
		k = RLENGTH + 1
		if (substr(L, k) ~ /^[^ \t"\047#:{}]+["\047]?[ \t\r]*(#.*)?$/) check(k, first("[ \t\"" q1 "#]", k, length(content) + 1), "key", "additional_endpoints", 0, ":", 1, "")
	}
}

# A path, the same in the listing and above its text.
function path_of(p) {
	if (rootlen && substr(p, 1, rootlen) == ROOT) p = substr(p, rootlen + 1)
	return name_of(p == "" ? "/" : p)
}

# Name by name, so that a folder is called the same in its own path and in those of what is in it.
function name_of(p,    n, i, parts, out, ending) {
	if (p !~ /[=:@]|[A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9]/) return p
	n = split(p, parts, "/")
	out = ""
	for (i = 1; i <= n; i++) {
		L = parts[i]; HID = 0; ending = ""
		if (length(L) >= 8) {
			# What kind of file it is stays.
			while (match(L, /.\.[a-z][a-z0-9]*$/) && RLENGTH <= 9) { ending = substr(L, RSTART + 1) ending; L = substr(L, 1, RSTART) }
			lower()
			shapes()
			if (LOW ~ NAMED) named()
			bare()
			forget()
		}
		out = out (i > 1 ? "/" : "") L ending
	}
	HID = 0
	return out
}

function say(text) {
	print text
	LINES++
}

# --- the stream -----------------------------------------------------------------------------------------------------
# A line that begins with \002 is a record; everything else is content of the record before. \001 stands for a byte that is no text.

substr($0, 1, 1) == "\002" {
	WHAT = substr($0, 2, 1); REST = substr($0, 4)
	if (WHAT == "S") {
		WIDTH = 0; PATHNAME = REST
		for (I = 0; I < 8; I++) { AT = index(PATHNAME, " "); WIDTH += AT; PATHNAME = substr(PATHNAME, AT + 1) }
		say("s " substr(REST, 1, WIDTH) path_of(PATHNAME))
	} else if (WHAT == "Y") {
		AT = rootlen ? index(REST, " " ROOT) : match(REST, / \//)
		if (AT) say("y " substr(REST, 1, AT) path_of(substr(REST, AT + 1)))
	}
	else if (WHAT == "F" || WHAT == "G" || WHAT == "H") {
		NAME = REST; NUMBER = ""
		if (WHAT == "G") { AT = index(REST, " "); NUMBER = substr(REST, 1, AT); NAME = substr(REST, AT + 1) }
		forget()
		MODE = WHAT; COUNT = 0; ODD = 0; WIDE = 0; FRESHES = 0; IS_TOKEN = NAME ~ /\/(auth_token|\.erlang\.cookie)$/ # nothing but a secret
		HEADER = (WHAT == "F" ? "f " : WHAT == "G" ? "g " : "h ") NUMBER path_of(NAME)
	} else if (WHAT == "E") {
		if (MODE == "F" || MODE == "G") {
			say(ODD ? "o" substr(HEADER, 2) : WIDE ? "v" substr(HEADER, 2) : HEADER)
			if (!ODD) for (I = 1; I <= COUNT; I++) {
				L = HELD[I]; HID = 0
				if (FRESHES && !WIDE) {
					known(FRESH, FRESHES)
					if (HID) L = "*" substr(L, 2)
				}
				say(L)
			}
		}
		if (MODE != "") say("e")
		for (I = 1; I <= COUNT; I++) delete HELD[I]
		COUNT = 0; MODE = ""
		forget()
	} else if (WHAT == "C") { forget(); MODE = "C"; MARK = "|"; say("c " REST) }
	else if (WHAT == "R") { say("r " REST) }
	else if (WHAT == "U") say("u " REST)
	else if (WHAT == "X") { forget(); MARK = "!" }
	else if (WHAT == "P") { forget(); MODE = "P"; say("p " REST) }
	else if (WHAT == "L") { forget(); MODE = "L" }
	else if (WHAT == "K") { say("k " path_of(REST)); MODE = "K" }
	else if (WHAT == "D" || WHAT == "N" || WHAT == "T" || WHAT == "W") {
		AT = WHAT == "T" || WHAT == "W" ? index(REST, " ") : 0
		say(tolower(WHAT) " " substr(REST, 1, AT) path_of(substr(REST, AT + 1)))
	} else if (WHAT == "M") say("m " REST)
	else if (WHAT == "Z") say("end " LINES)
	next
}
MODE == "H" {
	if (!COUNT) say(HEADER)
	COUNT = 1
	gsub(/[ \t]/, "")
	say("#" $0)
	next
}
MODE == "F" || MODE == "G" {
	if (ODD) next
	if (!COUNT && MODE == "F" && $0 ~ /^(\377\376.\001|\376\377\001)/) WIDE = 1
	if (IS_TOKEN) {
		L = $0; HID = 0; lower()
		hide(1, length(L))
		LINE = L
	} else if (WIDE) LINE = wide($0)
	else if (!index($0, "\001")) LINE = redact($0, 0)
	else if (MODE == "F") { ODD = 1; next }
	else {
		gsub(/\001/, "?")
		LINE = redact($0, 0)
	}
	HELD[++COUNT] = (HID ? "*" : "|") LINE
	next
}
MODE == "C" {
	gsub(/\001/, "?")
	say(MARK redact($0, 0))
	next
}
MODE == "P" {
	CHAR = substr($0, 1, 1)
	forget()
	say("." CHAR (CHAR == "a" || CHAR == "v" ? redact(substr($0, 2), 1) : name_of(substr($0, 2))))
	next
}
MODE == "K" { say("> " name_of($0)); MODE = ""; next }
MODE == "L" {
	if (match($0, /^\/proc\/[0-9]+\/fd:$/)) OWNER = substr($0, 7, RLENGTH - 10)
	else if (match($0, /socket:\[[0-9]+\]$/)) say("i " OWNER " " substr($0, RSTART + 8, RLENGTH - 9))
	else if (match($0, /\/proc\/[0-9]+\/[a-z]+[a-z\/]* -> /)) say("l " substr($0, RSTART, RLENGTH) name_of(substr($0, RSTART + RLENGTH)))
	next
}
'

{
	exec 3>&1
	stream
} | awk -v ROOT="$ROOT" "$redact"
