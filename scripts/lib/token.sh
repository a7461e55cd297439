# shellcheck shell=bash
# Camera keys and links as the service makes them (cloud/src/access.rs), where
# openssl is at hand and the service's program is not.

# Base64 for addresses, without padding (RFC 4648, section 5).
base64url() {
    openssl base64 -A | tr '+/' '-_' | tr -d '='
}

# The token for a grant such as camera.garden.1 or view.garden.x7Kq2m.0.
token() { # SIGNING_KEY GRANT
    local key mac
    key=$(printf '%s=' "$1" | tr -- '-_' '+/' | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
    ((${#key} == 64)) || die "the signing key is not one that zerocam-cloud can read"
    mac=$(printf '%s' "$2" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | head -c 16 | base64url)
    printf '%s.%s\n' "$2" "$mac"
}

# The token of a new link: RIGHT is view or control; END is in Unix seconds, 0
# for none.
link_token() { # SIGNING_KEY RIGHT CAMERA END
    token "$1" "$2.$3.$(head -c 9 /dev/urandom | base64url).$4"
}
