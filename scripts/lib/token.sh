# shellcheck shell=bash
# Camera keys and links as the service makes them (cloud/src/access.rs), where
# python3 is at hand and the service's program is not. Secrets go from the shell
# through pipes: what stands in a command's arguments, every user of the machine
# can read.

# The token for a grant such as camera.garden.1 or view.garden.x7Kq2m.0.
token() { # SIGNING_KEY GRANT
    printf '%s\n%s\n' "$1" "$2" | python3 -c '
import base64, hashlib, hmac, sys
text, grant = sys.stdin.read().split()
key = base64.urlsafe_b64decode(text + "=")
if len(key) != 32:
    sys.exit("the signing key is not one that zerocam-cloud can read")
mac = hmac.digest(key, grant.encode(), hashlib.sha256)[:16]
print(grant + "." + base64.urlsafe_b64encode(mac).decode().rstrip("="))'
}

# The token of a new link, or of an order: RIGHT is view, control or manage; END
# is in Unix seconds, 0 for none.
link_token() { # SIGNING_KEY RIGHT CAMERA END
    token "$1" "$2.$3.$(head -c 9 /dev/urandom | base64 | tr '+/' '-_').$4"
}
