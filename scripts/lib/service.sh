# shellcheck shell=bash
# A service on this machine for a camera that somebody looks at. Needs $root,
# say.sh, cache.sh, install.sh and toml.sh.
# shellcheck disable=SC2154 # set by whoever includes this

readonly service_start_deadline_s=30
# Bash reports a killed program in its own words, unless it has a trap for the
# signal. This one never runs.
# shellcheck disable=SC2173
trap : KILL

# The port that was asked for.
# Usage: port_number TEXT
port_number() {
    [[ $1 =~ ^[1-9][0-9]{0,4}$ && $1 -le 65535 ]] || usage_error "--port wants a number from 1 to 65535"
    say "$1"
}

# Builds it, and other packages with it: by itself, cargo would build it anew with
# other features.
# Usage: need_service zerocam-cloud [PACKAGE...]
need_service() {
    need ffmpeg
    need_rust
    need_node
    "$root/scripts/build-player"
    say "building"
    (cd "$root" && cargo build --locked "${@/#/--package=}")
    service_programs=$(cd "$root" && realpath "${CARGO_TARGET_DIR:-target}")/debug
}

# The service's command, configured in $service_dir.
cloud() {
    env -u PORT -u ZEROCAM_SIGNING_KEY "$service_programs/zerocam-cloud" \
        --config "$service_dir/zerocam-cloud.toml" "$@"
}

# Says how it is to run. Links keep working from one time to the next.
# Usage: configure_service PORT DIR
configure_service() {
    local signing_key=$cache_dir/demo/signing-key
    service_port=$1 service_dir=$2
    if [[ ! -s $signing_key ]]; then
        mkdir -p "$cache_dir/demo"
        (umask 077 && "$service_programs/zerocam-cloud" signing-key >"$signing_key")
    fi
    cat >"$service_dir/zerocam-cloud.toml" <<TOML
listen = "0.0.0.0:$service_port"
plain_http = true
signing_key_file = $(quoted "$signing_key")
TOML
}

# Starts it, and waits until it listens. Sets $service, its process.
start_service() {
    local began=$SECONDS
    : >"$service_dir/service.log"
    env -u PORT -u ZEROCAM_SIGNING_KEY "$service_programs/zerocam-cloud" \
        --config "$service_dir/zerocam-cloud.toml" run >"$service_dir/service.log" 2>&1 &
    service=$!
    until grep -q '^listening on ' "$service_dir/service.log"; do
        if ! kill -0 "$service" 2>/dev/null; then
            ! grep -q 'is taken by another program' "$service_dir/service.log" ||
                die "port $service_port is taken by another program: choose another one with --port"
            has_ended "the service" service "$service"
        fi
        ((SECONDS < began + service_start_deadline_s)) ||
            give_up "the service does not listen after $service_start_deadline_s s" service
        sleep 0.1
    done
}

# Gives up because a program has ended.
# Usage: has_ended NAME LOG PID
has_ended() {
    local status=0 how
    wait "$3" 2>/dev/null || status=$?
    how="has ended with status $status"
    ((status <= 128)) || how="was killed by SIG$(kill -l "$status")"
    give_up "$1 $how" "$2"
}

# Usage: give_up WHAT LOG
give_up() {
    complain "$1; its last words:"
    tail -n 5 "$service_dir/$2.log" >&2
    exit 1
}

# Ends processes, which may take a moment to say goodbye; at once when Ctrl-C is
# pressed again.
# Usage: end_processes PID...
end_processes() {
    (($#)) || return 0
    # shellcheck disable=SC2064 # these processes
    trap "kill -KILL $* 2>/dev/null" INT TERM
    kill "$@" 2>/dev/null || true
    # A signal ends the first.
    wait "$@" 2>/dev/null || wait "$@" 2>/dev/null || true
}

# Prints a link to a camera's page at the address that this machine has towards
# others; nothing is sent. Before it, where there is room, a code for a phone: what
# comes last stays in view. Sets $link.
# Usage: print_link CAMERA
print_link() {
    local address code width LC_ALL=C.UTF-8
    address=$(ip -4 route get 192.0.2.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p') || true
    [[ -n $address ]] || address=$(hostname -I 2>/dev/null | cut -d' ' -f1) || true
    [[ -n $address ]] || address=127.0.0.1
    code=$(cloud link "$1" --control --url "http://$address:$service_port" --qr)
    link=${code%%$'\n'*} code=${code#*$'\n'}
    width=${code%%$'\n'*} width=${#width}
    if [[ ! -t 1 ]] || ((width <= ${COLUMNS:-80})); then say "$code"; fi
    say "$link"
}
