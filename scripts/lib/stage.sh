# shellcheck shell=bash
# What every stage begins with. $TALLY is set by scripts/test.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root
: "${TALLY:?run the stages through scripts/test}"
# shellcheck source=scripts/lib/say.sh
. "$root/scripts/lib/say.sh"
# shellcheck source=scripts/lib/cache.sh
. "$root/scripts/lib/cache.sh"
# shellcheck source=scripts/lib/install.sh
. "$root/scripts/lib/install.sh"
# shellcheck source=scripts/lib/tally.sh
. "$root/scripts/lib/tally.sh"
cd "$root" || exit
