# shellcheck shell=bash
# lib.sh: what the scripts of this folder share; sourced, not run.
#
# None of them touches a PostgreSQL of the machine: they work on a private copy
# of its programs (scripts/private-server), with a cluster of its own behind a
# socket that only the caller can reach.

set -euo pipefail

# Where the project is; scripts may be called from anywhere.
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# The oldest PostgreSQL Echolon works with.
# shellcheck disable=SC2034
PG_OLDEST=15

# Settings of the caller must not lead psql to another server, nor its make
# flags into our builds.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE PGSERVICE PGSERVICEFILE \
	PGOPTIONS PGSSLMODE PGTZ PGDATESTYLE PGCLIENTENCODING PGDATA MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
export LC_ALL=C.UTF-8

say()
{
	printf '%s\n' "$*"
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

have()
{
	command -v "$1" >/dev/null 2>&1
}

is_root()
{
	[ "$(id -u)" = 0 ]
}

# Run as root, by sudo where need be.
as_root()
{
	if is_root; then
		"$@"
	elif have sudo; then
		sudo "$@"
	else
		die "needs root for: $* (there is no sudo here; run it as root once)"
	fi
}

# Who runs servers: PostgreSQL refuses root.
server_user()
{
	if ! is_root; then
		id -un
	elif id postgres >/dev/null 2>&1; then
		echo postgres
	else
		echo nobody
	fi
}

# Run as the one who runs servers.
as_server()
{
	if ! is_root; then
		"$@"
	elif have runuser; then
		runuser -u "$(server_user)" -- "$@"
	else
		sudo -u "$(server_user)" -- "$@"
	fi
}

# True where this pg_config is of a PostgreSQL to build for and to run.
pg_config_complete()
{
	local config=$1 major

	[ -x "$config" ] || return 1
	[ -f "$("$config" --pgxs 2>/dev/null)" ] || return 1
	[ -x "$("$config" --bindir)/initdb" ] || return 1
	[ -d "$("$config" --includedir-server)" ] || return 1
	major=$("$config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
	[ "$major" -ge "$PG_OLDEST" ]
}

# Print the pg_config to use: PG_CONFIG, else the newest complete one.
find_pg_config()
{
	local config

	if [ -n "${PG_CONFIG:-}" ]; then
		config=$(command -v "$PG_CONFIG") || return 1
		pg_config_complete "$config" || return 1
		echo "$config"
		return 0
	fi
	while read -r config; do
		if pg_config_complete "$config"; then
			echo "$config"
			return 0
		fi
	done < <(
		printf '%s\n' /usr/lib/postgresql/*/bin/pg_config /usr/pgsql-*/bin/pg_config |
			sort -t/ -k5 -Vr
		command -v pg_config || true
	)
	return 1
}

# Make a folder that the server's user can reach and run programs in, with a
# short name, since a socket's path ends at 107 characters.
make_work_dir()
{
	local base dir

	for base in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
		[ "${#base}" -le 40 ] || continue
		dir=$(mktemp -d "$base/echolon-$1.XXXXXX" 2>/dev/null) || continue
		chmod 755 "$dir"
		cp "$(type -P true)" "$dir/probe"
		if (cd / && as_server "$dir/probe") 2>/dev/null; then
			rm "$dir/probe"
			echo "$dir"
			return 0
		fi
		rm -rf "$dir"
	done
	die "found no folder for a server: tried TMPDIR, /tmp and /var/tmp"
}

# Copy the project's files to a folder: the checkout may lie where the server's
# user cannot read, and a build there must not mix with the user's own.
copy_project()
{
	mkdir -p "$1"
	tar -C "$TOP" --exclude=./.git --exclude=./.demo --exclude=./.bench --exclude=node_modules --exclude='*.o' --exclude='*.so' \
		--exclude='./echolon--*.sql' --exclude=./results --exclude=./output_iso --exclude=./tmp_check --exclude=./build --exclude=./test/unit/build \
		-cf - . | tar -C "$1" --no-same-owner -xf -
}
