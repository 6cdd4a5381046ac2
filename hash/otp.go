package hash

import (
	"crypto/md5"  //nolint:gosec // OTP is verified, never generated
	"crypto/sha1" //nolint:gosec // OTP is verified, never generated
	"encoding/binary"
	"strings"
)

var otp = &algorithm{name: "OTP", challenge: true, notFIPS: true}

const (
	otpSize    = 8  // bytes of a one-time password
	otpMaxSeed = 16 // characters, RFC 2289, section 6.0
)

// parseOTP reads "algorithm sequence seed hash" (RFC 2289). Like Dovecot it takes an empty seed. Dovecot also takes a
// negative sequence and counts down from it for ever; that is refused.
func parseOTP(payload string) (parsed, error) {
	p := parsed{algorithm: otp}
	fields := strings.Split(payload, " ")
	if len(fields) != 4 {
		return p, ErrMalformed
	}
	fold, seed := otpFolds[fields[0]], strings.ToLower(fields[2])
	sequence, ok := decimal(fields[1])
	hash, err := decodeHex(fields[3])
	leadingZero := len(fields[1]) > 1 && fields[1][0] == '0' // Dovecot compares the number as text
	if fold == nil || !ok || leadingZero || err != nil || len(hash) != otpSize ||
		len(seed) > otpMaxSeed || strings.Trim(seed, "0123456789abcdefghijklmnopqrstuvwxyz") != "" {
		return p, ErrMalformed
	}
	p.cost = lightRounds(sequence)
	p.matcher = otpHash{fold: fold, sequence: sequence, seed: seed, hash: hash}
	return p, nil
}

type otpHash struct {
	fold       func([]byte) [otpSize]byte
	sequence   int
	seed, hash string
}

func (o otpHash) match(_, password string) (bool, error) {
	hash := o.fold([]byte(o.seed + password))
	for range o.sequence {
		hash = o.fold(hash[:])
	}
	return equal(o.hash, hash[:]), nil
}

// otpFolds hash and fold to 64 bits as RFC 2289, appendix A, says.
var otpFolds = map[string]func([]byte) [otpSize]byte{
	"md4": func(b []byte) [otpSize]byte {
		h := newMD4()
		h.Write(b)
		return foldHalves([16]byte(h.Sum(nil)))
	},
	"md5": func(b []byte) [otpSize]byte {
		return foldHalves(md5.Sum(b)) //nolint:gosec // see above
	},
	"sha1": func(b []byte) (out [otpSize]byte) {
		sum := sha1.Sum(b) //nolint:gosec // see above
		word := func(i int) uint32 { return binary.BigEndian.Uint32(sum[4*i:]) }
		binary.LittleEndian.PutUint32(out[0:], word(0)^word(2)^word(4))
		binary.LittleEndian.PutUint32(out[4:], word(1)^word(3))
		return out
	},
}

func foldHalves(sum [16]byte) (out [otpSize]byte) {
	for i := range out {
		out[i] = sum[i] ^ sum[i+otpSize]
	}
	return out
}
