<?php
// Changes a password with a driver of Horde's Passwd, without the rest of Horde, and says what it answers. Arguments: the file with
// the backends, user, current and new password.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_NOTICE);
class Passwd_Exception extends Exception {}
$lib = '/usr/local/share/ispmail/horde/usr/share/horde/passwd/lib';
[, $file, $user, $current, $new] = $argv;
require $file;
$backend = $backends['ispmail'];
require "$lib/Driver.php";
require "$lib/Driver/{$backend['driver']}.php";
$class = "Passwd_Driver_{$backend['driver']}";
$change = new ReflectionMethod($class, '_changePassword');
$change->setAccessible(true);
try {
    $change->invoke(new $class($backend['params']), $user, $current, $new);
    echo 'changed';
} catch (Passwd_Exception $e) {
    echo trim($e->getMessage());
}
