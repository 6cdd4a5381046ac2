package hash

import (
	"strings"

	"github.com/GehirnInc/crypt/md5_crypt"
)

var md5Crypt = &algorithm{name: "MD5-CRYPT", refused: true, notFIPS: true}

const md5CryptRounds = 1000

func isMD5Crypt(payload string) bool { return strings.HasPrefix(payload, "$1$") }

// parseMD5Crypt reads "$1$salt$hash". A salt that starts with "rounds=" is unsupported, because GehirnInc/crypt reads it
// as a setting. Nothing makes such salts.
func parseMD5Crypt(payload string) (parsed, error) {
	p := parsed{algorithm: md5Crypt, cost: lightRounds(md5CryptRounds)}
	if !isMD5Crypt(payload) {
		return p, ErrMalformed
	}
	salt, sum, ok := strings.Cut(payload[len("$1$"):], "$")
	switch {
	case !ok || len(salt) > md5_crypt.SaltLenMax || !isCrypt64(sum, 22):
		return p, ErrMalformed
	case strings.HasPrefix(salt, roundsPrefix):
		return p, ErrUnsupported
	}
	p.matcher = md5Crypted(payload)
	return p, nil
}

type md5Crypted string

func (m md5Crypted) match(_, password string) (bool, error) {
	made, err := md5_crypt.New().Generate([]byte(password), []byte(m))
	return err == nil && equal(string(m), []byte(made)), err
}
