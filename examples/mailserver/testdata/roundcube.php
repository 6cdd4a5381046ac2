<?php
// What Roundcube's password plugin says after what the driver got, in a language. In: JSON on standard input, a list of answers
// ([status, headers, body]) or words: refused, silent, proxy. Out: JSON, the messages.
use GuzzleHttp\Handler\MockHandler;
use GuzzleHttp\HandlerStack;
use GuzzleHttp\Psr7\Response;

define('INSTALL_PATH', '/var/lib/roundcube/');
require INSTALL_PATH . 'program/include/clisetup.php';
[$language, $cases] = json_decode(stream_get_contents(STDIN), true);
$_SERVER['REMOTE_ADDR'] = '192.0.2.1';
$_SESSION = ['language' => $language];
$rcmail = rcmail::get_instance();
$rcmail->storage = new class {
    public function check_connection() { return true; }
    public function close() {}
};
$rcmail->task = 'settings';
$_SESSION['storage_host'] = 'localhost';
// The user John. A session would have him from the database.
$rcmail->set_user(new rcube_user(null, ['user_id' => 1, 'username' => 'john@example.org', 'language' => $language, 'preferences' => '']));

$messages = [];
foreach ($cases as $case) {
    $plugin = new password($rcmail->plugins);
    $plugin->load_config();
    (function () use ($rcmail) { $this->rc = $rcmail; })->call($plugin);
    (function () { $this->texts = []; })->call($rcmail); // what a request before this one has put there
    $plugin->add_texts('localization/');
    $client = $rcmail->config->get('password_http_client');
    $url = 'http://localhost/api/password';
    $rcmail->config->set('http_client', []);
    $silent = null;
    if (is_array($case)) {
        $client['handler'] = HandlerStack::create(new MockHandler([new Response(...$case)]));
    } elseif ($case === 'refused') {
        unset($client['curl']);
        $url = 'http://roundcube:canary-of-the-url@127.0.0.1:9/api/password';
        $client['auth'] = ['roundcube', 'canary-of-auth'];
    } elseif ($case === 'silent') {
        unset($client['curl']);
        $silent = stream_socket_server('tcp://127.0.0.1:0'); // whose backlog takes the connection
        $url = 'http://' . stream_socket_get_name($silent, false) . '/api/password';
        $client['timeout'] = 1;
    } elseif ($case === 'proxy') { // to the service itself
        $rcmail->config->set('http_client', ['proxy' => 'http://127.0.0.1:9']);
        unset($client['proxy']);
    }
    $rcmail->config->set('password_http_client', $client);
    $rcmail->config->set('password_httpapi_url', $url);
    $save = new ReflectionMethod($plugin, '_save');
    $save->setAccessible(true);
    $messages[] = $save->invoke($plugin, 'canary current', 'canary a long enough secret') ?? 'saved';
}
echo json_encode($messages);
