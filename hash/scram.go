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
	kind *kind
	hash func() gohash.Hash
}

var (
	scramSHA1   = &kind{name: "SCRAM-SHA-1", strength: iterated, challenge: true}
	scramSHA256 = &kind{name: "SCRAM-SHA-256", strength: iterated, challenge: true}

	scram1   = scram{kind: scramSHA1, hash: sha1.New}
	scram256 = scram{kind: scramSHA256, hash: sha256.New}
)

const minScramIterations = 4096 // Dovecot refuses less, after RFC 7677, section 4

func (s scram) parse(payload string) (parsed, error) {
	p := parsed{kind: s.kind}
	fields := strings.Split(payload, ",")
	if len(fields) != 4 {
		return p, ErrMalformed
	}
	iterations, ok := decimal(fields[0])
	storedKey, err1 := decodeBase64(fields[2])
	serverKey, err2 := decodeBase64(fields[3])
	size := s.hash().Size()
	if !ok || iterations < minScramIterations || err1 != nil || err2 != nil || len(storedKey) != size || len(serverKey) != size {
		return p, ErrMalformed
	}
	p.cost = cost{rounds: iterations, light: true}
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

func (s scramHash) match(_, password string) bool {
	salted, err := s.salted(password, s.salt, s.iterations)
	return err == nil && same(s.storedKey, s.storedKeyOf(salted))
}

func (s scram) salted(password string, salt []byte, iterations int) ([]byte, error) {
	return pbkdf2.Key(s.hash, password, salt, iterations, s.hash().Size())
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

// scramRecipe asks for less than OWASP does for PBKDF2, because every client has to do the same work at every login.
var scramRecipe = &recipe{
	light:  true,
	rounds: bounds{min: minScramIterations, usual: 100_000},
	generate: func(c *Config, password string) (string, error) {
		salt := randomBytes(16)
		salted, err := scram256.salted(password, salt, c.Rounds)
		if err != nil {
			return "", fmt.Errorf("hash: %w", err)
		}
		text := base64.StdEncoding.EncodeToString
		return fmt.Sprintf("%d,%s,%s,%s", c.Rounds, text(salt),
			text(scram256.storedKeyOf(salted)), text(scram256.sign(salted, "Server Key"))), nil
	},
}
