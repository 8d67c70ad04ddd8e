#!/bin/sh
# A Redis server of Debian's packages, unpacked into .venv-redis without root and without installing anything.
#
# The newest Debian release that the machine's own package mirror carries is taken: trixie has Redis 8. A
# redis-server on PATH that is new enough is used as it is. The last line of .venv-redis/server is what starts it.
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
into=$here/.venv-redis
[ -x "$into/redis-server" ] && exec "$into/redis-server" --version

mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
  sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' | head -n 1)
if [ -z "$mirror" ] || ! command -v apt-get >/dev/null; then
  echo "tests/redis: no Debian package source here; install a redis-server (7 or newer) and put it on PATH" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/debs"
: >"$work/status"
for suite in trixie bookworm; do
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
  options="-o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State=$work
    -o Dir::State::lists=$work/lists -o Dir::State::status=$work/status -o Dir::Cache=$work -o APT::Sandbox::User=root
    -o Debug::NoLocking=1 -o Acquire::Retries=2"
  # shellcheck disable=SC2086
  apt-get $options -qq update >"$work/log" 2>&1 || continue
  # shellcheck disable=SC2086
  packages=$(apt-get $options -qq --print-uris --no-install-recommends install redis-server 2>>"$work/log" |
    sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p") || continue
  wanted=$(echo "$packages" | grep -E '^(redis-|lib)' || true)
  # shellcheck disable=SC2086
  (cd "$work/debs" && apt-get $options -qq download $wanted) >>"$work/log" 2>&1 && break
done
set -- "$work"/debs/*.deb
if [ ! -e "$1" ]; then
  sed 's/^/tests\/redis: /' "$work/log" | tail -n 3 >&2
  echo "tests/redis: Debian's redis-server could not be fetched; install one (7 or newer) and put it on PATH" >&2
  exit 1
fi

rm -rf "$into" && mkdir -p "$into"
for package in "$@"; do dpkg -x "$package" "$into/root"; done
loader=$(find "$into/root" -name 'ld-linux*.so*' | head -n 1)
libraries=$(find "$into/root" -name '*.so*' -printf '%h\n' | sort -u | paste -s -d :)
cat >"$into/redis-server" <<START
#!/bin/sh
exec "$loader" --library-path "$libraries" "$into/root/usr/bin/redis-check-rdb-is-server" "\$@"
START
sed -i "s#redis-check-rdb-is-server#redis-server#" "$into/redis-server"
chmod +x "$into/redis-server"
exec "$into/redis-server" --version
