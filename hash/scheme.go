package hash

import (
	"fmt"
	"strings"
)

// A scheme is a name that Dovecot gives to a way of storing a password. See password_schemes_init in
// https://github.com/dovecot/core/blob/2.4.1/src/lib-auth/password-scheme.c.
type scheme struct {
	name string
	// kind is what the payload should be; nil for a name that covers several.
	kind *kind
	// size is the length in bytes of a payload that is hex or base64 even without a suffix; 0 if it is text.
	size int
	// salted payloads are base64 without a suffix and longer than size.
	salted bool
	// weak names are refused by Dovecot 2.4, whatever the payload is.
	weak bool
	// parse understands the payload, decoded as size, salted or the suffix say.
	parse func(payload string) (parsed, error)
	// recipe is nil for what is not generated.
	recipe *recipe
}

// schemes holds every name that some Dovecot from 2.3.13 on knows.
var schemes = index(
	scheme{name: "ARGON2", parse: parseArgon2},
	scheme{name: "ARGON2I", kind: argon2i, parse: parseArgon2},
	scheme{name: "ARGON2ID", kind: argon2id, parse: parseArgon2, recipe: argon2idRecipe},
	scheme{name: "BLF-CRYPT", kind: blfCrypt, parse: parseBcrypt, recipe: bcryptRecipe},
	scheme{name: "CLEAR", kind: plain, parse: parsePlain},
	scheme{name: "CLEARTEXT", kind: plain, parse: parsePlain},
	scheme{name: "CRAM-MD5", kind: cramMD5, size: 32, parse: parseCRAM(cramMD5)},
	scheme{name: "CRYPT", parse: parseCrypt},
	scheme{name: "DES-CRYPT", kind: desCrypt, weak: true, parse: parseCrypt},
	scheme{name: "DIGEST-MD5", kind: digestMD5, size: 16, parse: parseDigestMD5},
	scheme{name: "HMAC-MD5", kind: hmacMD5, size: 32, weak: true, parse: parseCRAM(hmacMD5)},
	scheme{name: "LDAP-MD5", kind: plainMD5, size: 16, weak: true, parse: plainMD5Digest.parse},
	scheme{name: "MD5", weak: true, parse: parseMD5},
	scheme{name: "MD5-CRYPT", kind: md5Crypt, weak: true, parse: parseMD5Crypt},
	scheme{name: "OTP", kind: otp, parse: parseOTP},
	scheme{name: "PBKDF2", kind: pbkdf2SHA1, parse: parsePBKDF2, recipe: pbkdf2Recipe},
	scheme{name: "PLAIN", kind: plain, parse: parsePlain},
	scheme{name: "PLAIN-MD4", kind: plainMD4, size: 16, weak: true, parse: plainMD4Digest.parse},
	scheme{name: "PLAIN-MD5", kind: plainMD5, size: 16, weak: true, parse: plainMD5Digest.parse},
	scheme{name: "PLAIN-TRUNC", kind: plainTrunc, parse: parsePlainTrunc},
	scheme{name: "SCRAM-SHA-1", kind: scramSHA1, parse: scram1.parse},
	scheme{name: "SCRAM-SHA-256", kind: scramSHA256, parse: scram256.parse, recipe: scramRecipe},
	scheme{name: "SHA", kind: shaDigest.kind, size: 20, parse: shaDigest.parse},
	scheme{name: "SHA1", kind: shaDigest.kind, size: 20, parse: shaDigest.parse},
	scheme{name: "SHA256", kind: sha256Digest.kind, size: 32, parse: sha256Digest.parse},
	scheme{name: "SHA256-CRYPT", kind: sha256Crypt, parse: parseCrypt, recipe: sha256CryptRecipe},
	scheme{name: "SHA512", kind: sha512Digest.kind, size: 64, parse: sha512Digest.parse},
	scheme{name: "SHA512-CRYPT", kind: sha512Crypt, parse: parseCrypt, recipe: sha512CryptRecipe},
	scheme{name: "SMD5", kind: smd5Digest.kind, size: 16, salted: true, weak: true, parse: smd5Digest.parse},
	scheme{name: "SSHA", kind: sshaDigest.kind, size: 20, salted: true, parse: sshaDigest.parse},
	scheme{name: "SSHA256", kind: ssha256Digest.kind, size: 32, salted: true, parse: ssha256Digest.parse},
	scheme{name: "SSHA512", kind: ssha512Digest.kind, size: 64, salted: true, parse: ssha512Digest.parse},
)

