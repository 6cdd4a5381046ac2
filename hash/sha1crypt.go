package hash

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // sha1crypt is verified, never generated
	"strconv"
	"strings"
)

var sha1Crypt = &kind{name: "sha1crypt", strength: iterated}

const maxSHA1CryptSalt = 64

// parseSHA1Crypt reads "$sha1$iterations$salt$hash", the method of NetBSD: HMAC-SHA1, its result hashed again and
// again. See https://github.com/besser82/libxcrypt/blob/v4.4.38/lib/crypt-pbkdf1-sha1.c.
func parseSHA1Crypt(payload string) (parsed, error) {
	p := parsed{kind: sha1Crypt}
	fields := strings.Split(payload, "$")
	if len(fields) != 5 {
		return p, ErrMalformed
	}
	iterations, ok := canonicalDecimal(fields[2])
	salt, sum := fields[3], fields[4]
	if !ok || salt == "" || len(salt) > maxSHA1CryptSalt || !validSalt(salt) || !isCrypt64(sum, 28) {
		return p, ErrMalformed
	}
	p.cost = cost{rounds: iterations, light: true}
	p.feeble = iterations < minIterations
	p.matcher = sha1Crypted{iterations: iterations, salt: salt, sum: sum}
	return p, nil
}

type sha1Crypted struct {
	iterations int
	salt, sum  string
}

func (s sha1Crypted) match(_, password string) bool {
	m := hmac.New(sha1.New, []byte(password))
	m.Write([]byte(s.salt + "$sha1$" + strconv.Itoa(s.iterations)))
	sum := m.Sum(make([]byte, 0, sha1.Size+1))
	for range s.iterations - 1 {
		m.Reset()
		m.Write(sum)
		sum = m.Sum(sum[:0])
	}
	sum = append(sum, sum[0]) // fills the last group of three
	text := make([]byte, 0, 28)
	for ; len(sum) > 0; sum = sum[3:] {
		text = appendCrypt64(text, uint32(sum[0])<<16|uint32(sum[1])<<8|uint32(sum[2]), 4)
	}
	return same(s.sum, text)
}
