package hash

var desCrypt = &algorithm{name: "DES-CRYPT", refused: true}

const (
	desSize    = 13 // characters: two of salt, eleven of hash
	desSegment = 11 // characters that bigcrypt adds for eight more bytes of password
	desKey     = 8  // bytes of the password that count
	desRounds  = 25
)

// parseDES reads the traditional crypt(3) hash. Its longer relatives, bigcrypt and the extended DES of BSDi, are not
// supported.
func parseDES(payload string) (parsed, error) {
	p := parsed{algorithm: desCrypt, cost: lightRounds(desRounds)}
	switch size := len(payload); {
	case size > 0 && payload[0] == '_' && isCrypt64(payload[1:], 19):
		p.algorithm = bsdiCrypt
		return p, ErrUnsupported
	case size > desSize && size <= desSize+15*desSegment && (size-desSize)%desSegment == 0 && isCrypt64(payload, size):
		p.algorithm = bigcrypt
		return p, ErrUnsupported
	case !isCrypt64(payload, desSize):
		return p, ErrMalformed
	}
	p.matcher = desCrypted(payload)
	return p, nil
}

type desCrypted string

// match uses 7 bits of each of the first 8 bytes of the password.
func (d desCrypted) match(_, password string) (bool, error) {
	var key uint64
	for i := range desKey {
		key <<= 8
		if i < len(password) {
			key |= uint64(password[i]<<1) & 0xfe
		}
	}
	salt, _ := decodeCrypt64(string(d[:2]))
	block := desEncrypt(desSubkeys(key), uint32(salt)) //nolint:gosec // twelve bits
	text := []byte(d[:2])
	for shift := 58; shift > 0; shift -= 6 {
		text = append(text, crypt64[block>>shift&63])
	}
	text = append(text, crypt64[block<<2&63])
	return equal(string(d), text), nil
}

// desEncrypt encrypts a block of zeros 25 times with DES (FIPS 46-3), in which crypt(3) lets the salt exchange bits of
// the expansion: bit i with bit i+24, counted from the left. It is written to be short; one call takes some ten
// microseconds.
func desEncrypt(subkeys [16]uint64, salt uint32) uint64 {
	var exchange uint64
	for i := range 12 {
		exchange |= uint64(salt>>i&1) << (23 - i)
	}
	var left, right uint64 // the initial permutation leaves zeros as they are
	for range desRounds {
		for _, subkey := range subkeys {
			expanded := permute(right, 32, desExpansion[:])
			swapped := (expanded>>24 ^ expanded) & exchange
			expanded ^= swapped<<24 | swapped
			left, right = right, left^desSubstitute(expanded^subkey)
		}
		// The halves change places after the last round. The final permutation and the initial one of the next
		// encryption cancel out.
		left, right = right, left
	}
	return permute(left<<32|right, 64, desFinal[:])
}

func desSubstitute(in uint64) uint64 {
	var out uint64
	for i := range desBoxes {
		six := in >> (42 - 6*i) & 63
		row, column := six>>4&2|six&1, six>>1&15
		out = out<<4 | desBoxes[i][row]>>(60-4*column)&15
	}
	return permute(out, 32, desPermutation[:])
}

func desSubkeys(key uint64) (subkeys [16]uint64) {
	const half = 1<<28 - 1
	both := permute(key, 64, desChoice1[:])
	c, d := both>>28, both&half
	for i := range subkeys {
		shift := 2
		if i == 0 || i == 1 || i == 8 || i == 15 {
			shift = 1
		}
		c = (c<<shift | c>>(28-shift)) & half
		d = (d<<shift | d>>(28-shift)) & half
		subkeys[i] = permute(c<<28|d, 56, desChoice2[:])
	}
	return subkeys
}

// permute picks bits of a number of size bits, which the tables of the standard count from 1 at the left.
func permute(in uint64, size int, table []uint8) (out uint64) {
	for _, position := range table {
		out = out<<1 | in>>(size-int(position))&1
	}
	return out
}

// The tables of FIPS 46-3.
var (
	desFinal = [64]uint8{
		40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31,
		38, 6, 46, 14, 54, 22, 62, 30, 37, 5, 45, 13, 53, 21, 61, 29,
		36, 4, 44, 12, 52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27,
		34, 2, 42, 10, 50, 18, 58, 26, 33, 1, 41, 9, 49, 17, 57, 25,
	}
	desExpansion = [48]uint8{
		32, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12, 13, 12, 13, 14, 15, 16, 17,
		16, 17, 18, 19, 20, 21, 20, 21, 22, 23, 24, 25, 24, 25, 26, 27, 28, 29, 28, 29, 30, 31, 32, 1,
	}
	desPermutation = [32]uint8{
		16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10,
		2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
	}
	desChoice1 = [56]uint8{
		57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
		63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
	}
	desChoice2 = [48]uint8{
		14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
		41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
	}
	// desBoxes has a row of sixteen values of four bits in a number, the first one at the left.
	desBoxes = [8][4]uint64{
		{0xe4d12fb83a6c5907, 0x0f74e2d1a6cb9538, 0x41e8d62bfc973a50, 0xfc8249175b3ea06d},
		{0xf18e6b34972dc05a, 0x3d47f28ec01a69b5, 0x0e7ba4d158c6932f, 0xd8a13f42b67c05e9},
		{0xa09e63f51dc7b428, 0xd709346a285ecbf1, 0xd6498f30b12c5ae7, 0x1ad069874fe3b52c},
		{0x7de3069a1285bc4f, 0xd8b56f03472c1ae9, 0xa690cb7df13e5284, 0x3f06a1d8945bc72e},
		{0x2c417ab6853fd0e9, 0xeb2c47d150fa3986, 0x421bad78f9c5630e, 0xb8c71e2d6f09a453},
		{0xc1af92680d34e75b, 0xaf427c9561de0b38, 0x9ef528c3704a1db6, 0x432c95fabe17608d},
		{0x4b2ef08d3c975a61, 0xd0b7491ae35c2f86, 0x14bdc37eaf680592, 0x6bd814a7950fe23c},
		{0xd2846fb1a93e50c7, 0x1fd8a374c56b0e92, 0x7b419ce206adf358, 0x21e74a8dfc90356b},
	}
)
