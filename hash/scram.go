package hash

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // SCRAM-SHA-1 is verified, never generated
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	gohash "hash"
	"strings"
)

// A scram is a family of schemes that store what a SCRAM server keeps (RFC 5802, section 3):
// "iterations,salt,StoredKey,ServerKey". Like Dovecot it takes the password as it is, without SASLprep.
type scram struct {
	algorithm *algorithm
	hash      func() gohash.Hash
	size      int // bytes of the hash
}

var (
	scramSHA1   = &algorithm{name: "SCRAM-SHA-1", strength: Iterated, challenge: true, notFIPS: true}
	scramSHA256 = &algorithm{name: "SCRAM-SHA-256", strength: Iterated, challenge: true, notFIPS: true}

	scram1   = scram{algorithm: scramSHA1, hash: sha1.New, size: sha1.Size}
	scram256 = scram{algorithm: scramSHA256, hash: sha256.New, size: sha256.Size}
)

const minScramIterations = 4096 // Dovecot refuses less, after RFC 7677, section 4

func (s scram) parse(payload string) (parsed, error) {
	p := parsed{algorithm: s.algorithm}
	fields := strings.Split(payload, ",")
	if len(fields) != 4 {
		return p, ErrMalformed
	}
	iterations, ok := decimal(fields[0])
	storedKey, err1 := decodeBase64(fields[2])
	serverKey, err2 := decodeBase64(fields[3])
	if !ok || iterations < minScramIterations || err1 != nil || err2 != nil ||
		len(storedKey) != s.size || len(serverKey) != s.size {
		return p, ErrMalformed
	}
	p.cost = lightRounds(iterations)
	p.matcher = scramHash{scram: s, iterations: iterations, salt: scramSalt(fields[1]), storedKey: storedKey}
	return p, nil
}

// scramSalt decodes as much of the text as is base64: Dovecot ignores that the rest is none.
func scramSalt(text string) []byte {
	text = withoutSpace.Replace(text)
	salt := make([]byte, base64.RawStdEncoding.DecodedLen(len(text)))
	n, err := base64.RawStdEncoding.Decode(salt, []byte(text))
	if at := base64.CorruptInputError(0); errors.As(err, &at) {
		end := int(at)
		if end%4 == 1 {
			end--
		}
		n, _ = base64.RawStdEncoding.Decode(salt, []byte(text[:end]))
	}
	return salt[:n]
}

type scramHash struct {
	scram
	iterations int
	salt       []byte
	storedKey  string
}

func (s scramHash) match(_, password string) (bool, error) {
	salted, err := s.salted(password, s.salt, s.iterations)
	return err == nil && equal(s.storedKey, s.storedKeyOf(salted)), err
}

func (s scram) salted(password string, salt []byte, iterations int) ([]byte, error) {
	return pbkdf2.Key(s.hash, password, salt, iterations, s.size)
}

func (s scram) storedKeyOf(salted []byte) []byte {
	h := s.hash()
	h.Write(s.sign(salted, "Client Key"))
	return h.Sum(nil)
}

func (s scram) sign(salted []byte, text string) []byte {
	m := hmac.New(s.hash, salted)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// scramGenerator asks for less than OWASP does for PBKDF2, because every client has to do the same work at every login.
var scramGenerator = &generator{
	light:  true,
	rounds: Range{Min: minScramIterations, Default: 100_000},
	length: Range{Min: 134, Max: 137, Default: 136},
	generate: func(c *Config, password string) (string, error) {
		salt := randomBytes(16)
		salted, err := scram256.salted(password, salt, c.Rounds)
		if err != nil {
			return "", err
		}
		text := base64.StdEncoding.EncodeToString
		return fmt.Sprintf("%d,%s,%s,%s", c.Rounds, text(salt),
			text(scram256.storedKeyOf(salted)), text(scram256.sign(salted, "Server Key"))), nil
	},
}
