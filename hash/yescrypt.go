package hash

import (
	"fmt"
	"math"
	"strings"

	"github.com/openwall/yescrypt-go"
	"golang.org/x/crypto/scrypt"
)

var (
	scryptKind   = &kind{name: "scrypt", strength: resistant}
	yescryptKind = &kind{name: "yescrypt", strength: resistant}
)

const maxYescryptSalt = 86 // characters, 64 bytes

// parseYescrypt reads "$y$j9T$salt$hash", what passwd and mkpasswd of Debian make: flags "j", then one character for
// the logarithm of N and one for r, each less one. yescrypt can be told more in other letters; libxcrypt does not make
// such settings, and they are not supported.
func parseYescrypt(payload string) (parsed, error) {
	p := parsed{kind: yescryptKind}
	fields := strings.Split(payload, "$")
	if len(fields) != 5 || len(fields[3]) > maxYescryptSalt || !validSalt(fields[3]) || !isCrypt64(fields[4], 43) {
		return p, ErrMalformed
	}
	setting := fields[2]
	if len(setting) != 3 || setting[0] != 'j' {
		return p, fmt.Errorf("%w: yescrypt with these parameters", ErrUnsupported)
	}
	n, ok1 := decodeCrypt64(setting[1:2])
	r, ok2 := decodeCrypt64(setting[2:3])
	n, r = n+1, r+1
	if !ok1 || !ok2 {
		return p, ErrMalformed
	}
	p.cost = cost{rounds: 1, memory: blockMemory(n, r)}
	switch { // yescrypt-go takes 10 to 18, and 32
	case n > 18:
		return p, ErrTooCostly
	case n < 10 || r > 32:
		return p, fmt.Errorf("%w: yescrypt with these parameters", ErrUnsupported)
	}
	p.feeble = p.cost.memory < feebleMemory
	p.matcher = yescryptHash(payload)
	return p, nil
}

type yescryptHash string

func (y yescryptHash) match(_, password string) bool {
	made, err := yescrypt.Hash([]byte(password), []byte(y))
	return err == nil && same(string(y), made)
}

// parseScrypt reads "$7$", one character for the logarithm of N, five for r, five for p, then "salt$hash". The salt is
// the text that it is.
func parseScrypt(payload string) (parsed, error) {
	p := parsed{kind: scryptKind}
	fields := strings.Split(payload, "$")
	if len(fields) != 4 || len(fields[2]) < 11 || !validSalt(fields[2]) || !isCrypt64(fields[3], 43) {
		return p, ErrMalformed
	}
	setting, salt := fields[2][:11], fields[2][11:]
	n, ok1 := decodeCrypt64(setting[:1])
	r, ok2 := decodeCrypt64(setting[1:6])
	lanes, ok3 := decodeCrypt64(setting[6:])
	if !ok1 || !ok2 || !ok3 || n == 0 || r == 0 || lanes == 0 {
		return p, ErrMalformed
	}
	p.cost = cost{rounds: lanes, memory: blockMemory(n, r)}
	p.feeble = p.cost.memory < feebleMemory
	p.matcher = scryptHash{log2n: n, r: r, p: lanes, salt: salt, sum: fields[3]}
	return p, nil
}

type scryptHash struct {
	log2n, r, p int
	salt, sum   string
}

func (s scryptHash) match(_, password string) bool {
	key, err := scrypt.Key([]byte(password), []byte(s.salt), 1<<s.log2n, s.r, s.p, 32)
	if err != nil {
		return false
	}
	text := make([]byte, 0, 43)
	for ; len(key) >= 3; key = key[3:] {
		text = appendCrypt64(text, uint32(key[0])|uint32(key[1])<<8|uint32(key[2])<<16, 4)
	}
	text = appendCrypt64(text, uint32(key[0])|uint32(key[1])<<8, 3)
	return same(s.sum, text)
}

// blockMemory is the memory in KiB of 2^n blocks of 128*r bytes, at least one. What would overflow is beyond every
// limit.
func blockMemory(n, r int) int {
	if n > 30 {
		return math.MaxInt32
	}
	return int(min(max(int64(r)<<n/8, 1), math.MaxInt32))
}
