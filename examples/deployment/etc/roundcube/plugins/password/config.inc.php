<?php
// Roundcube's password plugin with ispmail-passwd. Debian ships this file empty, and an option that is missing is not what
// the plugin's documentation shows as its default: all of them stand here. Needs the package php-curl for the socket, and
// 'password' among the plugins in /etc/roundcube/config.inc.php.

// Comes with ispmail-passwd and says why a password was refused. Roundcube's own httpapi does the same with these options, but
// says so only in its log.
$config['password_driver'] = 'ispmail';

// Ask for the current password, which the driver sends along.
$config['password_confirm_current'] = true;

// The same as ISPMAIL_PASSWD_MIN_LENGTH. Roundcube counts bytes, of which a letter like ü has two, and ispmail-passwd counts
// characters: what Roundcube lets pass may still be too short.
$config['password_minimum_length'] = 15;
$config['password_charset'] = 'UTF-8';
$config['password_minimum_score'] = 0;
$config['password_strength_driver'] = null;
$config['password_force_save'] = false;
$config['password_force_new_user'] = false;

// The host of the URL is not looked up: the connection goes to the socket, see below. Put no secret here: errors have the URL.
$config['password_httpapi_url'] = 'http://localhost/api/password';
$config['password_httpapi_method'] = 'POST';
$config['password_httpapi_var_user'] = 'user';
$config['password_httpapi_var_curpass'] = 'curpass';
$config['password_httpapi_var_newpass'] = 'newpass';
$config['password_httpapi_expect'] = '/^ok$/i';

$config['password_http_client'] = [
    // For a service on TCP, remove this line, and write its address into the URL.
    'curl' => [CURLOPT_UNIX_SOCKET_PATH => '/run/ispmail-passwd/api.sock'],
    // The secret, if ispmail-passwd asks for one.
    // 'auth' => ['roundcube', 'a secret of 16 bytes or more'],
    // Roundcube's other requests may go through a proxy, passwords must not.
    'proxy' => '',
    'timeout' => 30,
    'connect_timeout' => 3,
    // Or httpapi shows a refused change as a connection error.
    'http_errors' => false,
    'allow_redirects' => false,
    // Whose browser it is: for the log of ispmail-passwd and its limits. If Roundcube is behind a proxy, set its option
    // proxy_whitelist, or everybody is one client.
    'headers' => ['X-Forwarded-For' => rcube_utils::remote_addr()],
];

// The whole login name. Use '%l@%d' if people log in without a domain.
$config['password_username_format'] = '%u';
$config['password_login_exceptions'] = null;
$config['password_hosts'] = null;

// Who changed a password, in /var/log/roundcube/password.log.
$config['password_log'] = true;
