package hash

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"

	"github.com/GehirnInc/crypt"
	"github.com/GehirnInc/crypt/sha256_crypt"
	"github.com/GehirnInc/crypt/sha512_crypt"
)

// Limits of crypt(3) in libxcrypt for $5$ and $6$.
const (
	minRounds     = 1000
	maxRounds     = 999_999_999
	defaultRounds = 5000
	maxSalt       = 16
)

// A shaCrypt is a payload of SHA256-CRYPT or SHA512-CRYPT, "$5$[rounds=N$]salt$digest".
// See https://www.akkadia.org/drepper/SHA-crypt.txt.
type shaCrypt struct {
	crypter crypt.Crypter
	setting string // all that comes before "$digest"
	digest  string
	rounds  int
}

// parseSHACrypt is as strict as libxcrypt, so that no payload verifies here that does not verify in Dovecot.
func parseSHACrypt(payload string) (shaCrypt, bool) {
	var s shaCrypt
	var size int
	switch {
	case strings.HasPrefix(payload, "$5$"):
		s.crypter, size = sha256_crypt.New(), 43
	case strings.HasPrefix(payload, "$6$"):
		s.crypter, size = sha512_crypt.New(), 86
	default:
		return s, false
	}
	rest := payload[3:]
	s.rounds = defaultRounds
	if after, ok := strings.CutPrefix(rest, "rounds="); ok {
		digits, salted, ok := strings.Cut(after, "$")
		n, err := strconv.Atoi(digits)
		if !ok || err != nil || strconv.Itoa(n) != digits || n < minRounds || n > maxRounds {
			return s, false
		}
		s.rounds, rest = n, salted
	}
	salt, digest, ok := strings.Cut(rest, "$")
	if !ok || len(salt) > maxSalt || !validSalt(salt) || len(digest) != size {
		return s, false
	}
	s.setting, s.digest = payload[:len(payload)-size-1], digest
	return s, true
}

// validSalt refuses what libxcrypt refuses in a salt: characters that could break a line of /etc/shadow.
func validSalt(salt string) bool {
	for i := range len(salt) {
		if c := salt[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`:;!*\`, c) >= 0 {
			return false
		}
	}
	return true
}

// verifyCrypt is the verifier that CRYPT, SHA256-CRYPT and SHA512-CRYPT share in Dovecot.
func (h *Hasher) verifyCrypt(payload, password string) error {
	if strings.HasPrefix(payload, "$2") {
		return h.verifyBcrypt(payload, password)
	}
	if !strings.HasPrefix(payload, "$5$") && !strings.HasPrefix(payload, "$6$") {
		return fmt.Errorf("%w: this kind of crypt(3)", ErrUnsupported)
	}
	s, ok := parseSHACrypt(payload)
	switch {
	case !ok:
		return ErrMalformed
	case s.rounds > h.config.MaxRounds:
		return ErrTooCostly
	case len(password) > maxPassword:
		return ErrPasswordTooLong
	}
	computed, err := s.crypter.Generate([]byte(password), []byte(s.setting))
	if err != nil {
		return ErrMalformed
	}
	return compare(s.digest, computed[strings.LastIndexByte(computed, '$')+1:])
}

// cryptKind returns the scheme that a payload belongs to by its looks, and its cost in that scheme's unit. It returns
// "" for a payload that cannot be verified.
func cryptKind(payload string) (kind string, cost int) {
	if cost := bcryptCost(payload); cost > 0 {
		return "BLF-CRYPT", cost
	}
	s, ok := parseSHACrypt(payload)
	switch {
	case !ok:
		return "", 0
	case strings.HasPrefix(payload, "$5$"):
		return "SHA256-CRYPT", s.rounds
	default:
		return "SHA512-CRYPT", s.rounds
	}
}

func generateSHACrypt(password string, rounds int) (string, error) {
	if len(password) > maxPassword {
		return "", ErrPasswordTooLong
	}
	const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	salt := make([]byte, maxSalt)
	_, _ = rand.Read(salt) // never fails, see crypto/rand
	for i, b := range salt {
		salt[i] = alphabet[b&63]
	}
	setting := "$5$"
	if rounds != defaultRounds {
		setting += "rounds=" + strconv.Itoa(rounds) + "$"
	}
	made, err := sha256_crypt.New().Generate([]byte(password), []byte(setting+string(salt)))
	if err != nil {
		return "", fmt.Errorf("hash: %w", err)
	}
	return made, nil
}
