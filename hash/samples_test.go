package hash_test

import "github.com/ispmail/go-ispmail/hash"

// samples has a stored value of "summersun" for every scheme and method, in the order of strength and so that what
// Dovecot 2.4 refuses can be seen.
var samples = []struct {
	stored string
	want   hash.Info
	// due: replaced whatever is preferred. Without it only a dearer setting of the same scheme is due.
	due bool
}{
	{"{PLAIN}summersun", hash.Info{Scheme: "PLAIN", Weak: true, Recoverable: true}, true},
	{"{clear}summersun", hash.Info{Scheme: "PLAIN", Weak: true, Recoverable: true}, true},
	{"{CLEARTEXT.HEX}73756d6d657273756e", hash.Info{Scheme: "PLAIN", Weak: true, Recoverable: true}, true},
	{"{PLAIN-TRUNC}9-summersun", hash.Info{Scheme: "PLAIN-TRUNC", Weak: true, Recoverable: true}, true},
	{"{SHA}Ap5TVNW58HqFzaJttpTA9LG+U+8=", hash.Info{Scheme: "SHA", Rounds: 1, Weak: true}, true},
	{"{SHA1.HEX}029e5354d5b9f07a85cda26db694c0f4b1be53ef", hash.Info{Scheme: "SHA", Rounds: 1, Weak: true}, true},
	{"{SHA256}XD3JqG8hnaiYvapXzkcbfAOhuVxX1S9GVOt3fBh1omA=", hash.Info{Scheme: "SHA256", Rounds: 1, Weak: true}, true},
	{"{SSHA}R6owdhUPKSbAEpiibkuBC6rGYVKqUY51", hash.Info{Scheme: "SSHA", Rounds: 1, Weak: true}, true},
	{"{SSHA256}rtMOnlKpmcNp1hn1qrZRqnCjHptE29hGRKP1FXG+vrPkzjGE", hash.Info{Scheme: "SSHA256", Rounds: 1, Weak: true}, true},
	{"{SMD5}7UJJjUSDQPY47Y8zOA2kGpcCXd0=", hash.Info{Scheme: "SMD5", Rounds: 1, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{guideMD5, hash.Info{Scheme: "PLAIN-MD5", Rounds: 1, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{LDAP-MD5}FMv7hFrx8DDjcrHLknXm3Q==", hash.Info{Scheme: "PLAIN-MD5", Rounds: 1, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{MD5}FMv7hFrx8DDjcrHLknXm3Q==", hash.Info{Scheme: "PLAIN-MD5", Rounds: 1, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{PLAIN-MD4}02132756396b17c8f5f4888d3c5b2a51", hash.Info{Scheme: "PLAIN-MD4", Rounds: 1, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{MD5}$1$saltsalt$sdQOToCWyWmY3.C5XP6wc/", hash.Info{Scheme: "MD5-CRYPT", Rounds: 1000, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{CRYPT}$1$saltsalt$sdQOToCWyWmY3.C5XP6wc/", hash.Info{Scheme: "MD5-CRYPT", Rounds: 1000, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{SHA512-CRYPT}$1$saltsalt$sdQOToCWyWmY3.C5XP6wc/", hash.Info{Scheme: "MD5-CRYPT", Rounds: 1000, Weak: true, Mislabelled: true, Dovecot24: hash.RefusedWeak}, true},
	{"{CRYPT}abd0hcYtGqTts", hash.Info{Scheme: "DES-CRYPT", Rounds: 25, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{DES-CRYPT}aGeLhKrjo8sVQ", hash.Info{Scheme: "DES-CRYPT", Rounds: 25, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{CRYPT}$3$$c589bf544426dd0dbc310b34320b9c28", hash.Info{Scheme: "nt", Rounds: 1, Weak: true}, true},
	{"{PBKDF2}$1$$1$228fd1e2966ee8f4b21f765157def104153b3485", hash.Info{Scheme: "PBKDF2", Rounds: 1, Weak: true}, true},
	{"{CRYPT}$sha1$909$r6Jm.iqGB/bocCAnh5/y$Zr.BaKqWZP0SRa4UggTF0Ta7oo84", hash.Info{Scheme: "sha1crypt", Rounds: 909, Weak: true}, true},

	{"{CRAM-MD5}4e3771a1a672bdc8bd8db861c1f2a29a8e043c99300ca203a1a92bbea7506691", hash.Info{Scheme: "CRAM-MD5", Rounds: 1, Weak: true, ChallengeResponse: true}, false},
	{"{HMAC-MD5}4e3771a1a672bdc8bd8db861c1f2a29a8e043c99300ca203a1a92bbea7506691", hash.Info{Scheme: "HMAC-MD5", Rounds: 1, Weak: true, ChallengeResponse: true, Dovecot24: hash.RefusedWeak}, false},
	{"{DIGEST-MD5}79b155eca02416a6c0ffed7ef3573252", hash.Info{Scheme: "DIGEST-MD5", Rounds: 1, Weak: true, ChallengeResponse: true}, false},
	{"{OTP}sha1 1024 58ebd555984bd217 58162c99cfac2065", hash.Info{Scheme: "OTP", Rounds: 1024, Weak: true, ChallengeResponse: true, Dovecot24: hash.RefusedUnknown}, false},
	{"{SCRAM-SHA-1}4096,WWwD7BYc12GZvvxkVV4TuA==,lZKKad1qxCrm4cJREs7Uizl8OFs=,A4Z581X2JzBH9Q25+Tc5PlU2erU=", hash.Info{Scheme: "SCRAM-SHA-1", Rounds: 4096, ChallengeResponse: true}, false},
	{"{SCRAM-SHA-256}4096,1vm12jd/OxxlOJH43kLNfg==,w29GAtDatTYyT2EhuTbQwt0GSAmJih36f/2DzXkZV6w=,shBFjNowscCGi/FgX3bdwfq5JbLLWcWrr21IPYrbNSk=", hash.Info{Scheme: "SCRAM-SHA-256", Rounds: 4096, ChallengeResponse: true}, false},

	{guideSHA256, hash.Info{Scheme: "SHA256-CRYPT", Rounds: 5000}, false},
	{"{CRYPT}" + payload(guideSHA256), hash.Info{Scheme: "SHA256-CRYPT", Rounds: 5000}, false},
	{"{CRYPT}$6$rounds=1000$499Y48kWAFYklt6L$g5oPXyvyFoNBDSWvUOzHdnI/H1tfVuEmMSp3r/iVfzAqDcFHtxw/jnRhqy3KLdqwQUMxM41WvHIHvqjILuT0i0", hash.Info{Scheme: "SHA512-CRYPT", Rounds: 1000}, false},
	{"{PBKDF2}$1$xs4ygJNJs6Cg3lyZ$5000$8bb2a05edf14a7280d17ce9d84c014bc8c0833ac", hash.Info{Scheme: "PBKDF2", Rounds: 5000}, false},
	{guideBcrypt, hash.Info{Scheme: "BLF-CRYPT", Cost: 5}, false},
	{"{CRYPT}" + payload(guideBcrypt), hash.Info{Scheme: "BLF-CRYPT", Cost: 5}, false},
	{"{CRYPT}$7$CU..../....Z4Avnjo5sS3RzFJwqaQE90$4w1/7NoilIyjaNTbaYgNkoQJq6.EGvtYU0CC0F9m4K8", hash.Info{Scheme: "scrypt", Rounds: 1, Memory: 65548}, false},
	{"{CRYPT}$y$j75$sCUVzhpi64JndXnjdPY03/$V4WoD1LxtRi49zDkeWjELH6AbXtKvzYzsT2.GH2XSQA", hash.Info{Scheme: "yescrypt", Rounds: 1, Memory: 1027}, false},
	{"{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$T2yvI+oK8lDmMrK7IhWEsg$yJJJNJcRIV4encZIsGoqXQkg027hMA3KYLc4RFtDP4o", hash.Info{Scheme: "ARGON2I", Rounds: 4, Memory: 32768}, false},
	{"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1" + saltKey, hash.Info{Scheme: "ARGON2ID", Rounds: 3, Memory: 65536}, false},
	{"{ARGON2ID}$argon2id$v=19$m=262144,t=3,p=1" + saltKey, hash.Info{Scheme: "ARGON2ID", Rounds: 3, Memory: 262144, Dovecot23: hash.RefusedMemory, Dovecot24: hash.RefusedMemory}, false},
	{"{ARGON2}$argon2id$v=19$m=65536,t=3,p=1" + saltKey, hash.Info{Scheme: "ARGON2ID", Rounds: 3, Memory: 65536, Dovecot23: hash.RefusedUnknown}, false},
}

// preferred has every scheme that can be generated.
var preferred = []string{"SHA256-CRYPT", "SHA512-CRYPT", "BLF-CRYPT", "ARGON2ID", "PBKDF2", "SCRAM-SHA-256"}

// strengths ranks the schemes that are not weak by how they resist guessing.
var strengths = map[string]hash.Strength{
	"SHA256-CRYPT": hash.Iterated, "SHA512-CRYPT": hash.Iterated, "PBKDF2": hash.Iterated,
	"SCRAM-SHA-1": hash.Iterated, "SCRAM-SHA-256": hash.Iterated, "sha1crypt": hash.Iterated,
	"BLF-CRYPT": hash.Bcrypt,
	"ARGON2I":   hash.MemoryHard, "ARGON2ID": hash.MemoryHard, "scrypt": hash.MemoryHard, "yescrypt": hash.MemoryHard,
}
