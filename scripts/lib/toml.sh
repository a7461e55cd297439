# shellcheck shell=bash
# Values in configuration files. Needs say.sh.

# A text as a TOML string.
quoted() {
    [[ $1 != *[[:cntrl:]]* ]] || die "a control character is in \"$1\""
    local text=${1//\\/\\\\}
    say "\"${text//\"/\\\"}\""
}
