package hash

import (
	"strings"

	"github.com/GehirnInc/crypt/md5_crypt"
)

var md5Crypt = &kind{name: "MD5-CRYPT", refused: true}

const md5CryptRounds = 1000

func isMD5Crypt(payload string) bool { return strings.HasPrefix(payload, "$1$") }

// parseMD5Crypt reads "$1$salt$hash". A salt that starts with "rounds=" is taken for malformed, because
// GehirnInc/crypt reads it as a setting; nothing makes such salts.
func parseMD5Crypt(payload string) (parsed, error) {
	p := parsed{kind: md5Crypt, cost: cost{rounds: md5CryptRounds}}
	if !isMD5Crypt(payload) {
		return p, ErrMalformed
	}
	salt, sum, ok := strings.Cut(payload[len("$1$"):], "$")
	if !ok || len(salt) > md5_crypt.SaltLenMax || strings.HasPrefix(salt, "rounds=") || !isCrypt64(sum, 22) {
		return p, ErrMalformed
	}
	p.matcher = md5Crypted(payload)
	return p, nil
}

type md5Crypted string

func (m md5Crypted) match(_, password string) bool {
	made, err := md5_crypt.New().Generate([]byte(password), []byte(m))
	return err == nil && same(string(m), []byte(made))
}
