#!/bin/sh
# A Redis server out of Debian's packages, unpacked into .venv-redis: nothing is installed and no root is needed.
#
# The packages come from the mirror that this machine's own apt uses, of the newest release that it carries (trixie
# has Redis 8), and run with the libraries and the loader of that release. Elsewhere a redis-server on PATH will do.
set -eu

into=$(cd "$(dirname "$0")/../.." && pwd)/.venv-redis
if [ -x "$into/redis-server" ]; then exec "$into/redis-server" --version; fi
if command -v redis-server; then exec redis-server --version; fi

fail() {
  echo "tests/redis/setup.sh: $1; install a redis-server (7 or newer) and put it on PATH" >&2
  exit 1
}
command -v apt-get >/dev/null || fail "no apt here"
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
  sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' | head -n 1)
[ -n "$mirror" ] || fail "apt has no package source"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/packages"
touch "$work/status"

# apt with folders of its own, so that the machine's package lists stay as they are.
apt() {
  apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State="$work" \
    -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache="$work" \
    -o APT::Sandbox::User=root -o Debug::NoLocking=1 "$@" 2>>"$work/log"
}

fetch() {
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$work/sources.list"
  apt update || return 1
  needed=$(apt --print-uris --no-install-recommends install redis-server | sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p" |
    grep -E '^(redis-|lib)') || return 1
  # shellcheck disable=SC2086 # one word for each package
  (cd "$work/packages" && apt download $needed)
}

fetch trixie || fetch bookworm || fail "Debian's packages could not be fetched: $(tail -n 1 "$work/log")"

mkdir -p "$into"
for package in "$work"/packages/*.deb; do dpkg -x "$package" "$into/root"; done
loader=$(find "$into/root/usr/lib" -name 'ld-linux*.so*' | head -n 1)
libraries=$(dirname "$loader")
printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$loader" "$libraries" "$into/root/usr/bin/redis-server" \
  >"$into/redis-server"
chmod +x "$into/redis-server"
exec "$into/redis-server" --version
