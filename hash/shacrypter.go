package hash

import (
	"encoding"
	"encoding/binary"
	gohash "hash"
	"strings"
	"sync"
)

// A shaCrypter computes the hash of SHA256-CRYPT or SHA512-CRYPT. Use newSHACrypter.
//
// Of the thousands of hashes that one password takes, each covers the digest of the one before and text that does not
// change. So all texts are laid out once, with the padding of the hash function at their end. A round puts the last
// digest into its place, writes whole blocks and takes the new digest from the marshaled state. This saves what Sum
// does: copy the state, pad, allocate. Where a text begins with constant blocks, the state after them is kept.
type shaCrypter struct {
	algorithm *algorithm
	prefix    string
	newHash   func() gohash.Hash
	size      int // bytes of the digest
	block     int // bytes of a block
	// order rotates the three byte indices from group to group of the encoded digest.
	order [3]int
	// quick tells whether the rounds may rely on the marshaled state, see quickWorks.
	quick func() bool
}

func newSHACrypter(a *algorithm, prefix string, newHash func() gohash.Hash, order [3]int) *shaCrypter {
	h := newHash()
	c := &shaCrypter{algorithm: a, prefix: prefix, newHash: newHash, size: h.Size(), block: h.BlockSize(), order: order}
	c.quick = sync.OnceValue(c.quickWorks)
	return c
}

