package movein

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/ispmail/go-ispmail/hash"
)

// passwords adds the {SCHEME} to stored passwords.
type passwords struct {
	scheme string // of values without one, "" if it is not known
	salted bool   // ViMbAdmin is configured for a digest that Dovecot does not know
}

// schemes are the schemes of Dovecot, by settings of the programs that name them otherwise. See pacrypt in
// https://github.com/postfixadmin/postfixadmin/blob/v4.0.5/functions.inc.php and
// https://github.com/opensolutions/ViMbAdmin/blob/3.4.1/library/OSS/Auth/Password.php.
var schemes = map[string]string{
	"md5crypt":      "CRYPT",
	"system":        "CRYPT",
	"mysql_encrypt": "CRYPT",
	"md5":           "PLAIN-MD5",
	"cleartext":     "PLAIN",
	"sha512.b64":    "SHA512-CRYPT.B64",
	"authlib":       "", // its values have a prefix
	"plain":         "PLAIN",
	"plaintext":     "PLAIN",
	"bcrypt":        "BLF-CRYPT",
	"sha1":          "SHA",
}

// newPasswords understands [Config.Scheme].
func newPasswords(setting string) (*passwords, error) {
	p := &passwords{}
	name := strings.ToLower(setting)
	scheme, known := schemes[name]
	switch {
	case known:
		p.scheme = scheme
	case name == "md5-salted", name == "sha1-salted", name == "md5.salted", name == "sha1.salted":
		p.salted = true
	case name == "php_crypt", strings.HasPrefix(name, "php_crypt:"), strings.HasPrefix(name, "crypt:"):
		p.scheme = "CRYPT"
	default:
		p.scheme = strings.ToUpper(strings.TrimPrefix(name, "dovecot:"))
	}
	if _, err := hash.New(hash.Config{Default: p.scheme}); err != nil {
		return nil, fmt.Errorf("movein: Scheme %q is neither a scheme of Dovecot nor a setting of PostfixAdmin or ViMbAdmin", setting)
	}
	return p, nil
}

// stored returns a value with its {SCHEME}. If that is not known, it returns the code and the message of a [Note].
func (p *passwords) stored(value string) (stored string, code Code, message string) {
	const raw = "{md5raw}" // of Courier
	switch {
	case value == "":
		return "", CodeEmptyPassword, "it has no password"
	case len(value) > len(raw) && strings.EqualFold(value[:len(raw)], raw):
		return "{PLAIN-MD5}" + value[len(raw):], "", ""
	case value[0] == '{' && strings.Contains(value, "}"):
		return unwrapBase64(value), "", ""
	}
	// A value that begins with $ shows its scheme, unless it is clear text.
	candidates := []string{p.scheme}
	if value[0] == '$' {
		candidates = append(candidates, "CRYPT", "ARGON2ID", "ARGON2I")
	}
	for _, scheme := range candidates {
		if stored := "{" + scheme + "}" + value; scheme != "" && isSound(stored) {
			return stored, "", ""
		}
	}
	switch {
	case p.salted:
		return "", CodeSaltedPassword, "its password is a digest with a salt, which Dovecot cannot verify; set a new one"
	case p.scheme == "":
		return "", CodeUnknownPassword, "its password has no {SCHEME}; give the scheme that the program is configured with"
	}
	return "", CodeUnknownPassword, "its password has no {SCHEME} and is not of " + p.scheme
}

// unwrapBase64 decodes a value of a scheme such as {SHA512-CRYPT.B64}, whose payload needs no base64. PostfixAdmin writes such
// values of 162 characters with the setting sha512.b64. The column of the guide holds 150.
func unwrapBase64(stored string) string {
	label, payload, _ := strings.Cut(stored[1:], "}")
	scheme, suffix, _ := strings.Cut(strings.ToUpper(label), ".")
	if suffix != "B64" && suffix != "BASE64" || !strings.HasSuffix(scheme, "CRYPT") {
		return stored
	}
	text, err := base64.StdEncoding.DecodeString(payload)
	if shorter := "{" + scheme + "}" + string(text); err == nil && isSound(shorter) {
		return shorter
	}
	return stored
}

// isSound reports whether a value has the form of its scheme.
func isSound(stored string) bool {
	_, err := hash.Inspect(stored)
	return err == nil || errors.Is(err, hash.ErrTooCostly) || errors.Is(err, hash.ErrUnsupported)
}
