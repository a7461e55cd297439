# shellcheck shell=bash
# What is kept between runs, outside the repository. Everything in there is
# named by a hash of what it was made from, so it is right or it is not found.
# Needs $root.
# shellcheck disable=SC2154 # set by whoever includes this

readonly cache_dir=${XDG_CACHE_HOME:-$HOME/.cache}/zerocam

# A short hash of what comes in.
hash_of_input() {
    sha256sum | cut -c1-16
}

# Makes DIR by running COMMAND with an empty directory as its last argument.
# DIR appears complete or not at all, also when two scripts want it at once.
# Usage: cached DIR COMMAND...
# (Chained with && here and in the commands: bash ignores `set -e` wherever the
# caller asks whether a function failed.)
cached() {
    local dir=$1
    shift
    [[ -d $dir ]] && return
    mkdir -p "$(dirname "$dir")"
    (
        flock 9
        [[ -d $dir ]] && exit
        rm -rf "$dir.partial" && mkdir "$dir.partial" && "$@" "$dir.partial" &&
            mv "$dir.partial" "$dir"
    ) 9>"$dir.lock"
}

# What compiled dependencies depend on: compiler and lock files.
rust_inputs() {
    { rustc -vV && cat "$root/Cargo.lock" "$root/Cargo.toml" "$root"/fuzz/Cargo.*; } | hash_of_input
}

# In CI every run has a fresh clone, so compiled dependencies are kept in the
# cache. The product's own crates are compiled anew: cargo takes files for
# unchanged by their times, which a clone does not keep; for the same reason one run
# at a time has them.
use_rust_cache() {
    [[ -z ${CARGO_TARGET_DIR:-} ]] || return 0
    export CARGO_TARGET_DIR=$cache_dir/target/$1
    mkdir -p "$CARGO_TARGET_DIR"
    exec 7<"$CARGO_TARGET_DIR"
    flock --nonblock 7 || { say "waiting for another run" && flock 7; }
    touch "$CARGO_TARGET_DIR"
    # Builds of other lock files go when they were not used for a day.
    find "$cache_dir/target" -mindepth 1 -maxdepth 1 -mtime +0 -exec rm -rf {} +
    local crate crates=()
    while read -r crate; do
        crates+=(--package "$crate")
    done < <(cargo metadata --locked --no-deps --format-version 1 |
        grep -oE '"name":"zerocam[a-z0-9-]*","version"' | cut -d'"' -f4 | sort -u)
    cargo clean --quiet --locked "${crates[@]}"
}
