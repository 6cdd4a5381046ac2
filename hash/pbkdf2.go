package hash

import (
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // Dovecot's PBKDF2 is HMAC-SHA1, which the attacks on SHA1 do not concern
	"encoding/hex"
	"fmt"
	"strings"
)

var pbkdf2SHA1 = &algorithm{name: "PBKDF2", strength: Iterated, notFIPS: true}

const (
	minIterations = 1000      // the least of RFC 8018, section 4.2; less is weak
	pbkdf2Rounds  = 1_300_000 // OWASP, for HMAC-SHA1
)

// parsePBKDF2 reads "$1$salt$iterations$hex": HMAC-SHA1 with the salt as the text that it is. With 0 iterations Dovecot
// takes a key of zeros for every password; that is refused. See
// https://github.com/dovecot/core/blob/2.4.1/src/lib-auth/password-scheme-pbkdf2.c.
func parsePBKDF2(payload string) (parsed, error) {
	p := parsed{algorithm: pbkdf2SHA1}
	fields := strings.Split(payload, "$")
	if len(fields) != 5 || fields[0] != "" || fields[1] != "1" {
		return p, ErrMalformed
	}
	iterations, ok := decimal(fields[3])
	key, err := decodeHex(fields[4])
	if !ok || iterations == 0 || err != nil || len(key) != sha1.Size {
		return p, ErrMalformed
	}
	p.cost = lightRounds(iterations)
	p.feeble = iterations < minIterations
	p.matcher = pbkdf2Hash{salt: fields[2], key: key, iterations: iterations}
	return p, nil
}

type pbkdf2Hash struct {
	salt, key  string
	iterations int
}

func (k pbkdf2Hash) match(_, password string) (bool, error) {
	key, err := pbkdf2.Key(sha1.New, password, []byte(k.salt), k.iterations, sha1.Size)
	return err == nil && equal(k.key, key), err
}

var pbkdf2Generator = &generator{
	light:  true,
	rounds: Range{Min: minIterations, Default: pbkdf2Rounds},
	length: Range{Min: 73, Max: 76, Default: 76},
	generate: func(c *Config, password string) (string, error) {
		salt := randomText(16)
		key, err := pbkdf2.Key(sha1.New, password, []byte(salt), c.Rounds, sha1.Size)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("$1$%s$%d$%s", salt, c.Rounds, hex.EncodeToString(key)), nil
	},
}
