# Turns what a program says of itself (--help, or keyferryd --print-config) into mdoc(7).
# part: which part of it: options, exit, examples, or about, the text alone; for a configuration, config.

function escape(text) {
    gsub(/\\/, "\\e", text)
    if (text ~ /^[.']/)
        text = "\\&" text
    return text
}

# Text, each sentence on a line of its own, as mdoc wants it.
function put(text) {
    while (match(text, /[A-Za-z0-9)]\. [A-Z]/)) {
        print escape(substr(text, 1, RSTART + 1))
        text = substr(text, RSTART + 3)
    }
    print escape(text)
}

# Words of a macro's line: those that are macros themselves, and what would end it, are text.
function words(text,   n, i, list, out) {
    n = split(text, list, " ")
    for (i = 1; i <= n; i++)
        out = out (i > 1 ? " " : "") (list[i] ~ /^([A-Z][a-z]|[.,:;()|?!\[\]])$/ ? "\\&" list[i] : list[i])
    return escape(out)
}

# "-c, --config FILE" as flags and their argument.
function flags(text,   n, i, list, out) {
    n = split(text, list, " ")
    for (i = 1; i <= n; i++)
        if (list[i] ~ /^-/) {
            sub(/,$/, "", list[i])
            out = out (out == "" ? "" : " , ") "Fl " substr(list[i], 2)
        } else {
            out = out " Ar " words(list[i])
        }
    return out
}

function list_end() {
    if (in_list)
        print ".El"
    in_list = 0
}

function item(text) {
    if (!in_list)
        print ".Bl -tag -width Ds"
    in_list = 1
    print ".It " text
}

# ---- help ----

# A line of a list: what, and behind two blanks or more what it does.
function list_line(line,   at, what, parts, n) {
    sub(/^ +/, "", line)
    n = split(line, parts, /   */)
    what = parts[1]
    for (at = 2; at < n; at++)
        what = what " " parts[at]
    if (what ~ /^-/)
        item(flags(what))
    else
        item("Cm " words(what))
    if (n > 1)
        put(parts[n])
}

part == "config" { configure($0); next }
FNR == 1 { section = "usage" }
section == "usage" { if ($0 == "") section = "text"; next }
/^Exit status:/ {
    section = "exit"
    sub(/^Exit status: */, "")
    if ($0 == "")
        next
    $0 = toupper(substr($0, 1, 1)) substr($0, 2)
}
/^Examples?:/ { section = "examples"; next }
/^[^ ].*:$/ && section != "exit" {
    if (part == "options") {
        list_end()
        print ".Ss " substr($0, 1, length($0) - 1)
    }
    section = "options"
    next
}
$0 == "" {
    if (section == "exit")
        section = "text"
    gap = 1
    next
}
section == "exit" && /^  [0-9]+  / {
    if (part == "exit") {
        item($1)
        put(substr($0, match($0, /[^ 0-9]/)))
    }
    next
}
section == "exit" { if (part == "exit") put($0); next }
section == "examples" { if (part == "examples") print escape(substr($0, 3)); next }
part == "about" && section == "text" { put($0); next }
part != "options" { next }
/^         / { sub(/^ +/, ""); put($0); next }
/^  / { list_line($0); gap = 0; next }
{
    list_end()
    if (gap && said)
        print ".Pp"
    gap = 0
    said = 1
    put($0)
}
END { list_end() }

# ---- configuration ----

function configure(line,   key, preset, choice) {
    if (line ~ /^;?\[/) {
        list_end()
        gsub(/[;\[\]]/, "", line)
        if (line ~ /^host/)
            line = "host." "<UUID>"
        print ".Ss [" line "]"
        if (line ~ /^host/ && doc != "")
            put(sentence(doc))
        doc = ""
    } else if (line ~ /^; /) {
        doc = substr(line, 3)
    } else if (line ~ /^;/) {
        key = substr(line, 2, index(line, " =") - 2)
        preset = substr(line, index(line, " =") + 3)
        item("Cm " key (preset == "" ? "" : " = Ns Ar " words(preset)))
        if (match(doc, / \[[^\]]*\]$/)) {
            choice = substr(doc, RSTART + 2, RLENGTH - 3)
            doc = substr(doc, 1, RSTART - 1)
        }
        put(sentence(doc))
        if (choice != "")
            print escape((choice ~ / to / ? "" : "One of ") choice ".")
        doc = ""
    }
}

function sentence(text) {
    return toupper(substr(text, 1, 1)) substr(text, 2) (text ~ /\.$/ ? "" : ".")
}
