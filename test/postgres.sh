#!/bin/sh
# A throwaway PostgreSQL for tests, on loopback, from Debian's packages (installed if missing, which needs root).
#
#   dsn=$(test/postgres.sh start DIR)   DIR must not exist; prints the address, for SEKISHO_TEST_POSTGRES
#   test/postgres.sh stop DIR           stops it and removes DIR
set -eu

fail() { echo "postgres.sh: $*" >&2; exit 1; }

[ $# -eq 2 ] || fail "usage: postgres.sh start|stop DIR"
action=$1 dir=$2

find_bin() {
	for b in /usr/lib/postgresql/*/bin; do
		[ -x "$b/initdb" ] && bin=$b
	done
	[ -n "${bin:-}" ]
}

# PostgreSQL refuses to run as root.
as() {
	if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

case $action in
start)
	[ ! -e "$dir" ] || fail "$dir exists"
	if ! find_bin; then
		command -v apt-get >/dev/null || fail "no PostgreSQL server here, and no apt-get to install it with"
		# Without this Debian starts a server of its own on the usual port.
		mkdir -p /etc/postgresql-common
		[ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql; } >&2
		find_bin || fail "PostgreSQL was not installed"
	fi
	mkdir -p "$dir"
	[ "$(id -u)" != 0 ] || chown postgres "$dir"
	cd "$dir"
	as "$bin/initdb" -D "$dir/data" -U sekisho -A trust -E UTF8 --locale=C >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
	# The first port from 54320 on that is free.
	for port in 54320 54321 54322 54323 54324 54325 54326 54327 54328 54329; do
		if as "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/log" -w -t 30 \
			-o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= -c max_connections=200" start >"$dir/start" 2>&1; then
			echo "postgres://sekisho@127.0.0.1:$port/postgres?sslmode=disable"
			exit 0
		fi
	done
	cat "$dir/start" >&2
	tail -5 "$dir/data/log" >&2
	fail "it did not start"
	;;
stop)
	find_bin || fail "no PostgreSQL server here"
	[ -f "$dir/data/PG_VERSION" ] || fail "$dir was not made by postgres.sh start"
	cd /
	as "$bin/pg_ctl" -D "$dir/data" -m fast -w stop >&2 || true
	rm -rf "$dir"
	;;
*) fail "usage: postgres.sh start|stop DIR" ;;
esac
