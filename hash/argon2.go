package hash

import (
	"encoding/base64"
	"fmt"
	"math"
	"strings"

	"golang.org/x/crypto/argon2"
)

var (
	argon2i  = &algorithm{name: "ARGON2I", strength: MemoryHard}
	argon2id = &algorithm{name: "ARGON2ID", strength: MemoryHard}
)

// Limits of libsodium, by which Dovecot verifies argon2, and own ones where it has none.
const (
	argon2MinSalt = 8
	argon2MinKey  = 16
	argon2MaxText = 128 // bytes of salt and of key
	argon2MaxLane = 255 // golang.org/x/crypto counts lanes in a byte
	argon2KeySize = 32
	argon2Memory  = 19 * 1024 // KiB, the first choice of OWASP
	argon2Passes  = 2         // with that memory
	argon2Slices  = 4         // of a lane, RFC 9106, section 3.4
	argon2Stack   = 8         // KiB of the goroutine that golang.org/x/crypto starts for a lane
	// feebleMemory is the amount in KiB, times passes, under which a memory-hard function is weak. OWASP asks for 19 MiB
	// times 2. The least that doveadm makes is 32 MiB times 4.
	feebleMemory = 1024
)

// parseArgon2 reads "$argon2id$v=19$m=65536,t=3,p=1$salt$key", or argon2i. The payload decides which, whatever the
// name of the scheme is. See https://github.com/P-H-C/phc-string-format.
func parseArgon2(payload string) (parsed, error) {
	p := parsed{algorithm: argon2id}
	fields := strings.Split(payload, "$")
	if len(fields) != 6 || fields[0] != "" || fields[2] != "v=19" {
		return p, ErrMalformed
	}
	a := argon2Hash{derive: argon2.IDKey}
	switch fields[1] {
	case "argon2id":
	case "argon2i":
		p.algorithm, a.derive = argon2i, argon2.Key
	default:
		return p, ErrMalformed
	}
	memory, passes, lanes, ok := argon2Setting(fields[3])
	if !ok || memory < 8*lanes {
		return p, ErrMalformed
	}
	p.cost = argon2Cost(memory, passes, lanes, p.algorithm == argon2i)
	p.feeble = p.cost.passed < feebleMemory
	salt, err1 := decodeRawBase64(fields[4])
	key, err2 := decodeRawBase64(fields[5])
	switch {
	case err1 != nil || err2 != nil || len(salt) < argon2MinSalt || len(key) < argon2MinKey:
		return p, ErrMalformed
	case lanes > argon2MaxLane || len(salt) > argon2MaxText || len(key) > argon2MaxText:
		return p, ErrTooCostly
	}
	a.salt, a.key = salt, string(key)
	a.memory, a.passes, a.lanes = uint32(memory), uint32(passes), uint8(lanes) //nolint:gosec // 31 bits, one byte
	p.matcher = a
	return p, nil
}

// argon2Cost counts blocks as golang.org/x/crypto/argon2 computes them. Each pass goes through every slice of every lane
// in a goroutine, which costs about one block more. argon2i also makes two blocks of addresses for each 128 blocks, or
// fewer, of a slice: where slices are short, these are most of the work.
func argon2Cost(memory, passes, lanes int, addresses bool) cost {
	slice := memory / (argon2Slices * lanes)
	blocks := slice + 1
	if addresses {
		blocks += 2 * ((slice + 127) / 128)
	}
	c := cost{rounds: passes, memory: memory, passed: product(int64(passes), int64(memory))}
	if lanes > 1 {
		c.memory = int(min(int64(memory)+int64(argon2Stack)*int64(lanes), math.MaxInt32))
	}
	c.work = product(int64(passes), int64(lanes), argon2Slices, int64(blocks))
	return c
}

// argon2Setting reads "m=65536,t=3,p=1", in this order.
func argon2Setting(s string) (memory, passes, lanes int, ok bool) {
	m, rest, _ := strings.Cut(s, ",")
	t, p, _ := strings.Cut(rest, ",")
	read := func(field, prefix string) int {
		digits, found := strings.CutPrefix(field, prefix)
		n, isNumber := canonicalDecimal(digits)
		if !found || !isNumber {
			return 0
		}
		return n
	}
	memory, passes, lanes = read(m, "m="), read(t, "t="), read(p, "p=")
	return memory, passes, lanes, memory > 0 && passes > 0 && lanes > 0
}

// decodeRawBase64 is strict: encoding/base64 alone would skip line ends.
func decodeRawBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, ErrMalformed
	}
	return base64.RawStdEncoding.Strict().DecodeString(s)
}

type argon2Hash struct {
	derive         func(password, salt []byte, passes, memory uint32, lanes uint8, size uint32) []byte
	memory, passes uint32
	lanes          uint8
	salt           []byte
	key            string
}

func (a argon2Hash) match(_, password string) (bool, error) {
	size := uint32(len(a.key)) //nolint:gosec // at most argon2MaxText
	return equal(a.key, a.derive([]byte(password), a.salt, a.passes, a.memory, a.lanes, size)), nil
}

// argon2idGenerator allows less memory than is verified: it must fit into Dovecot's processes of 256 MiB
// (default_vsz_limit) beside everything else, or the login fails as if the password were wrong.
var argon2idGenerator = &generator{
	rounds: Range{Min: 1, Max: 16, Default: argon2Passes},
	memory: Range{Min: feebleMemory, Max: 64 * 1024, Default: argon2Memory},
	length: Range{Min: 106, Max: 108, Default: 107},
	generate: func(c *Config, password string) (string, error) {
		salt := randomBytes(16)
		memory, passes := uint32(c.Memory), uint32(c.Rounds)
		key := argon2.IDKey([]byte(password), salt, passes, memory, 1, argon2KeySize)
		raw := base64.RawStdEncoding
		return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, memory, passes,
			raw.EncodeToString(salt), raw.EncodeToString(key)), nil
	},
}
