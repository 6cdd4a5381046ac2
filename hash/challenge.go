package hash

import (
	"crypto/md5" //nolint:gosec // old schemes are verified, never generated
	"encoding"
	"encoding/binary"
	"errors"
	"strings"
)

var (
	cramMD5   = &algorithm{name: "CRAM-MD5", challenge: true, notFIPS: true}
	hmacMD5   = &algorithm{name: "HMAC-MD5", challenge: true, refused: true, notFIPS: true}
	digestMD5 = &algorithm{name: "DIGEST-MD5", challenge: true, userBound: true, notFIPS: true}
)

// parseCRAM serves CRAM-MD5 and HMAC-MD5: the states of MD5 after the outer and the inner padding of HMAC (RFC 2195,
// section 2), four little-endian words each.
func parseCRAM(a *algorithm) func(string) (parsed, error) {
	return func(payload string) (parsed, error) {
		p := parsed{algorithm: a, cost: lightRounds(1)}
		if len(payload) != 2*md5.Size {
			return p, ErrMalformed
		}
		p.matcher = cramState(payload)
		return p, nil
	}
}

type cramState string

func (c cramState) match(_, password string) (bool, error) {
	if len(password) > md5.BlockSize { // as HMAC does with a long key
		sum := md5.Sum([]byte(password)) //nolint:gosec // see above
		password = string(sum[:])
	}
	state := make([]byte, 0, 2*md5.Size)
	for _, pad := range []byte{0x5c, 0x36} {
		var block [md5.BlockSize]byte
		copy(block[:], password)
		for i := range block {
			block[i] ^= pad
		}
		h := md5.New() //nolint:gosec // see above
		h.Write(block[:])
		// After four bytes of identification come the four words, big-endian. If that ever changes, nothing matches.
		marshaled, err := h.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil || len(marshaled) < 4+md5.Size {
			return false, errors.Join(errors.New("hash: unknown state of crypto/md5"), err)
		}
		for words := marshaled[4 : 4+md5.Size]; len(words) > 0; words = words[4:] {
			state = binary.LittleEndian.AppendUint32(state, binary.BigEndian.Uint32(words))
		}
	}
	return equal(string(c), state), nil
}

// parseDigestMD5 reads the MD5 of "user:realm:password" (RFC 2831, section 2.1.2.1, the inner hash of A1).
func parseDigestMD5(payload string) (parsed, error) {
	p := parsed{algorithm: digestMD5, cost: lightRounds(1)}
	if len(payload) != md5.Size {
		return p, ErrMalformed
	}
	p.matcher = digestMD5Hash(payload)
	return p, nil
}

type digestMD5Hash string

// match takes what follows the last @ for the realm. The user name is as the client sent it: Dovecot hashes the
// original login name and does not fold its case.
func (d digestMD5Hash) match(user, password string) (bool, error) {
	name, realm := user, ""
	if at := strings.LastIndexByte(user, '@'); at >= 0 {
		name, realm = user[:at], user[at+1:]
	}
	sum := md5.Sum([]byte(name + ":" + realm + ":" + password)) //nolint:gosec // see above
	return equal(string(d), sum[:]), nil
}
