<?php
// Roundcube of a mail server after the ISPmail guide; see /usr/share/roundcube/config/defaults.inc.php.
$config = [];

// The database of Roundcube itself, with the account that Debian's package has made.
include '/etc/roundcube/debian-db-roundcube.php';

// Dovecot and Postfix are on this machine. With a real certificate, take its name instead of localhost, and leave out the
// two options.
$config['imap_host'] = 'tls://localhost:143';
$config['smtp_host'] = 'tls://localhost:587';
$config['imap_conn_options'] = ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false]];
$config['smtp_conn_options'] = ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false]];
$config['smtp_user'] = '%u';
$config['smtp_pass'] = '%p';

$config['product_name'] = 'Webmail of example.org';
// 24 random characters of your own: openssl rand -base64 18
$config['des_key'] = 'ChangeMe-ChangeMe-Change';
$config['plugins'] = ['archive', 'password'];
$config['skin'] = 'elastic';
// Debian keeps logs here.
$config['log_dir'] = '/var/log/roundcube/';
$config['temp_dir'] = '/var/lib/roundcube/temp/';
