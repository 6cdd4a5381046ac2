package hash

import (
	"fmt"
	"math"
	"strings"

	"github.com/openwall/yescrypt-go"
	"golang.org/x/crypto/scrypt"
)

var (
	scryptAlgorithm   = &algorithm{name: "scrypt", strength: MemoryHard, notFIPS: true}
	yescryptAlgorithm = &algorithm{name: "yescrypt", strength: MemoryHard, notFIPS: true}
)

const maxYescryptSalt = 86 // characters, 64 bytes

var errYescrypt = fmt.Errorf("%w: yescrypt with these parameters", ErrUnsupported)

// parseYescrypt reads "$y$j9T$salt$hash", what passwd and mkpasswd of Debian make: flags "j", then one character for
// the logarithm of N and one for r, each less one. Other letters stand for more parameters. libxcrypt does not make such
// settings, and they are not supported.
func parseYescrypt(payload string) (parsed, error) {
	p := parsed{algorithm: yescryptAlgorithm}
	fields := strings.Split(payload, "$")
	if len(fields) != 5 || !isYescryptSalt(fields[3]) || !isCrypt64(fields[4], 43) {
		return p, ErrMalformed
	}
	setting := fields[2]
	if len(setting) != 3 || setting[0] != 'j' {
		return p, errYescrypt
	}
	n, ok1 := decodeCrypt64(setting[1:2])
	r, ok2 := decodeCrypt64(setting[2:3])
	n, r = n+1, r+1
	if !ok1 || !ok2 {
		return p, ErrMalformed
	}
	p.cost = blockCost(n, r, 1)
	switch { // yescrypt-go takes n from 10 to 18, and r up to 32
	case n > 18:
		return p, ErrTooCostly
	case n < 10 || r > 32:
		return p, errYescrypt
	}
	p.feeble = p.cost.passed < feebleMemory
	p.matcher = yescryptHash(payload)
	return p, nil
}

// isYescryptSalt tells whether a salt decodes: groups of four characters make three bytes, and the surplus bits of the last
// group are zero.
func isYescryptSalt(salt string) bool {
	last, ok := decodeCrypt64(salt[len(salt)-len(salt)%4:])
	most := [4]int{0, -1, 1<<8 - 1, 1<<16 - 1}[len(salt)%4]
	return ok && last <= most && len(salt) <= maxYescryptSalt && isCrypt64(salt, len(salt))
}

type yescryptHash string

func (y yescryptHash) match(_, password string) (bool, error) {
	made, err := yescrypt.Hash([]byte(password), []byte(y))
	return err == nil && equal(string(y), made), err
}

const (
	// scryptSetting is "$7$", one character for the logarithm of N, five for r, five for p.
	scryptSetting = len("$7$") + 1 + 5 + 5
	// maxScrypt is the longest payload that libxcrypt verifies: it wants room for "$" and another hash behind it.
	maxScrypt = maxCrypt3Output - 1 - 43
)

// parseScrypt reads "$7$CU..../....salt$hash", the setting and then the salt as the text that it is.
func parseScrypt(payload string) (parsed, error) {
	p := parsed{algorithm: scryptAlgorithm}
	end := strings.LastIndexByte(payload, '$')
	if end < scryptSetting || len(payload) > maxScrypt || !isCrypt64(payload[end+1:], 43) {
		return p, ErrMalformed
	}
	setting, salt := payload[:scryptSetting], payload[scryptSetting:end]
	n, ok1 := decodeCrypt64(setting[3:4])
	r, ok2 := decodeCrypt64(setting[4:9])
	lanes, ok3 := decodeCrypt64(setting[9:])
	if !ok1 || !ok2 || !ok3 || n == 0 || r == 0 || lanes == 0 || !isScryptSalt(salt) {
		return p, ErrMalformed
	}
	p.cost = blockCost(n, r, lanes)
	p.feeble = p.cost.passed < feebleMemory
	p.matcher = scryptHash{log2n: n, r: r, p: lanes, salt: salt, sum: payload[end+1:]}
	return p, nil
}

// isScryptSalt follows verify_salt in https://github.com/besser82/libxcrypt/blob/v4.4.38/lib/crypt-scrypt.c: a salt goes
// up to the last "$", but its characters are looked at only until another one follows a "$".
func isScryptSalt(salt string) bool {
	for i := range len(salt) {
		if salt[i] != '$' && strings.IndexByte(crypt64, salt[i]) < 0 {
			return i > 0 && salt[i-1] == '$'
		}
	}
	return true
}

type scryptHash struct {
	log2n, r, p int
	salt, sum   string
}

func (s scryptHash) match(_, password string) (bool, error) {
	key, err := scrypt.Key([]byte(password), []byte(s.salt), 1<<s.log2n, s.r, s.p, 32)
	if err != nil {
		return false, err
	}
	text := make([]byte, 0, 43)
	for ; len(key) >= 3; key = key[3:] {
		text = appendCrypt64(text, uint32(key[0])|uint32(key[1])<<8|uint32(key[2])<<16, 4)
	}
	text = appendCrypt64(text, uint32(key[0])|uint32(key[1])<<8, 3)
	return equal(s.sum, text), nil
}

// blockCost is the cost of scrypt or yescrypt with 2^n blocks of 128*r bytes, p times in a row. Both libraries allocate
// these blocks, p more for the keys and two more to work in. They go through all blocks twice, and fill and read the p
// blocks with PBKDF2, which is 3 of 2^n. A random access takes about as long as 128 bytes of computation: r+1. Half of
// that is as long as a block of Argon2.
func blockCost(n, r, p int) cost {
	if n > 30 {
		return cost{rounds: p, memory: math.MaxInt32, work: math.MaxInt64}
	}
	blocks := int64(1)<<n + int64(p) + 2
	return cost{
		rounds: p,
		memory: int(min((product(int64(r), blocks)+7)/8, math.MaxInt32)),
		passed: product(int64(p), int64(r), 1<<n) / 8,
		work:   product(int64(p), int64(r)+1, 1<<n+3) / 2,
	}
}
