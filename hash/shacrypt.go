package hash

import (
	"crypto/sha256"
	"crypto/sha512"
	"strconv"
	"strings"
)

var (
	sha256Crypt = &algorithm{name: "SHA256-CRYPT", strength: Iterated}
	sha512Crypt = &algorithm{name: "SHA512-CRYPT", strength: Iterated}

	sha256Crypter = newSHACrypter(sha256Crypt, "$5$", sha256.New, [3]int{2, 0, 1})
	sha512Crypter = newSHACrypter(sha512Crypt, "$6$", sha512.New, [3]int{1, 2, 0})
)

// Limits of crypt(3) in libxcrypt for $5$ and $6$.
const (
	minRounds     = 1000
	maxRounds     = 999_999_999
	defaultRounds = 5000
	maxSHASalt    = 16
	roundsPrefix  = "rounds="
)

// parse reads "$5$[rounds=N$]salt$hash" as strictly as libxcrypt does, so that nothing verifies here that does not
// verify in Dovecot. See https://www.akkadia.org/drepper/SHA-crypt.txt.
func (c *shaCrypter) parse(payload string) (parsed, error) {
	p := parsed{algorithm: c.algorithm}
	rest := payload[len(c.prefix):]
	rounds := defaultRounds
	if strings.HasPrefix(rest, roundsPrefix) {
		digits, salted, _ := strings.Cut(rest[len(roundsPrefix):], "$")
		n, ok := canonicalDecimal(digits)
		if !ok || n < minRounds || n > maxRounds {
			return p, ErrMalformed
		}
		rounds, rest = n, salted
	}
	salt, sum, _ := strings.Cut(rest, "$")
	if len(salt) > maxSHASalt || !isCrypt64(sum, c.textSize()) {
		return p, ErrMalformed
	}
	p.cost = shaRounds(rounds)
	p.matcher = &shaCrypted{crypter: c, rounds: rounds, salt: salt, sum: sum}
	return p, nil
}

type shaCrypted struct {
	crypter   *shaCrypter
	rounds    int
	salt, sum string
}

func (s *shaCrypted) match(_, password string) (bool, error) {
	var text [maxSHAText]byte
	return equal(s.sum, s.crypter.appendHash(text[:0], password, s.salt, s.rounds)), nil
}

// generate leaves "rounds=" out where the number is the one that crypt(3) takes without.
func (c *shaCrypter) generate(password string, rounds int) string {
	text := []byte(c.prefix)
	if rounds != defaultRounds {
		text = append(strconv.AppendInt(append(text, roundsPrefix...), int64(rounds), 10), '$')
	}
	salt := randomText(maxSHASalt)
	text = append(append(text, salt...), '$')
	return string(c.appendHash(text, password, salt, rounds))
}

var (
	sha256CryptGenerator = &generator{
		rounds: Range{Min: minRounds, Default: defaultRounds},
		length: Range{Min: 77, Max: 91, Default: 77},
		generate: func(c *Config, password string) (string, error) {
			return sha256Crypter.generate(password, c.Rounds), nil
		},
	}
	sha512CryptGenerator = &generator{
		rounds: Range{Min: minRounds, Default: defaultRounds},
		length: Range{Min: 120, Max: 134, Default: 120},
		generate: func(c *Config, password string) (string, error) {
			return sha512Crypter.generate(password, c.Rounds), nil
		},
	}
)
