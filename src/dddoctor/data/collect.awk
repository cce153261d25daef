# Second half of collect.sh: takes the stream that its first half writes and hides the secrets in it. dddoctor/collector.py puts the two together.
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
	# What YAML would take for a number stays one, of the same notation.
	is_number = v ~ /^[-+]?[0-9][0-9_.:]*([eE][-+]?[0-9]*)?$/
	low = v ~ /^[0-9a-fA-F]+$/ ? "abcdef" : "bcdfghjklmnpqrstvwxz"
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
	return out
}

# Hides `len` characters of the line L from `at` on.
function hide(at, len,    v, s, e) {
	if (len < 1) return
	v = substr(L, at, len)
	e = length(v)
	while (e > 0 && substr(v, e, 1) ~ /[ \t\r]/) e--
	if (e < 1) return
	v = substr(v, 1, e)
	s = stand_in(v)
	if (s == v && !(v in ISMADE)) return
	L = substr(L, 1, at - 1) s substr(L, at + e)
	lower()
	HSTART[++HID] = at
	HEND[HID] = at + e
}

# Whether a piece of L is a stand-in's already: names are not looked for in those.
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

# A path: names and known shapes only, so that listing and headers agree whatever stands around them.
function path_of(p) {
	if (rootlen && substr(p, 1, rootlen) == ROOT) p = substr(p, rootlen + 1)
	if (p == "") p = "/"
	if (p !~ /[=:@]|[A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9]/) return p
	L = p; lower()
	shapes()
	if (LOW ~ NAMED) named()
	forget()
	return L
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
	} else if (WHAT == "Y") say("y " REST)
	else if (WHAT == "F" || WHAT == "G" || WHAT == "H") {
		NAME = REST; NUMBER = ""
		if (WHAT == "G") { AT = index(REST, " "); NUMBER = substr(REST, 1, AT); NAME = substr(REST, AT + 1) }
		forget()
		MODE = WHAT; COUNT = 0; ODD = 0; is_code_file = 0
		HEADER = (WHAT == "F" ? "f " : WHAT == "G" ? "g " : "h ") NUMBER path_of(NAME)
	} else if (WHAT == "E") {
		if (MODE == "F" || MODE == "G") {
			say(ODD ? "o" substr(HEADER, 2) : HEADER)
			if (!ODD) for (I = 1; I <= COUNT; I++) say(HELD[I])
		}
		if (MODE != "") say("e")
		for (I = 1; I <= COUNT; I++) delete HELD[I]
		COUNT = 0; MODE = ""
		forget()
	} else if (WHAT == "C") { forget(); MODE = "C"; MARK = "|"; say("c " REST) }
	else if (WHAT == "R") { say("r " REST) }
	else if (WHAT == "X") { forget(); MARK = "!" }
	else if (WHAT == "P") { forget(); MODE = "P"; say("p " REST) }
	else if (WHAT == "L") { forget(); MODE = "L" }
	else if (WHAT == "K") { say("k " path_of(REST)); MODE = "K" }
	else if (WHAT == "D" || WHAT == "B" || WHAT == "T" || WHAT == "N") {
		AT = WHAT == "T" ? index(REST, " ") : 0
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
	if (index($0, "\001")) { ODD = 1; next }
	LINE = redact($0, 0)
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
	if (CHAR == "a" || CHAR == "v") say(CHAR redact(substr($0, 2), 1))
	else say(CHAR path_of(substr($0, 2)))
	next
}
MODE == "K" { say("> " path_of($0)); MODE = ""; next }
MODE == "L" { if (match($0, / -> /)) say("l " $0); next }
