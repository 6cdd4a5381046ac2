package hash

import (
	"encoding/hex"
	"strings"
)

const (
	// maxCrypt3 is the longest password in bytes that libxcrypt takes: CRYPT_MAX_PASSPHRASE_SIZE is 512 with the final
	// NUL. Dovecot can neither verify nor make a crypt(3) hash of a longer one.
	maxCrypt3 = 511
	// maxCrypt3Output is the longest hash in bytes that libxcrypt makes: CRYPT_OUTPUT_SIZE is 384 with the final NUL.
	maxCrypt3Output = 383
)

// A method of crypt(3) for which Dovecot has no name. See
// https://manpages.debian.org/bookworm/libcrypt-dev/crypt.5.en.html.
type method struct {
	prefix    string
	algorithm *algorithm
	verified  bool
	recent    bool // since libxcrypt 4.5, which Debian has from forky on
}

var (
	nt = &algorithm{name: "nt"}

	// These are not verified, because no well-kept library has them.
	gostYescrypt = &algorithm{name: "gost-yescrypt", strength: MemoryHard}
	sunMD5       = &algorithm{name: "sunmd5", strength: Iterated}
	bsdiCrypt    = &algorithm{name: "bsdicrypt", refused: true}
	bigcrypt     = &algorithm{name: "bigcrypt", refused: true}
	sm3Crypt     = &algorithm{name: "sm3crypt", strength: Iterated}
	sm3Yescrypt  = &algorithm{name: "sm3-yescrypt", strength: MemoryHard}
)

var methods = []method{
	{prefix: "{CRYPT}$y$", algorithm: yescryptAlgorithm, verified: true},
	{prefix: "{CRYPT}$7$", algorithm: scryptAlgorithm, verified: true},
	{prefix: "{CRYPT}$sha1$", algorithm: sha1Crypt, verified: true},
	{prefix: "{CRYPT}$3$", algorithm: nt, verified: true},
	{prefix: "{CRYPT}$gy$", algorithm: gostYescrypt},
	{prefix: "{CRYPT}$sm3y$", algorithm: sm3Yescrypt, recent: true},
	{prefix: "{CRYPT}$sm3$", algorithm: sm3Crypt, recent: true},
	{prefix: "{CRYPT}$md5", algorithm: sunMD5},
	{prefix: "{CRYPT}_", algorithm: bsdiCrypt},
	{prefix: "{CRYPT}", algorithm: bigcrypt},
}

// parseCrypt reads CRYPT, DES-CRYPT, SHA256-CRYPT and SHA512-CRYPT. They share one verifier in Dovecot that goes by the
// payload: crypt_verify in password-scheme-crypt.c gives bcrypt to Dovecot's own code and all else to crypt(3), which is
// libxcrypt on Debian. libxcrypt refuses every password for a method that it does not know, so that such a payload is
// malformed and not merely unsupported.
func parseCrypt(payload string) (parsed, error) {
	if strings.HasPrefix(payload, "$2") {
		return parseBcrypt(payload)
	}
	if !isCrypt3Text(payload) {
		return parsed{}, ErrMalformed
	}
	p, err := parseCrypt3(payload)
	p.crypt3 = true
	return p, err
}

// isCrypt3Text refuses the payloads that libxcrypt refuses for every method, because they could break a line of
// /etc/shadow. See check_badsalt_chars in https://github.com/besser82/libxcrypt/blob/v4.4.38/lib/crypt.c.
func isCrypt3Text(payload string) bool {
	for i := range len(payload) {
		if c := payload[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`:;!*\`, c) >= 0 {
			return false
		}
	}
	return len(payload) <= maxCrypt3Output
}

func parseCrypt3(payload string) (parsed, error) {
	inner, modular := strings.CutPrefix(payload, "$")
	method, _, ended := strings.Cut(inner, "$")
	switch {
	case !modular:
		return parseDES(payload)
	case !ended:
		return parsed{}, ErrMalformed
	}
	switch method {
	case "1":
		return parseMD5Crypt(payload)
	case "3":
		return parseNT(payload)
	case "5":
		return sha256Crypter.parse(payload)
	case "6":
		return sha512Crypter.parse(payload)
	case "7":
		return parseScrypt(payload)
	case "y":
		return parseYescrypt(payload)
	case "sha1":
		return parseSHA1Crypt(payload)
	case "gy":
		return parsed{algorithm: gostYescrypt}, ErrUnsupported
	case "sm3":
		return parsed{algorithm: sm3Crypt}, ErrUnsupported
	case "sm3y":
		return parsed{algorithm: sm3Yescrypt}, ErrUnsupported
	}
	if method == "md5" || strings.HasPrefix(method, "md5,") {
		return parsed{algorithm: sunMD5}, ErrUnsupported
	}
	return parsed{}, ErrMalformed
}

// parseNT reads "$3$$hex".
func parseNT(payload string) (parsed, error) {
	p := parsed{algorithm: nt, cost: lightRounds(1)}
	sum, ok := strings.CutPrefix(payload, "$3$$")
	if !ok || len(sum) != hex.EncodedLen(md4Size) || strings.Trim(sum, "0123456789abcdef") != "" {
		return p, ErrMalformed
	}
	p.matcher = ntHash(sum)
	return p, nil
}

type ntHash string

// match widens every byte, as libxcrypt does. Windows would make UTF-16 of the characters.
func (n ntHash) match(_, password string) (bool, error) {
	h := newMD4()
	for i := range len(password) {
		h.Write([]byte{password[i], 0})
	}
	return equal(string(n), hex.AppendEncode(nil, h.Sum(nil))), nil
}
