package hash

import (
	"crypto/md5"  //nolint:gosec // old schemes are verified, never generated
	"crypto/sha1" //nolint:gosec // old schemes are verified, never generated
	"crypto/sha256"
	"crypto/sha512"
	gohash "hash"
)

// A digest is a family of schemes that hash the password once: the digest, and the salt after it if there is one.
// Any salt of at least one byte will do.
type digest struct {
	algorithm *algorithm
	hash      func() gohash.Hash
	size      int // bytes of the digest; hash cannot be asked with GODEBUG=fips140=only
	salted    bool
}

var (
	plainMD4 = &algorithm{name: "PLAIN-MD4", refused: true}
	plainMD5 = &algorithm{name: "PLAIN-MD5", refused: true, notFIPS: true}
	smd5     = &algorithm{name: "SMD5", refused: true, notFIPS: true}

	plainMD4Digest = digest{algorithm: plainMD4, hash: newMD4, size: md4Size}
	plainMD5Digest = digest{algorithm: plainMD5, hash: md5.New, size: md5.Size}
	shaDigest      = digest{algorithm: &algorithm{name: "SHA", notFIPS: true}, hash: sha1.New, size: sha1.Size}
	sha256Digest   = digest{algorithm: &algorithm{name: "SHA256"}, hash: sha256.New, size: sha256.Size}
	sha512Digest   = digest{algorithm: &algorithm{name: "SHA512"}, hash: sha512.New, size: sha512.Size}
	smd5Digest     = digest{algorithm: smd5, hash: md5.New, size: md5.Size, salted: true}
	sshaDigest     = digest{algorithm: &algorithm{name: "SSHA", notFIPS: true}, hash: sha1.New, size: sha1.Size, salted: true}
	ssha256Digest  = digest{algorithm: &algorithm{name: "SSHA256"}, hash: sha256.New, size: sha256.Size, salted: true}
	ssha512Digest  = digest{algorithm: &algorithm{name: "SSHA512"}, hash: sha512.New, size: sha512.Size, salted: true}
)

func (d digest) parse(payload string) (parsed, error) {
	p := parsed{algorithm: d.algorithm, cost: lightRounds(1)}
	if d.salted && len(payload) <= d.size || !d.salted && len(payload) != d.size {
		return p, ErrMalformed
	}
	p.matcher = digested{hash: d.hash, sum: payload[:d.size], salt: payload[d.size:]}
	return p, nil
}

type digested struct {
	hash      func() gohash.Hash
	sum, salt string
}

func (d digested) match(_, password string) (bool, error) {
	h := d.hash()
	h.Write([]byte(password))
	h.Write([]byte(d.salt))
	return equal(d.sum, h.Sum(nil)), nil
}

// parseMD5 serves the scheme MD5, under which Dovecot takes MD5-CRYPT and PLAIN-MD5.
func parseMD5(payload string) (parsed, error) {
	if isMD5Crypt(payload) {
		return parseMD5Crypt(payload)
	}
	raw, err := decodeGuess(payload, md5.Size)
	if err != nil {
		return parsed{algorithm: plainMD5}, ErrMalformed
	}
	return plainMD5Digest.parse(raw)
}
