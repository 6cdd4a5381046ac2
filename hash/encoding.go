package hash

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"math"
	"strings"
)

// crypt64 is the alphabet of crypt(5). Six bits make a character, the lowest first.
const crypt64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// appendCrypt64 appends the lowest 6*n bits of v as n characters.
func appendCrypt64(dst []byte, v uint32, n int) []byte {
	for ; n > 0; n-- {
		dst = append(dst, crypt64[v&63])
		v >>= 6
	}
	return dst
}

// decodeCrypt64 returns the number that s stands for, at most five characters.
func decodeCrypt64(s string) (v int, ok bool) {
	for i := len(s) - 1; i >= 0; i-- {
		n := strings.IndexByte(crypt64, s[i])
		if n < 0 {
			return 0, false
		}
		v = v<<6 | n
	}
	return v, true
}

// isCrypt64 tells whether s consists of size characters of the alphabet.
func isCrypt64(s string, size int) bool {
	return len(s) == size && strings.Trim(s, crypt64) == ""
}

// decimal reads digits and nothing else. What is over 31 bits becomes the greatest 31-bit number, which is beyond
// every limit of this package.
func decimal(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = int(min(int64(n)*10+int64(s[i]-'0'), math.MaxInt32))
	}
	return n, s != ""
}

// canonicalDecimal reads a decimal number from 1 without leading zeros. crypt(3) writes it so, and the hash is compared
// as text with all its settings.
func canonicalDecimal(s string) (n int, ok bool) {
	n, ok = decimal(s)
	return n, ok && s[0] != '0'
}

func decodeHex(payload string) (string, error) {
	raw, err := hex.DecodeString(payload)
	return string(raw), err
}

// withoutSpace drops the white space that Dovecot's base64 decoder skips; encoding/base64 skips line ends only.
var withoutSpace = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "")

func decodeBase64(payload string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(withoutSpace.Replace(payload))
	return string(raw), err
}

// decodeGuess takes a payload of twice the raw size for hex and everything else for base64, as Dovecot does for
// schemes of a fixed size.
func decodeGuess(payload string, size int) (string, error) {
	if len(payload) == hex.EncodedLen(size) {
		if raw, err := decodeHex(payload); err == nil {
			return raw, nil
		}
	}
	return decodeBase64(payload)
}

// equal compares in a time that depends on the lengths only.
func equal(stored string, computed []byte) bool {
	return subtle.ConstantTimeCompare([]byte(stored), computed) == 1
}
