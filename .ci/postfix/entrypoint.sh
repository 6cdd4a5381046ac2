#!/usr/bin/env bash
# Runs MariaDB, then Postfix with its log on standard output. Ends a minute after the last client of MariaDB has gone: a
# test that was killed leaves nothing behind.
set -euo pipefail

# What the guide sets.
maps=mysql:/etc/postfix/mysql
postconf -e \
	"virtual_mailbox_domains = $maps-virtual-mailbox-domains.cf" \
	"virtual_mailbox_maps = $maps-virtual-mailbox-maps.cf" \
	"virtual_alias_maps = $maps-virtual-alias-maps.cf,$maps-email2email.cf"

# What the test needs. The guide hands mail to Dovecot, which refuses unknown users; virtual(8) asks the same table and
# does so too. The result of the map, 1, is the name of its mailbox. What leaves the server is thrown away. The tests talk
# from an address that Docker chose.
install -d -o mail -g mail /var/mail/sink
postconf -e \
	virtual_transport=virtual virtual_mailbox_base=/var/mail/sink virtual_minimum_uid=1 \
	"virtual_uid_maps=static:$(id -u mail)" "virtual_gid_maps=static:$(id -g mail)" \
	default_transport=discard: relay_transport=discard: local_transport=discard: \
	myhostname=mail.invalid mydestination=localhost myorigin=localhost \
	mynetworks=0.0.0.0/0 smtpd_peername_lookup=no inet_protocols=ipv4 maillog_file=/dev/stdout

docker-entrypoint.sh mariadbd &
until mariadb-admin --host=127.0.0.1 --user=root --password="$MARIADB_ROOT_PASSWORD" --silent ping &>/dev/null; do sleep 0.2; done
mariadb --host=127.0.0.1 --user=root --password="$MARIADB_ROOT_PASSWORD" --execute="
	CREATE DATABASE mailserver;
	GRANT SELECT ON mailserver.* TO mailserver@127.0.0.1 IDENTIFIED BY 'mailserver'"
postfix start-fg &

# A client from outside is a connection to port 3306 (0CEA) in the state ESTABLISHED (01) whose address here is not
# 127.0.0.1, see proc_net_tcp of the Linux kernel.
idle=0
while ((idle < 12)); do
	sleep 5
	if grep -v ' 0100007F:' /proc/net/tcp | grep -q ':0CEA [0-9A-F]*:[0-9A-F]* 01 '; then idle=0; else idle=$((idle + 1)); fi
done
