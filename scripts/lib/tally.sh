# shellcheck shell=bash
# Counts what passed and failed over all kinds of runners. A stage appends to
# the file $TALLY, one line each: passed, failed, what. Needs say.sh.

tally() {
    printf '%d %d %s\n' "$1" "$2" "$3" >>"$TALLY"
}

# Runs a command that passes or fails as a whole. Goes on in either case.
# Usage: check LABEL COMMAND...
check() {
    local label=$1
    shift
    say "-- $label"
    if "$@"; then
        tally 1 0 "$label"
    else
        complain "$label failed: $*"
        tally 0 1 "$label"
    fi
}

# Runs nextest and counts its tests. What it did not run (a skipped test, or
# those after an interrupt) counts as failed.
# Usage: check_nextest LABEL ARGUMENT...
check_nextest() {
    local label=$1 output summary run of passed skipped
    shift
    say "-- $label"
    output=$(mktemp)
    cargo nextest run --locked --no-fail-fast "$@" 2>&1 | tee "$output" || true
    # Summary [ 0.9s] 35/36 tests run: 34 passed (1 slow), 1 failed, 0 skipped
    summary=$(sed 's/\x1b\[[0-9;]*m//g' "$output" | grep -E '^ *Summary \[' | tail -n1) || true
    rm "$output"
    if [[ ! $summary =~ ([0-9]+)(/([0-9]+))?\ tests?\ run:\ ([0-9]+)\ passed ]]; then
        complain "$label: no tests were run"
        tally 0 1 "$label"
        return
    fi
    run=${BASH_REMATCH[1]} of=${BASH_REMATCH[3]:-$run} passed=${BASH_REMATCH[4]}
    [[ $summary =~ ([0-9]+)\ skipped ]] && skipped=${BASH_REMATCH[1]}
    tally "$passed" $((of - passed + ${skipped:-0})) "$label"
}

# Runs a vitest project of the player and counts its tests, likewise.
# Usage: check_vitest LABEL FOLDER ARGUMENT...
check_vitest() {
    local label=$1 folder=$2 report
    shift 2
    say "-- $label"
    report=$(mktemp)
    (cd "$folder" && npx --no-install vitest run --reporter=default --reporter=json \
        --outputFile.json="$report" "$@") || true
    local counts
    counts=$(node -e '
        const r = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
        const failed = r.numTotalTests - r.numPassedTests;
        console.log(r.numPassedTests, r.success || failed ? failed : 1);
    ' "$report") || counts='0 1'
    rm -f "$report"
    # shellcheck disable=SC2086 # two numbers
    tally $counts "$label"
}
