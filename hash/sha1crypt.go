package hash

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // sha1crypt is verified, never generated
	"strconv"
	"strings"
)

var sha1Crypt = &algorithm{name: "sha1crypt", strength: Iterated, notFIPS: true}

// parseSHA1Crypt reads "$sha1$iterations$salt$hash", the method of NetBSD: HMAC-SHA1, its result hashed again and
// again. With 0 iterations crypt(3) hashes once. See https://github.com/besser82/libxcrypt/blob/v4.4.38/lib/crypt-pbkdf1-sha1.c.
func parseSHA1Crypt(payload string) (parsed, error) {
	p := parsed{algorithm: sha1Crypt}
	fields := strings.Split(payload, "$")
	if len(fields) != 5 {
		return p, ErrMalformed
	}
	iterations, ok := canonicalDecimal(fields[2])
	ok = ok || fields[2] == "0"
	salt, sum := fields[3], fields[4]
	if !ok || salt == "" || !isCrypt64(salt, len(salt)) || !isCrypt64(sum, 28) {
		return p, ErrMalformed
	}
	p.cost = lightRounds(iterations)
	p.feeble = iterations < minIterations
	p.matcher = sha1Crypted{iterations: iterations, salt: salt, sum: sum}
	return p, nil
}

type sha1Crypted struct {
	iterations int
	salt, sum  string
}

func (s sha1Crypted) match(_, password string) (bool, error) {
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
	return equal(s.sum, text), nil
}
