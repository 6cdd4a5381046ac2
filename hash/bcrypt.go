package hash

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"golang.org/x/crypto/bcrypt"
)

const (
	minCost           = bcrypt.MinCost
	maxCost           = bcrypt.MaxCost
	maxBcryptPassword = 72 // bytes; the rest would not count
)

// bcryptForm is what Dovecot's crypt_blowfish takes: x/crypto/bcrypt also takes other letters, trailing bytes and a
// salt whose last character has surplus bits.
var bcryptForm = regexp.MustCompile(`^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}$`)

// bcryptCost returns the cost of a well-formed bcrypt payload, else 0.
func bcryptCost(payload string) int {
	if !bcryptForm.MatchString(payload) {
		return 0
	}
	cost, _ := strconv.Atoi(payload[4:6])
	return cost
}

func (h *Hasher) verifyBcrypt(payload, password string) error {
	switch cost := bcryptCost(payload); {
	case cost == 0:
		return ErrMalformed
	case cost > h.config.MaxCost:
		return ErrTooCostly
	}
	// CompareHashAndPassword cuts the password after 72 bytes, as Dovecot does.
	err := bcrypt.CompareHashAndPassword([]byte(payload), []byte(password))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return ErrMismatch
	default:
		return ErrMalformed
	}
}

func generateBcrypt(password string, cost int) (string, error) {
	if len(password) > maxBcryptPassword {
		return "", ErrPasswordTooLong
	}
	made, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return "", fmt.Errorf("hash: %w", err)
	}
	// $2y$ is the letter of the same algorithm that doveadm and PHP write.
	return "$2y$" + string(made[len("$2a$"):]), nil
}
