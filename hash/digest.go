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
	kind   *kind
	hash   func() gohash.Hash
	salted bool
}

var (
	plainMD4 = &kind{name: "PLAIN-MD4", refused: true}
	plainMD5 = &kind{name: "PLAIN-MD5", refused: true}

	plainMD4Digest = digest{kind: plainMD4, hash: newMD4}
	plainMD5Digest = digest{kind: plainMD5, hash: md5.New}
	shaDigest      = digest{kind: &kind{name: "SHA"}, hash: sha1.New}
	sha256Digest   = digest{kind: &kind{name: "SHA256"}, hash: sha256.New}
	sha512Digest   = digest{kind: &kind{name: "SHA512"}, hash: sha512.New}
	smd5Digest     = digest{kind: &kind{name: "SMD5", refused: true}, hash: md5.New, salted: true}
	sshaDigest     = digest{kind: &kind{name: "SSHA"}, hash: sha1.New, salted: true}
	ssha256Digest  = digest{kind: &kind{name: "SSHA256"}, hash: sha256.New, salted: true}
	ssha512Digest  = digest{kind: &kind{name: "SSHA512"}, hash: sha512.New, salted: true}
)

func (d digest) parse(payload string) (parsed, error) {
	p := parsed{kind: d.kind, cost: cost{rounds: 1}}
	size := d.hash().Size()
	if d.salted && len(payload) <= size || !d.salted && len(payload) != size {
		return p, ErrMalformed
	}
	p.matcher = digested{hash: d.hash, sum: payload[:size], salt: payload[size:]}
	return p, nil
}

type digested struct {
	hash      func() gohash.Hash
	sum, salt string
}

func (d digested) match(_, password string) bool {
	h := d.hash()
	h.Write([]byte(password))
	h.Write([]byte(d.salt))
	return same(d.sum, h.Sum(nil))
}

// parseMD5 serves the scheme MD5, under which Dovecot takes MD5-CRYPT and PLAIN-MD5.
func parseMD5(payload string) (parsed, error) {
	if isMD5Crypt(payload) {
		return parseMD5Crypt(payload)
	}
	raw, err := decodeGuess(payload, md5.Size)
	if err != nil {
		return parsed{kind: plainMD5}, ErrMalformed
	}
	return plainMD5Digest.parse(raw)
}
