package hash

import "strings"

// A scheme is a name that Dovecot gives to a way of storing a password. See password_schemes_init in
// https://github.com/dovecot/core/blob/2.4.1/src/lib-auth/password-scheme.c.
type scheme struct {
	name string
	// algorithm is what the payload should be; nil for a name that covers several.
	algorithm *algorithm
	// size is the length in bytes of a payload that is hex or base64 even without a suffix; 0 if it is text.
	size int
	// salted payloads are base64 without a suffix and longer than size.
	salted bool
	// weak names are refused by Dovecot 2.4, whatever the payload is.
	weak bool
	// parse understands the payload, decoded as size, salted or the suffix say.
	parse func(payload string) (parsed, error)
	// generator is nil for what is not generated.
	generator *generator
}

// names holds every name that some Dovecot from 2.3.13 on knows, in the order of [Schemes].
var names = []scheme{
	{name: "SHA256-CRYPT", algorithm: sha256Crypt, parse: parseCrypt, generator: sha256CryptGenerator},
	{name: "SHA512-CRYPT", algorithm: sha512Crypt, parse: parseCrypt, generator: sha512CryptGenerator},
	{name: "BLF-CRYPT", algorithm: blfCrypt, parse: parseBcrypt, generator: bcryptGenerator},
	{name: "ARGON2ID", algorithm: argon2id, parse: parseArgon2, generator: argon2idGenerator},
	{name: "SCRAM-SHA-256", algorithm: scramSHA256, parse: scram256.parse, generator: scramGenerator},
	{name: "PBKDF2", algorithm: pbkdf2SHA1, parse: parsePBKDF2, generator: pbkdf2Generator},
	{name: "ARGON2I", algorithm: argon2i, parse: parseArgon2},
	{name: "ARGON2", parse: parseArgon2},
	{name: "SCRAM-SHA-1", algorithm: scramSHA1, parse: scram1.parse},
	{name: "CRYPT", parse: parseCrypt},
	{name: "CRAM-MD5", algorithm: cramMD5, size: 32, parse: parseCRAM(cramMD5)},
	{name: "HMAC-MD5", algorithm: hmacMD5, size: 32, weak: true, parse: parseCRAM(hmacMD5)},
	{name: "DIGEST-MD5", algorithm: digestMD5, size: 16, parse: parseDigestMD5},
	{name: "OTP", algorithm: otp, parse: parseOTP},
	{name: "SSHA", algorithm: sshaDigest.algorithm, size: 20, salted: true, parse: sshaDigest.parse},
	{name: "SSHA256", algorithm: ssha256Digest.algorithm, size: 32, salted: true, parse: ssha256Digest.parse},
	{name: "SSHA512", algorithm: ssha512Digest.algorithm, size: 64, salted: true, parse: ssha512Digest.parse},
	{name: "SHA", algorithm: shaDigest.algorithm, size: 20, parse: shaDigest.parse},
	{name: "SHA1", algorithm: shaDigest.algorithm, size: 20, parse: shaDigest.parse},
	{name: "SHA256", algorithm: sha256Digest.algorithm, size: 32, parse: sha256Digest.parse},
	{name: "SHA512", algorithm: sha512Digest.algorithm, size: 64, parse: sha512Digest.parse},
	{name: "SMD5", algorithm: smd5Digest.algorithm, size: 16, salted: true, weak: true, parse: smd5Digest.parse},
	{name: "PLAIN-MD5", algorithm: plainMD5, size: 16, weak: true, parse: plainMD5Digest.parse},
	{name: "PLAIN-MD4", algorithm: plainMD4, size: 16, weak: true, parse: plainMD4Digest.parse},
	{name: "LDAP-MD5", algorithm: plainMD5, size: 16, weak: true, parse: plainMD5Digest.parse},
	{name: "MD5", weak: true, parse: parseMD5},
	{name: "MD5-CRYPT", algorithm: md5Crypt, weak: true, parse: parseMD5Crypt},
	{name: "DES-CRYPT", algorithm: desCrypt, weak: true, parse: parseCrypt},
	{name: "PLAIN", algorithm: plain, parse: parsePlain},
	{name: "CLEAR", algorithm: plain, parse: parsePlain},
	{name: "CLEARTEXT", algorithm: plain, parse: parsePlain},
	{name: "PLAIN-TRUNC", algorithm: plainTrunc, parse: parsePlainTrunc},
}

var schemes = func() map[string]*scheme {
	m := make(map[string]*scheme, len(names))
	for i := range names {
		m[names[i].name] = &names[i]
	}
	return m
}()

// An algorithm is what turns a password into a payload. The payload tells which one it is, and not always the name of
// the scheme.
type algorithm struct {
	// name is Dovecot's, or that of crypt(5) in lower case where Dovecot has none.
	name     string
	strength Strength
	// recoverable: the clear text is there to read.
	recoverable bool
	// challenge: it serves a challenge-response login, which another algorithm would end.
	challenge bool
	// userBound: the user name is hashed with the password.
	userBound bool
	// refused by Dovecot 2.4 under every name: auth_allow_weak_schemes is "no" by default.
	refused bool
	// notFIPS: it is made of MD5, SHA-1, or HMAC with the password as its key. With GODEBUG=fips140=only the standard
	// library panics on these, or fails where the password has less than 112 bits.
	notFIPS bool
}

// longestName bounds the array in which lookup folds a name.
const longestName = 16

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

// lookupEncoded finds the scheme of a name that may carry an encoding. It returns nil if either is unknown.
func lookupEncoded(name string) *scheme {
	base, suffix, encoded := strings.Cut(name, ".")
	if encoded && !isEncoding(suffix) {
		return nil
	}
	return lookup(base)
}

// isClear tells whether the payload is the password itself.
func (s *scheme) isClear() bool { return s.algorithm != nil && s.algorithm.recoverable }

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
