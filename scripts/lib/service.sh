# shellcheck shell=bash
# A service on this machine for a camera that somebody looks at. Needs $root,
# say.sh, cache.sh and install.sh.
# shellcheck disable=SC2154 # set by whoever includes this

readonly service_start_deadline_s=30

need_service() {
    need ffmpeg
    need_rust
    need_node
    "$root/scripts/build-player"
}

# The service's command, configured in $service_dir.
cloud() {
    env -u PORT -u ZEROCAM_SIGNING_KEY "$service_programs/zerocam-cloud" \
        --config "$service_dir/zerocam-cloud.toml" "$@"
}

# Builds and starts it, and waits until it listens. Sets $service, its process.
# Links keep working from one time to the next.
# Usage: start_service PORT DIR
start_service() {
    local port=$1 signing_key=$cache_dir/demo/signing-key began=$SECONDS
    service_dir=$2 service_programs=${CARGO_TARGET_DIR:-$root/target}/debug
    cargo build --locked --manifest-path "$root/Cargo.toml" --package zerocam-cloud
    if [[ ! -s $signing_key ]]; then
        mkdir -p "$cache_dir/demo"
        (umask 077 && "$service_programs/zerocam-cloud" signing-key >"$signing_key")
    fi
    cat >"$service_dir/zerocam-cloud.toml" <<TOML
listen = "0.0.0.0:$port"
plain_http = true
signing_key_file = "$signing_key"
TOML
    : >"$service_dir/service.log"
    env -u PORT -u ZEROCAM_SIGNING_KEY "$service_programs/zerocam-cloud" \
        --config "$service_dir/zerocam-cloud.toml" run >"$service_dir/service.log" 2>&1 &
    service=$!
    until grep -q '^listening on ' "$service_dir/service.log"; do
        kill -0 $service 2>/dev/null || give_up "the service" service
        ((SECONDS < began + service_start_deadline_s)) || die "the service does not listen"
        sleep 0.1
    done
}

# What a program that has ended said last.
# Usage: give_up NAME LOG
give_up() {
    complain "$1 has ended:"
    tail -n 5 "$service_dir/$2.log" >&2
    exit 1
}

# Prints a link to a camera's page with a code for a phone, at the address that
# this machine has towards others; nothing is sent.
# Usage: print_link CAMERA PORT
print_link() {
    local address
    address=$(ip -4 route get 192.0.2.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p') || true
    [[ -n $address ]] || address=$(hostname -I 2>/dev/null | cut -d' ' -f1) || true
    [[ -n $address ]] || address=127.0.0.1
    cloud link "$1" --control --url "http://$address:$2" --qr
}
