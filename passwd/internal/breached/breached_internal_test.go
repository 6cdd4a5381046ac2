package breached

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// password is the one of a number; those that are divisible by three are in the lists of the tests.
func password(i int) string { return fmt.Sprintf("pässword %d", i) }

// lines returns a list of n passwords.
func lines(k kind, n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%X:%d", k.sum(password(3*i)), i*i*i+1))
	}
	slices.Sort(list)
	return list
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pwned.txt")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestSums(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8", hex.EncodeToString(sumSHA1("password")))
	assert.Equal(t, "8846f7eaee8fb117ad06bdd830b7586c", hex.EncodeToString(sumNTLM("password")))
}

// TestHas finds what is in a list, the first line and the last one too, and nothing else.
func TestHas(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		for _, n := range []int{1, 2, 3, 50, 99, 100, 101, 5000} {
			for _, end := range []string{"\n", "\r\n"} {
				list := lines(k, n)
				text := strings.Join(list, end)
				for _, content := range []string{text, text + end, strings.ToLower(text)} {
					l, err := Open(write(t, content))
					require.NoError(t, err, "%s %d", k.name, n)
					step := max(1, n/100)
					for i := 0; i < n; i += step {
						for number, want := range map[int]bool{3 * i: true, 3*i + 1: false} {
							found, err := l.Has(password(number))
							require.NoError(t, err)
							require.Equal(t, want, found, "%s %d of %d", k.name, i, n)
						}
					}
					assert.Contains(t, l.String(), k.name)
					require.NoError(t, l.Close())
				}
			}
		}
	}
}

// TestWrongFile: each has a sentence.
func TestWrongFile(t *testing.T) {
	t.Parallel()
	list := lines(kinds[0], 1000)
	text := strings.Join(list, "\n") + "\n"
	reversed := slices.Clone(list)
	slices.Reverse(reversed)
	for content, want := range map[string]string{
		"":                                     "is empty",
		"\n":                                   "is no list of Have I Been Pwned",
		"password\n":                           "its first line is not",
		strings.Repeat("x", 10000):             "its first line is not",
		strings.ReplaceAll(text, ":", " "):     "its first line is not",
		text[:len(text)-30]:                    "a part of it is lost: the line at byte",
		text + "\n":                            "a part of it is lost: the line at byte",
		strings.Join(reversed, "\n"):           "it is not sorted",
		list[0] + "\n" + list[0] + "x":         "the line at byte",
		list[0] + "\n<html>":                   "the line at byte",
		text + lines(kinds[1], 1000)[999]:      "the line at byte",
		list[0] + ":" + strings.Repeat("1", 5): "the line at byte",
	} {
		_, err := Open(write(t, content))
		assert.ErrorContains(t, err, want, "%.50q", content)
	}
	_, err := Open(filepath.Join(t.TempDir(), "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Open(t.TempDir())
	assert.ErrorContains(t, err, "is a directory")
}

// TestDisorder: what is wrong in a place that nobody has looked at before is an error, which holds no password.
func TestDisorder(t *testing.T) {
	t.Parallel()
	list := lines(kinds[0], 5000)
	path := write(t, strings.Join(list, "\n")+"\n")
	l, err := Open(path)
	require.NoError(t, err)
	requireFound := func() {
		found, err := l.Has(password(3))
		require.NoError(t, err)
		require.True(t, found)
	}
	requireFound()
	middle := slices.Clone(list)
	slices.Reverse(middle[1000:4000])
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(middle, "\n")+"\n"), 0o600))
	failed := 0
	for i := range 1000 {
		found, err := l.Has(password(3 * i))
		if err != nil {
			failed++
			require.False(t, found)
			require.EqualError(t, err, "it is not sorted by the hash")
		}
	}
	assert.NotZero(t, failed)

	require.Error(t, l.Reload(), "the old one stays")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(list, "\n")), 0o600))
	require.NoError(t, l.Reload())
	requireFound()
	require.NoError(t, os.Truncate(path, 100))
	_, err = l.Has(password(3))
	require.ErrorContains(t, err, "it has become shorter")
	require.NoError(t, l.Close())
}

// endless is a list as large as one may be, whose lines are made when they are read. Line i has the hash i, times 2^96.
type endless struct{ reads, most int }

const endlessLine = 32 + len(":1\n")

func (e *endless) ReadAt(p []byte, from int64) (int, error) {
	e.reads++
	e.most = max(e.most, len(p))
	for n := 0; n < len(p); {
		i, skip := (from+int64(n))/int64(endlessLine), (from+int64(n))%int64(endlessLine)
		n += copy(p[n:], fmt.Sprintf("%016x%016x:1\n", i<<16, 0)[skip:])
	}
	return len(p), nil
}

// TestReads counts the reads of searches in a petabyte.
func TestReads(t *testing.T) {
	t.Parallel()
	const count = maxSize / int64(endlessLine)
	e := &endless{}
	f := &file{ReaderAt: e, Closer: io.NopCloser(nil), size: count * int64(endlessLine), kind: kinds[1]}
	worst := 0
	for i := range int64(300) {
		for _, at := range []int64{i, count - 1 - i, i * (count / 300), i*(count/300) + 1} {
			hash := make([]byte, 16)
			binary.BigEndian.PutUint64(hash, uint64(at)<<16) //nolint:gosec // it is positive
			e.reads = 0
			found, err := f.search(hash)
			require.NoError(t, err)
			require.True(t, found, at)
			worst = max(worst, e.reads)
			hash[15] = 1
			e.reads = 0
			found, err = f.search(hash)
			require.NoError(t, err)
			require.False(t, found, at)
			worst = max(worst, e.reads)
		}
	}
	assert.LessOrEqual(t, worst, maxReads)
	assert.Greater(t, worst, 30, "the test must be able to fail")
	assert.LessOrEqual(t, e.most, block)
}