// A kind is an algorithm, which the payload tells and not always the name of the scheme.
type kind struct {
	// name is Dovecot's, or that of crypt(5) in lower case where Dovecot has none.
	name     string
	strength strength
	// recoverable: the clear text is there to read.
	recoverable bool
	// challenge: it serves a challenge-response login, which another kind would end.
	challenge bool
	// userBound: the user name is hashed with the password.
	userBound bool
	// refused by Dovecot 2.4 under every name: auth_allow_weak_schemes is "no" by default.
	refused bool
}

// strength is how a kind resists guessing from a stolen database.
type strength int

const (
	fast      strength = iota // one hash a guess, or few and of an old function: weak
	iterated                  // thousands of hashes a guess, which graphics cards do well
	resistant                 // bcrypt and memory-hard functions, which graphics cards do badly
)

// A cost is what one verification takes.
type cost struct {
	rounds int  // hashes in a row; for memory-hard functions passes over the memory
	light  bool // the rounds cost at most half of those of sha-crypt: short input, whatever the password
	log2   int  // binary logarithm of the rounds of bcrypt
	memory int  // KiB
}

// A parsed value has everything that can be told without the password.
type parsed struct {
	kind *kind
	cost cost
	// feeble: the kind is sound, its parameters are not.
	feeble bool
	// crypt3: Dovecot calls crypt(3), which takes 511 bytes.
	crypt3  bool
	matcher matcher
}

// A matcher does the work. It is called when the value is well-formed and within the limits, with a password that is
// neither empty nor holds a NUL byte.
type matcher interface {
	match(user, password string) bool
}

// maxLogin is the longest password in bytes that fits into a login to Dovecot, whose buffers have 8192.
const maxLogin = 8192

// maxPassword is the length in bytes up to which a password is looked at.
func (p parsed) maxPassword() int {
	if p.crypt3 {
		return maxCrypt3
	}
	return maxLogin
}

// A value is a stored password, taken apart.
type value struct {
	parsed
	scheme *scheme
	// label is the prefix as written without braces, "" if there is none.
	label string
}

// parse follows password_get_scheme and password_decode of Dovecot: the prefix starts at the first byte and ends at
// the first "}"; nothing is trimmed; a value without a prefix belongs to the default scheme, if there is one. On an
// error the value holds what is known so far.
func parse(stored, defaultScheme string) (v value, err error) {
	name, payload := defaultScheme, stored
	if strings.HasPrefix(stored, "{") {
		if i := strings.IndexByte(stored, '}'); i > 0 {
			v.label, payload = stored[1:i], stored[i+1:]
			name = v.label
		}
	}
	if name == "" {
		return v, fmt.Errorf("%w: there is no {SCHEME} prefix", ErrUnsupported)
	}
	base, suffix, encoded := strings.Cut(name, ".")
	if v.scheme = lookup(base); v.scheme == nil {
		return v, ErrUnsupported
	}
	if !encoded {
		payload, err = v.scheme.decode(payload)
	} else {
		payload, err = decodeSuffix(suffix, payload)
	}
	if err != nil {
		return v, err
	}
	v.parsed, err = v.scheme.parse(payload)
	return v, err
}

// decode undoes the encoding that the scheme has without a suffix.
func (s *scheme) decode(payload string) (string, error) {
	var err error
	switch {
	case s.size == 0:
		return payload, nil
	case s.salted:
		payload, err = decodeBase64(payload)
	default:
		payload, err = decodeGuess(payload, s.size)
	}
	if err != nil {
		return "", ErrMalformed
	}
	return payload, nil
}

func decodeSuffix(suffix, payload string) (string, error) {
	var err error
	switch {
	case !isEncoding(suffix):
		return "", ErrUnsupported
	case equalFold(suffix, "HEX"):
		payload, err = decodeHex(payload)
	default:
		payload, err = decodeBase64(payload)
	}
	if err != nil {
		return "", ErrMalformed
	}
	return payload, nil
}

func isEncoding(suffix string) bool {
	return equalFold(suffix, "HEX") || equalFold(suffix, "B64") || equalFold(suffix, "BASE64")
}

// longestName bounds the array in which lookup folds a name.
const longestName = 16

func index(all ...scheme) map[string]*scheme {
	m := make(map[string]*scheme, len(all))
	for i := range all {
		m[all[i].name] = &all[i]
	}
	return m
}

// lookup finds a scheme by its name in any case. It does not allocate.
func lookup(name string) *scheme {
	if len(name) > longestName {
		return nil
	}
	var folded [longestName]byte
	for i := range len(name) {
		folded[i] = upper(name[i])
	}
	return schemes[string(folded[:len(name)])]
}

// upper folds ASCII letters only: with Unicode rules "ſha" would become "SHA".
func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

func equalFold(s, upperCase string) bool {
	if len(s) != len(upperCase) {
		return false
	}
	for i := range len(s) {
		if upper(s[i]) != upperCase[i] {
			return false
		}
	}
	return true
}
