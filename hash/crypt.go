package hash

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// maxCrypt3 is the longest password in bytes that libxcrypt takes: CRYPT_MAX_PASSPHRASE_SIZE is 512 with the final
// NUL. Dovecot can neither verify nor make a crypt(3) hash of a longer one.
const maxCrypt3 = 511

// parseCrypt is for CRYPT, DES-CRYPT, SHA256-CRYPT and SHA512-CRYPT, which share one verifier in Dovecot that goes by
// the payload: crypt_verify in password-scheme-crypt.c gives bcrypt to Dovecot's own code and all else to crypt(3),
// which is libxcrypt on Debian. What libxcrypt does not know it refuses for every password, so that it is malformed
// here, and not merely unsupported.
func parseCrypt(payload string) (parsed, error) {
	if strings.HasPrefix(payload, "$2") {
		return parseBcrypt(payload)
	}
	p, err := parseCrypt3(payload)
	p.crypt3 = true
	return p, err
}

// parseCrypt3 knows the methods of https://manpages.debian.org/bookworm/libcrypt-dev/crypt.5.en.html.
func parseCrypt3(payload string) (parsed, error) {
	inner, modular := strings.CutPrefix(payload, "$")
	method, _, ended := strings.Cut(inner, "$")
	switch {
	case !modular:
		return parseDES(payload)
	case !ended:
		return parsed{}, ErrMalformed
	case method == "1":
		return parseMD5Crypt(payload)
	case method == "3":
		return parseNT(payload)
	case method == "5":
		return sha256Crypter.parse(payload)
	case method == "6":
		return sha512Crypter.parse(payload)
	case method == "7":
		return parseScrypt(payload)
	case method == "y":
		return parseYescrypt(payload)
	case method == "sha1":
		return parseSHA1Crypt(payload)
	case method == "gy", method == "md5", strings.HasPrefix(method, "md5,"):
		return parsed{}, fmt.Errorf("%w: gost-yescrypt and sunmd5", ErrUnsupported)
	default:
		return parsed{}, ErrMalformed
	}
}

var nt = &kind{name: "nt"}

// parseNT reads "$3$$hex".
func parseNT(payload string) (parsed, error) {
	p := parsed{kind: nt, cost: cost{rounds: 1}}
	sum, ok := strings.CutPrefix(payload, "$3$$")
	if !ok || len(sum) != hex.EncodedLen(md4Size) || strings.Trim(sum, "0123456789abcdef") != "" {
		return p, ErrMalformed
	}
	p.matcher = ntHash(sum)
	return p, nil
}

type ntHash string

// match widens every byte, as libxcrypt does. Windows would make UTF-16 of the characters.
func (n ntHash) match(_, password string) bool {
	h := newMD4()
	for i := range len(password) {
		h.Write([]byte{password[i], 0})
	}
	return same(string(n), hex.AppendEncode(nil, h.Sum(nil)))
}
