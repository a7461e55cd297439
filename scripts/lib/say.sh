# shellcheck shell=bash
# What the scripts print: plain lines, in colour on a terminal.

if [[ -t 1 ]]; then
    readonly bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
else
    readonly bold='' red='' plain=''
fi

heading() {
    printf '\n%s== %s%s\n' "$bold" "$*" "$plain"
}

say() {
    printf '%s\n' "$*"
}

complain() {
    printf '%s%s%s\n' "$red" "$*" "$plain" >&2
}

die() {
    complain "$@"
    exit 1
}

# For a command line that is wrong. The script has a function `usage`.
usage_error() {
    usage >&2
    complain "$@"
    exit 64
}

# Seconds as 1:07.
clock() {
    printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}
