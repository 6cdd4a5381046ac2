package hash

import (
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // Dovecot's PBKDF2 is HMAC-SHA1, which the attacks on SHA1 do not concern
	"encoding/hex"
	"fmt"
	"strings"
)

var pbkdf2SHA1 = &kind{name: "PBKDF2", strength: iterated}

// minIterations is the least that RFC 8018, section 4.2, allows. Less is feeble.
const minIterations = 1000

// parsePBKDF2 reads "$1$salt$iterations$hex": HMAC-SHA1 with the salt as the text that it is. With 0 iterations Dovecot
// takes a key of zeros for every password; that is refused. See
// https://github.com/dovecot/core/blob/2.4.1/src/lib-auth/password-scheme-pbkdf2.c.
func parsePBKDF2(payload string) (parsed, error) {
	p := parsed{kind: pbkdf2SHA1}
	fields := strings.Split(payload, "$")
	if len(fields) != 5 || fields[0] != "" || fields[1] != "1" {
		return p, ErrMalformed
	}
	iterations, ok := decimal(fields[3])
	key, err := decodeHex(fields[4])
	if !ok || iterations == 0 || err != nil || len(key) != sha1.Size {
		return p, ErrMalformed
	}
	p.cost = cost{rounds: iterations, light: true}
	p.feeble = iterations < minIterations
	p.matcher = pbkdf2Hash{salt: fields[2], key: key, iterations: iterations}
	return p, nil
}

type pbkdf2Hash struct {
	salt, key  string
	iterations int
}

func (k pbkdf2Hash) match(_, password string) bool {
	key, err := pbkdf2.Key(sha1.New, password, []byte(k.salt), k.iterations, sha1.Size)
	return err == nil && same(k.key, key)
}

var pbkdf2Recipe = &recipe{
	light:  true,
	rounds: bounds{min: minIterations, usual: 1_300_000}, // OWASP, for HMAC-SHA1
	generate: func(c *Config, password string) (string, error) {
		salt := randomText(16)
		key, err := pbkdf2.Key(sha1.New, password, []byte(salt), c.Rounds, sha1.Size)
		if err != nil {
			return "", fmt.Errorf("hash: %w", err)
		}
		return fmt.Sprintf("$1$%s$%d$%s", salt, c.Rounds, hex.EncodeToString(key)), nil
	},
}
