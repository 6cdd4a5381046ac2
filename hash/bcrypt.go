package hash

import (
	"errors"
	"regexp"
	"strconv"

	"golang.org/x/crypto/bcrypt"
)

var blfCrypt = &algorithm{name: "BLF-CRYPT", strength: Bcrypt}

const (
	minCost           = bcrypt.MinCost
	maxCost           = bcrypt.MaxCost
	bcryptCost        = 10 // OWASP: 10 or more
	maxBcryptPassword = 72 // bytes; the rest does not count
)

// bcryptForm is what Dovecot's crypt_blowfish takes: x/crypto/bcrypt also takes other letters, trailing bytes and a
// salt whose last character has surplus bits.
var bcryptForm = regexp.MustCompile(`^\$2[abxy]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}$`)

func parseBcrypt(payload string) (parsed, error) {
	p := parsed{algorithm: blfCrypt}
	if !bcryptForm.MatchString(payload) {
		return p, ErrMalformed
	}
	p.cost.log2, _ = strconv.Atoi(payload[4:6])
	p.matcher = bcrypted(payload)
	return p, nil
}

type bcrypted string

// match cuts the password after 72 bytes, as Dovecot does.
func (b bcrypted) match(_, password string) (bool, error) {
	key := []byte(password)
	if b[2] == 'x' {
		key = signExtended(key)
	}
	err := bcrypt.CompareHashAndPassword([]byte(b), key)
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	return err == nil, err
}

// signExtended returns a key with which bcrypt makes what crypt_blowfish before 1.1 made of password, and $2x$ stands
// for: it took the bytes for signed numbers, so that one from 0x80 on wiped out those before it in a word. See
// https://www.openwall.com/lists/announce/2011/06/21/1.
func signExtended(password []byte) []byte {
	key := make([]byte, 0, maxBcryptPassword)
	for i := 0; len(key) < cap(key); {
		var word uint32
		for range 4 {
			c := byte(0) // the terminator belongs to the key
			if i < len(password) {
				c = password[i]
				i++
			} else {
				i = 0
			}
			word = word<<8 | uint32(int8(c)) // the sign is the point
		}
		key = append(key, byte(word>>24), byte(word>>16), byte(word>>8), byte(word))
	}
	return key
}

var bcryptGenerator = &generator{
	cost:        Range{Min: minCost, Default: bcryptCost},
	maxPassword: maxBcryptPassword,
	length:      Range{Min: 71, Max: 71, Default: 71},
	generate: func(c *Config, password string) (string, error) {
		made, err := bcrypt.GenerateFromPassword([]byte(password), c.Cost)
		if err != nil {
			return "", err
		}
		// $2y$ is the letter of the same algorithm that doveadm and PHP write.
		return "$2y$" + string(made[len("$2a$"):]), nil
	},
}
