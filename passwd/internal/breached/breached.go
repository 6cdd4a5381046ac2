// Package breached looks for passwords in the list of Have I Been Pwned, a file of tens of gigabytes that is never loaded:
// https://haveibeenpwned.com/Passwords
package breached

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the hash of the list
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"unicode/utf16"

	//lint:ignore SA1019 NTLM is made of it, and nothing is protected by it here
	"golang.org/x/crypto/md4" //nolint:staticcheck,gosec // the same
)

const (
	maxReads = 40          // of a search
	block    = 4096        // bytes of the last read, some eighty lines
	maxSize  = 1 << 50     // bytes of a file that 40 reads are enough for
	longest  = 40 + 1 + 21 // bytes of a line: a hash, a colon, a count and its end
	looks    = 64          // at random places of a file, before it is used
)

// A List is a file of lines "HASH:count", sorted by the hash, SHA-1 or NTLM in hexadecimal digits, as the downloader of Have I Been
// Pwned writes it. Make one with [Open]; the zero value does not work. It is safe for concurrent use.
type List struct {
	path string

	mu   sync.RWMutex // a reload closes no file that is being read
	file *file
}

// Open opens a list and looks at its first line, its last one and 64 at random places. The error is a sentence about what is
// wrong with the file.
func Open(path string) (*List, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	return &List{path: path, file: f}, nil
}

// Reload opens the file again, which may be another one now. After an error the old one stays in use.
func (l *List) Reload() error {
	f, err := openFile(l.path)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.file
	l.file = f
	return old.Close()
}

// Close closes the file. The list cannot be used any more.
func (l *List) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// String tells what the file is.
func (l *List) String() string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.file.String()
}

// Partial reports whether the file ends far before the last hashes, as one does whose download was cut.
func (l *List) Partial() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.file.last[0] != 0xff
}

// Has reports whether a password is in the list. The error says that the file cannot be read or is out of order, and holds nothing
// of the password.
func (l *List) Has(password string) (bool, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.file.search(l.file.kind.sum(password))
}

// A kind is one of the hashes that a list has.
type kind struct {
	name string
	size int // bytes
	sum  func(password string) []byte
}

var kinds = []kind{{"SHA-1", sha1.Size, sumSHA1}, {"NTLM", md4.Size, sumNTLM}}

func sumSHA1(password string) []byte {
	sum := sha1.Sum([]byte(password)) //nolint:gosec // the hash of the list
	return sum[:]
}

// sumNTLM is MD4 of UTF-16, little-endian.
func sumNTLM(password string) []byte {
	var text []byte
	for _, unit := range utf16.Encode([]rune(password)) {
		text = append(text, byte(unit), byte(unit>>8)) //nolint:gosec // its two bytes
	}
	digest := md4.New() //nolint:gosec // the hash of the list
	digest.Write(text)
	return digest.Sum(nil)
}

// file is an open list.
type file struct {
	io.ReaderAt
	io.Closer
	size int64
	kind kind
	last []byte // the hash of the last line
}

func (f *file) String() string {
	return fmt.Sprintf("%.1f GB of %s", float64(f.size)/1e9, f.kind.name)
}

func openFile(path string) (*file, error) {
	opened, err := os.Open(path) //nolint:gosec // the file of the administrator's choice
	if err != nil {
		return nil, err
	}
	f, err := newFile(opened)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s %w", path, err), opened.Close())
	}
	return f, nil
}

func newFile(opened *os.File) (*file, error) {
	info, err := opened.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("is a directory, and not one file as the downloader writes it with --single")
	case !info.Mode().IsRegular():
		return nil, errors.New("is no regular file")
	case info.Size() == 0:
		return nil, errors.New("is empty")
	case info.Size() > maxSize:
		return nil, errors.New("is larger than a petabyte")
	}
	f := &file{ReaderAt: opened, Closer: opened, size: info.Size()}
	return f, f.inspect()
}