// stateful is what the hashes of the standard library are.
type stateful interface {
	gohash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

const (
	maxSHAText = 86  // characters of the longest encoded digest, that of SHA512-CRYPT
	stateMagic = 4   // bytes of identification before the digest in a marshaled state
	stateSpace = 256 // bytes, room for a marshaled state: 108 of SHA-256, 204 of SHA-512
)

// textSize is the number of characters of the encoded digest.
func (c *shaCrypter) textSize() int { return (8*c.size + 5) / 6 }

// appendHash appends the encoded digest to dst.
func (c *shaCrypter) appendHash(dst []byte, password, salt string, rounds int) []byte {
	return c.sum(dst, password, salt, rounds, c.quick())
}

// quickWorks compares the quick rounds with the plain ones over passwords of up to three blocks. The standard library
// promises that a marshaled state can be read back and continued, not how it looks. If that ever changes, the plain rounds
// are used.
func (c *shaCrypter) quickWorks() bool {
	if _, ok := c.newHash().(stateful); !ok {
		return false
	}
	for size := 0; size <= 3*c.block; size += 7 {
		password := strings.Repeat("correct horse battery staple", size/28+1)[:size]
		const salt = "sixteen chars it"
		plain := c.sum(nil, password, salt, len(shaShapes), false)
		if string(c.sum(nil, password, salt, len(shaShapes), true)) != string(plain) {
			return false
		}
	}
	return true
}

// sum takes the steps that https://www.akkadia.org/drepper/SHA-crypt.txt numbers. It allocates the state of the hash
// and one buffer.
func (c *shaCrypter) sum(dst []byte, password, salt string, rounds int, quick bool) []byte {
	longest := 2*len(password) + len(salt) + c.size
	need := len(password) + len(salt) + 2*c.size
	if quick {
		need += 8*c.padded(longest) + 5*stateSpace
	}
	a := arena(make([]byte, need))
	h := c.newHash()

	p := append(a.take(len(password))[:0], password...)
	s := append(a.take(len(salt))[:0], salt...)
	b, digest := a.take(c.size)[:0], a.take(c.size)[:0]

	write(h, p, s, p) // steps 4 to 8: digest B
	b = h.Sum(b)

	h.Reset() // steps 1 to 3 and 9 to 12: digest A
	write(h, p, s)
	for n := len(p); n > 0; n -= c.size {
		h.Write(b[:min(n, c.size)])
	}
	for n := len(p); n > 0; n >>= 1 {
		if n&1 == 1 {
			h.Write(b)
		} else {
			h.Write(p)
		}
	}
	digest = h.Sum(digest)

	h.Reset() // steps 13 to 16: P
	for range len(p) {
		h.Write(p)
	}
	repeat(p, h.Sum(b[:0]))

	h.Reset() // steps 17 to 20: S
	for range 16 + int(digest[0]) {
		h.Write(s)
	}
	repeat(s, h.Sum(b[:0]))

	if quick { // step 21
		c.quickRounds(h, &a, p, s, digest, rounds)
	} else {
		plainRounds(h, p, s, digest, rounds)
	}
	return c.encode(dst, digest)
}

// The text of a round has one of eight shapes, after step 21.
const (
	oddRound  = 1 << iota // P comes first and the digest last, else the digest first and P last
	withSalt              // S comes second
	withTwice             // P comes once more before the last
	shapes
)

// shaShapes are the shapes of the rounds, which repeat after 2*3*7 of them.
var shaShapes = func() (cycle [42]uint8) {
	for i := range cycle {
		if i%2 != 0 {
			cycle[i] |= oddRound
		}
		if i%3 != 0 {
			cycle[i] |= withSalt
		}
		if i%7 != 0 {
			cycle[i] |= withTwice
		}
	}
	return cycle
}()

func plainRounds(h gohash.Hash, p, s, digest []byte, rounds int) {
	for i := range rounds {
		shape := shaShapes[i%len(shaShapes)]
		first, last := digest, p
		if shape&oddRound != 0 {
			first, last = p, digest
		}
		h.Reset()
		h.Write(first)
		if shape&withSalt != 0 {
			h.Write(s)
		}
		if shape&withTwice != 0 {
			h.Write(p)
		}
		h.Write(last)
		h.Sum(digest[:0])
	}
}

// A shaText is the padded text of all rounds of one shape.
type shaText struct {
	hole  []byte // where the last digest belongs
	state []byte // the marshaled state after the constant blocks at the beginning; nil if there are none
	rest  []byte // the blocks after them
}

func (c *shaCrypter) quickRounds(h gohash.Hash, a *arena, p, s, digest []byte, rounds int) {
	hs := h.(stateful) // quickWorks has seen it
	var texts [shapes]shaText
	for shape := range texts {
		texts[shape] = c.layOut(h, a, p, s, shape)
	}
	space := a.take(stateSpace)
	last := digest
	for i := range rounds {
		text := &texts[shaShapes[i%len(shaShapes)]]
		// The state first: the copy waits until the digest is stored, and what comes after it would wait as well.
		if text.state == nil {
			h.Reset()
		} else {
			_ = hs.UnmarshalBinary(text.state) // works: quickWorks has tried it
		}
		copy(text.hole, last)
		h.Write(text.rest)
		state, _ := hs.AppendBinary(space[:0]) // never fails, see crypto/sha256
		last = state[stateMagic : stateMagic+c.size]
	}
	copy(digest, last)
}

func (c *shaCrypter) layOut(h gohash.Hash, a *arena, p, s []byte, shape int) shaText {
	size := len(p) + c.size
	if shape&withSalt != 0 {
		size += len(s)
	}
	if shape&withTwice != 0 {
		size += len(p)
	}
	text := a.take(c.padded(size))
	n, hole, constant := 0, 0, 0
	if shape&oddRound != 0 {
		n += copy(text, p)
	} else {
		n += c.size
	}
	if shape&withSalt != 0 {
		n += copy(text[n:], s)
	}
	if shape&withTwice != 0 {
		n += copy(text[n:], p)
	}
	if shape&oddRound != 0 {
		hole, constant = n, n/c.block*c.block
	} else {
		copy(text[n:], p)
	}
	text[size] = 0x80        // FIPS 180-4, section 5.1
	bits := uint64(size) * 8 //nolint:gosec // a length
	binary.BigEndian.PutUint64(text[len(text)-8:], bits)

	t := shaText{hole: text[hole : hole+c.size], rest: text[constant:]}
	if constant > 0 {
		h.Reset()
		h.Write(text[:constant])
		t.state, _ = h.(stateful).AppendBinary(a.take(stateSpace)[:0])
	}
	return t
}

// padded is the size of a text with its padding: one byte, and the length in an eighth of a block.
func (c *shaCrypter) padded(size int) int {
	return (size + 1 + c.block/8 + c.block - 1) / c.block * c.block
}

// encode appends the digest in its own kind of base64: groups of three bytes from different thirds of the digest, and
// the one or two bytes that are left.
func (c *shaCrypter) encode(dst, digest []byte) []byte {
	group := [3]int{0, c.size / 3, c.size / 3 * 2}
	for range c.size / 3 {
		value := uint32(digest[group[0]])<<16 | uint32(digest[group[1]])<<8 | uint32(digest[group[2]])
		dst = appendCrypt64(dst, value, 4)
		group = [3]int{group[c.order[0]] + 1, group[c.order[1]] + 1, group[c.order[2]] + 1}
	}
	var value uint32
	left := digest[c.size/3*3:]
	for i, b := range left {
		value |= uint32(b) << (8 * i)
	}
	return appendCrypt64(dst, value, len(left)+1)
}

// An arena hands out parts of one allocation.
type arena []byte

func (a *arena) take(n int) []byte {
	part := (*a)[:n:n]
	*a = (*a)[n:]
	return part
}

func write(h gohash.Hash, parts ...[]byte) {
	for _, part := range parts {
		h.Write(part)
	}
}

// repeat fills dst with copies of pattern.
func repeat(dst, pattern []byte) {
	for len(dst) > 0 {
		dst = dst[copy(dst, pattern):]
	}
}
