#!/usr/bin/env bash
# Runs mariadbd with the password of root taken from MARIADB_ROOT_PASSWORD.
set -euo pipefail

[[ ${1-} != -* ]] || set -- mariadbd "$@"
[[ ${1-} == mariadbd ]] || exec "$@"

: "${MARIADB_ROOT_PASSWORD:?must be set}"

if [[ $EUID == 0 ]]; then
	data=/var/lib/mysql
	[[ -d $data/mysql ]] || cp -a /var/lib/mysql-template/. "$data"
	chown mysql: "$data"
	exec setpriv --reuid=mysql --regid=mysql --init-groups "$0" "$@"
fi

# A here-document keeps the password off the disk and the command line. The mode
# makes the quote the only character to be escaped, whatever the arguments say.
exec "$@" --init-file=/dev/fd/3 3<<SQL
SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';
CREATE USER IF NOT EXISTS root@'%';
GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION;
ALTER USER root@localhost, root@'%' IDENTIFIED BY '${MARIADB_ROOT_PASSWORD//\'/\'\'}';
SQL