// inspect finds out which hash a file has, and looks at lines of it.
func (f *file) inspect() error {
	first, err := f.read(0, longest)
	if err != nil {
		return err
	}
	for _, k := range kinds {
		if bytes.IndexByte(first, ':') == 2*k.size {
			f.kind = k
		}
	}
	if f.kind.size == 0 {
		return errors.New(`is no list of Have I Been Pwned: its first line is not "HASH:count" with a hash of SHA-1 or NTLM`)
	}
	places := []int64{0, f.size - 1}
	for range looks {
		places = append(places, rand.Int64N(f.size)) //nolint:gosec // a sample
	}
	slices.Sort(places)
	var before line
	for _, place := range places {
		l, err := f.lineAt(place)
		if err == nil && before.hash != nil && l.start != before.start && bytes.Compare(before.hash, l.hash) >= 0 {
			err = errNotSorted
		}
		if err != nil {
			return fmt.Errorf("is no list of Have I Been Pwned, or a part of it is lost: %w", err)
		}
		before = l
	}
	f.last = before.hash
	return nil
}

var errNotSorted = errors.New("it is not sorted by the hash")

// A line is one of a file.
type line struct {
	start, end int64 // its first byte, and the one behind its line end
	hash       []byte
}

// lineAt returns the line that has the byte at a place.
func (f *file) lineAt(place int64) (line, error) {
	from := max(0, place-longest)
	text, err := f.read(from, 2*longest+1)
	if err != nil {
		return line{}, err
	}
	at := place - from
	start := int64(bytes.LastIndexByte(text[:at], '\n') + 1)
	if start == 0 && from > 0 {
		return line{}, fmt.Errorf("there is no line at byte %d", place)
	}
	return f.parse(text[start:], from+start)
}

// parse reads the line at the beginning of a text, which begins at a place of the file.
func (f *file) parse(text []byte, start int64) (line, error) {
	bad := fmt.Errorf("the line at byte %d is not %q with a hash of %s", start, "HASH:count", f.kind.name)
	content, _, ended := bytes.Cut(text, []byte("\n"))
	l := line{start: start, end: start + int64(len(content))}
	if ended {
		l.end++
	} else if l.end != f.size {
		return line{}, bad
	}
	digits, count, _ := bytes.Cut(bytes.TrimSuffix(content, []byte("\r")), []byte(":"))
	l.hash = make([]byte, f.kind.size)
	if len(digits) != 2*f.kind.size || len(count) == 0 || len(bytes.Trim(count, "0123456789")) > 0 {
		return line{}, bad
	}
	if _, err := hex.Decode(l.hash, digits); err != nil {
		return line{}, bad
	}
	return l, nil
}

// read reads up to n bytes from a place, fewer at the end of the file only.
func (f *file) read(from int64, n int) ([]byte, error) {
	text := make([]byte, min(int64(n), f.size-from))
	_, err := f.ReadAt(text, from)
	if errors.Is(err, io.EOF) {
		err = errors.New("it has become shorter")
	}
	return text, err
}

// search looks for a hash. It reads at most maxReads times.
func (f *file) search(hash []byte) (bool, error) {
	var low, high []byte // the hashes around the part from begin to end
	begin, end := int64(0), f.size
	for range maxReads - 1 {
		if end-begin <= block {
			break
		}
		l, err := f.lineAt(begin + (end-begin)/2)
		switch {
		case err != nil:
			return false, err
		case low != nil && bytes.Compare(l.hash, low) <= 0, high != nil && bytes.Compare(l.hash, high) >= 0:
			return false, errNotSorted
		}
		switch bytes.Compare(hash, l.hash) {
		case 0:
			return true, nil
		case -1:
			end, high = l.start, l.hash
		default:
			begin, low = l.end, l.hash
		}
	}
	text, err := f.read(begin, int(end-begin))
	if err != nil {
		return false, err
	}
	return f.scan(text, begin, hash, low, high)
}

// scan looks for a hash in lines, and whether they are sorted.
func (f *file) scan(text []byte, start int64, hash, low, high []byte) (found bool, err error) {
	for len(text) > 0 {
		l, err := f.parse(text, start)
		if err != nil {
			return false, err
		}
		if low != nil && bytes.Compare(l.hash, low) <= 0 || high != nil && bytes.Compare(l.hash, high) >= 0 {
			return false, errNotSorted
		}
		found = found || bytes.Equal(l.hash, hash)
		text, start, low = text[l.end-l.start:], l.end, l.hash
	}
	return found, nil
}
