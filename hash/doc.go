// Package hash verifies and generates password hashes in the form in which Dovecot stores them, "{SCHEME}payload".
//
// [Verify] tells whether a password belongs to a stored value. [Generate] makes a new value. [NeedsRehash] tells whether a
// stored value should be replaced while the password is known. [Inspect] tells what a stored value is. [Lock] and
// [Unlock] switch an account off and on again. All of them use a [Hasher] with the zero [Config]; [New] makes one with
// other settings.
//
// A service that verifies for others uses [Hasher.VerifyContext] and [Hasher.GenerateContext]. They wait for memory, so
// that many logins at the same time do not take more than [Config].MemoryBudget.
//
// # Schemes
//
// All names that Dovecot 2.3 and 2.4 know are verified. [Schemes] has this table as data. The strength is explained at
// [Strength]. The length is that of a whole stored value with its prefix, in characters: the column of the ISPmail guide
// holds 150. In the column "2.4" are those that Dovecot 2.4 refuses unless auth_allow_weak_schemes is on, or does not know
// any more.
//
//	scheme                  | generate | strength    | length  | 2.4     | recommendation
//	------------------------|----------|-------------|---------|---------|--------------------------------------
//	SHA256-CRYPT            | default  | iterated    | 77-94   |         | the guide's scheme
//	SHA512-CRYPT            | yes      | iterated    | 120-137 |         | good
//	BLF-CRYPT               | yes      | bcrypt      | 71      |         | good; passwords of up to 72 bytes
//	ARGON2ID                | yes      | memory-hard | 106-109 |         | best; takes memory
//	SCRAM-SHA-256           | yes      | iterated    | 134-140 |         | only for logins with that mechanism
//	PBKDF2                  | yes      | iterated    | 70-80   |         | good; slow logins
//	ARGON2I, ARGON2         |          | memory-hard | 105-109 |         | keep; ARGON2 is unknown to 2.3
//	SCRAM-SHA-1             |          | iterated    | 100-106 |         | keep while clients need it
//	CRYPT                   |          | any         | 20-130  |         | keep, goes by the payload, see below
//	CRAM-MD5                |          | weak        | 74      |         | replace when no client needs it
//	HMAC-MD5                |          | weak        | 74      | refused | replace when no client needs it
//	DIGEST-MD5              |          | weak        | 44      |         | replace when no client needs it
//	OTP                     |          | weak        | 46-48   | unknown | replace, gone in 2.4.5
//	SSHA, SSHA256, SSHA512  |          | weak        | 38-101  |         | replace
//	SHA, SHA1, SHA256       |          | weak        | 33-52   |         | replace
//	SHA512                  |          | weak        | 96      |         | replace
//	SMD5                    |          | weak        | 34      | refused | replace
//	PLAIN-MD5, PLAIN-MD4    |          | weak        | 43      | refused | replace
//	LDAP-MD5                |          | weak        | 34      | refused | replace
//	MD5                     |          | weak        | 37-39   | refused | replace
//	MD5-CRYPT               |          | weak        | 45      | refused | replace
//	DES-CRYPT               |          | weak        | 24      | refused | replace
//	PLAIN, CLEAR, CLEARTEXT |          | weak        | any     |         | replace
//	PLAIN-TRUNC             |          | weak        | any     |         | replace
//
// As in Dovecot the name of a scheme is case-insensitive and may carry one of the suffixes .HEX, .B64 and .BASE64 for the
// encoding of the payload. Without a suffix digests may be hex or base64. CRYPT, DES-CRYPT, SHA256-CRYPT and SHA512-CRYPT
// share one verifier that goes by the payload: {SHA256-CRYPT}$6$... is a SHA512-CRYPT hash. It knows DES, $1$
// (MD5-CRYPT), $2a$ $2b$ $2x$ $2y$ (BLF-CRYPT), $3$ (nt), $5$, $6$, $7$ (scrypt), $sha1$ and $y$ (yescrypt).
//
// Nothing is trimmed. Passwords are compared as the bytes they are, without Unicode normalisation. They are strings and
// not byte slices: Go cannot wipe either reliably, so a second set of functions would protect nothing.
//
// # Stricter than Dovecot
//
// Some stored values let everyone in, or keep a server busy. They are refused although Dovecot takes them:
//
//   - empty passwords, stored or given, and passwords with a NUL byte;
//   - PBKDF2 with 0 iterations and PLAIN-TRUNC with a length of 0, which match every password;
//   - what PLAIN-TRUNC leaves out when its length is over 2^64, where Dovecot starts again from 0;
//   - OTP with a negative sequence, with which Dovecot counts for ever;
//   - values that cost more than [Config] allows, or are longer than [MaxStored]. Nothing of that work is done.
//
// Dovecot on Debian also verifies some values that no well-kept library can. They are [ErrUnsupported], and [Inspect]
// names the method:
//
//   - the methods $gy$ (gost-yescrypt), $md5 (sunmd5), _ (bsdicrypt) and bigcrypt of crypt(3), and from libxcrypt 4.5 on
//     $sm3$ and $sm3y$;
//   - yescrypt with settings that libxcrypt does not make: other flags than "j", N under 2^10, r over 32, or p, t or g;
//   - MD5-CRYPT with a salt that begins with "rounds=".
//
// A few passwords do not match a $2a$ hash that Dovecot made. Its crypt_blowfish changes $2a$ where a password tries to
// use the sign-extension bug of $2x$ to collide with another one, which takes the byte 0xff. No other $2a$ library does
// that, and UTF-8 has no such byte. $2b$ and $2y$ are not concerned.
//
// crypt(3) reads beyond its buffer where a $sha1$ hash is longer than 383 bytes. Such a value is [ErrMalformed] here.
//
// # Safety
//
// No stored value makes [Verify] panic, and none matches if it is malformed. Hashes are compared in constant time. No
// error of this package holds a password or a hash. With GODEBUG=fips140=only, schemes made of MD5, SHA-1 or HMAC are
// [ErrFIPS].
package hash
