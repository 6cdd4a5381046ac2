<?php

/**
 * Driver of Roundcube's password plugin for ispmail-passwd. It does what the driver httpapi does, with the same options
 * (password_httpapi_url, password_httpapi_var_..., password_http_client), and says why a password was not changed.
 *
 * For Roundcube 1.5 and later. Part of https://github.com/ispmail/go-ispmail, licence: MIT.
 */
class rcube_ispmail_password
{
    /** Reasons of the API for which the plugin has a text, in many languages. */
    private const LABELS = [
        'bad-credentials'  => 'passwordincorrect',
        'policy-too-short' => 'passwordshort',
        'policy-control'   => 'passwordforbidden',
        'policy-same'      => 'samepasswd',
        'policy-common'    => 'passwordnocommon',
        'policy-guessable' => 'passwordtooweak',
        'policy-breached'  => 'pwned_isdisclosed',
    ];

    /** Other reasons that the person can do something about. Roundcube puts these texts into HTML. */
    private const TEXTS = [
        'policy-too-long' => [
            'en' => 'Password is too long.',
            'de' => 'Passwort ist zu lang.',
        ],
        'policy-address' => [
            'en' => 'Password should not be made of the mail address.',
            'de' => 'Passwort sollte nicht aus der Mailadresse bestehen.',
        ],
        'policy-site' => [
            'en' => 'Password should not be made of the name of this site.',
            'de' => 'Passwort sollte nicht aus dem Namen dieser Website bestehen.',
        ],
        'limited' => [
            'en' => 'Too many attempts. Try again in %s.',
            'de' => 'Zu viele Versuche. Versuchen Sie es in %s wieder.',
        ],
        'busy' => [
            'en' => 'Too many changes at the same time. Try again in %s.',
            'de' => 'Zu viele Änderungen zur gleichen Zeit. Versuchen Sie es in %s wieder.',
        ],
        'unavailable' => [
            'en' => 'The database is not available. Try again later.',
            'de' => 'Die Datenbank ist nicht erreichbar. Versuchen Sie es später wieder.',
        ],
        'outcome-unknown' => [
            'en' => 'It is not known whether the new password was saved. Try both at the next login.',
            'de' => 'Es ist nicht bekannt, ob das neue Passwort gespeichert wurde. Versuchen Sie bei der nächsten Anmeldung beide.',
        ],
        // Everything else is about the request: Roundcube or its configuration is wrong.
        'administrator' => [
            'en' => 'Please tell the administrator.',
            'de' => 'Bitte sagen Sie es dem Administrator.',
        ],
    ];

    /**
     * Changes a password.
     *
     * @return int|array a code of the plugin, or such a code with a message
     */
    public function save($curpass, $newpass, $username)
    {
        $config = rcmail::get_instance()->config;
        $options = [
            'form_params' => [
                $config->get('password_httpapi_var_user', 'user') => $username,
                $config->get('password_httpapi_var_curpass', 'curpass') => $curpass,
                $config->get('password_httpapi_var_newpass', 'newpass') => $newpass,
            ],
            // Whose browser it is, for the log and the limits of ispmail-passwd.
            'headers' => ['Accept' => 'application/json', 'X-Forwarded-For' => rcube_utils::remote_addr()],
            'http_errors' => false,
            'allow_redirects' => false,
        ];
        // The client has the options http_client of all of Roundcube too, and passwords must not go through its proxy.
        $options += (array) $config->get('password_http_client') + ['proxy' => '', 'connect_timeout' => 3, 'timeout' => 30];

        try {
            $response = password::get_http_client()->request('POST', $config->get('password_httpapi_url'), $options);
        } catch (Exception $e) {
            // Its message has the URL, and its context may have the form: neither belongs in a log.
            $context = method_exists($e, 'getHandlerContext') ? $e->getHandlerContext() : ['request_size' => 0];
            $this->log(get_class($e) . ' ' . ($context['error'] ?? ''));

            // Without curl, nobody knows what was sent.
            return ($context['request_size'] ?? 1) > 0 ? $this->unknown() : PASSWORD_CONNECT_ERROR;
        }

        $status = $response->getStatusCode();
        $answer = json_decode((string) $response->getBody(), true);
        $reason = is_array($answer) && is_string($answer['reason'] ?? null) ? $answer['reason'] : '';
        if ($status == 200 && $reason === 'ok') {
            return PASSWORD_SUCCESS;
        }
        if (isset(self::LABELS[$reason])) {
            $length = $answer['minlength'] ?? $config->get('password_minimum_length');

            return ['code' => PASSWORD_ERROR, 'message' => $this->label(self::LABELS[$reason], ['length' => (int) $length])];
        }
        if (isset(self::TEXTS[$reason]) && $reason !== 'outcome-unknown') {
            $wait = $this->duration((int) $response->getHeaderLine('Retry-After'));

            return ['code' => PASSWORD_ERROR, 'message' => sprintf($this->text($reason), $wait)];
        }
        if (strpos($reason, 'policy-') === 0) {
            return PASSWORD_CONSTRAINT_VIOLATION; // a rule that is newer than this file
        }

        $this->log("the answer has the status {$status} and " . ($reason === '' ? 'is not from ispmail-passwd' : "is {$reason}: {$answer['detail']}"));
        if ($status < 300 || $status > 499) { // such as that of a proxy in front of it which did not wait
            return $this->unknown();
        }

        return ['code' => PASSWORD_CONNECT_ERROR, 'message' => $this->text('administrator')];
    }

    /**
     * The rules that the form shows beside the least length.
     */
    public function strength_rules()
    {
        $rules = [$this->label('passwordnocommon'), $this->text('policy-address')];
        if (!rcmail::get_instance()->config->get('password_force_save')) {
            $rules[] = $this->label('samepasswd');
        }

        return array_map('rcube::Q', $rules);
    }

    /**
     * The plugin begins every failure with its text that the password was not saved, which may not be true here.
     */
    private function unknown()
    {
        rcmail::get_instance()->load_language(null, [], ['password.internalerror' => $this->text('outcome-unknown')]);

        return PASSWORD_ERROR;
    }

    private function label($name, $vars = [])
    {
        return rcmail::get_instance()->gettext(['name' => $name, 'vars' => $vars], 'password');
    }

    private function text($reason)
    {
        $language = substr((string) rcmail::get_instance()->get_user_language(), 0, 2);

        return self::TEXTS[$reason][$language] ?? self::TEXTS[$reason]['en'];
    }

    private function duration($seconds)
    {
        return $seconds > 90 ? ceil($seconds / 60) . ' min' : max(1, $seconds) . ' s';
    }

    private function log($what)
    {
        rcube::raise_error(['code' => 600, 'file' => __FILE__, 'line' => __LINE__, 'message' => "Password plugin: ispmail: {$what}"], true, false);
    }
}
