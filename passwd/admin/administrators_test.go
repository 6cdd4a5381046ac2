package admin_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin"
)

// TestFile: what is wrong with the file lets nobody in, and is said.
func TestFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.domain("example.org")
	v := s.as("alice")
	good, err := os.ReadFile(s.file)
	require.NoError(t, err)
	info, err := os.Stat(s.file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	for content, want := range map[string]string{ //nolint:gosec // examples
		"bob:{PLAIN}secret\n":                               "line 1: the stored password is {PLAIN}, which is weak",
		"bob:{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd\n": "which is weak",
		"bob:$6$x$y\n":                                      "line 1: the stored password",
		"bob\n":                                             "line 1: the stored password",
		"Bob:x\n":                                           "line 1: the name must have",
		"# a\n:{x}y\n":                                      "line 2: the name must have",
		string(good) + string(good):                         "is there twice",
		strings.Replace(string(good), "mine.example", "", 1):             "the list of domains is empty",
		strings.Replace(string(good), "mine.example", "Mine.Example", 1): `the domain "Mine.Example" is not written as it is stored`,
	} {
		require.NoError(t, os.WriteFile(s.file, []byte(content), 0o640)) //nolint:gosec // as it is
		_, err := admin.NewFile(s.file).Administrators()
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "secret")
		assert.Equal(t, http.StatusSeeOther, v.get("/").Code, content)
		assert.Equal(t, http.StatusServiceUnavailable, s.visitor().post("/login", "name", "alice", "password", password, "next", "/").Code)
	}
	require.NoError(t, os.Remove(s.file))
	assert.Equal(t, http.StatusSeeOther, v.get("/").Code)
	require.NoError(t, os.WriteFile(s.file, append([]byte("# a comment\n"), good...), 0o640)) //nolint:gosec // as it is
	assert.Equal(t, http.StatusOK, v.get("/").Code, "once it is mended, the session is there")
	s.administrator("bob", []string{"example.net"})
	text, err := os.ReadFile(s.file)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "# a comment\n"+string(good)), "other lines stay")
	require.ErrorIs(t, admin.RemoveAdministrator(s.file, "nobody"), ispmail.ErrNotFound)
}

// TestFileMode: a file that everybody can read or write lets nobody in, until its mode is mended.
func TestFileMode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	file := admin.NewFile(s.file)
	for _, mode := range []os.FileMode{0o644, 0o642, 0o666} {
		require.NoError(t, os.Chmod(s.file, mode))
		_, err := file.Administrators()
		require.ErrorContains(t, err, "everybody on the machine can read or write", mode)
		require.NoError(t, os.Chmod(s.file, 0o600))
		all, err := file.Administrators()
		require.NoError(t, err)
		assert.Len(t, all, 2)
	}
	_, err := admin.NewFile(filepath.Dir(s.file)).Administrators()
	require.ErrorContains(t, err, "is no file")
}

// TestFileOfTwo: of many who write at the same time, none undoes what another one has done.
func TestFileOfTwo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "administrators")
	var writing sync.WaitGroup
	for i := range 20 {
		writing.Go(func() {
			_, err := admin.SetAdministrator(path, admin.Administrator{Name: fmt.Sprintf("a%d", i), Stored: stored})
			assert.NoError(t, err)
		})
	}
	writing.Wait()
	all, err := admin.NewFile(path).Administrators()
	require.NoError(t, err)
	assert.Len(t, all, 20)
}

// TestFileLink: a symbolic link stays one.
func TestFileLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(s.file, link))
	require.NoError(t, admin.RemoveAdministrator(link, "mia"))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.Equal(t, os.ModeSymlink, info.Mode().Type())
	all, err := admin.NewFile(s.file).Administrators()
	require.NoError(t, err)
	assert.Len(t, all, 1)
}

// TestFileWrongLine: who writes into a file with a wrong line is told, because nobody could log in with it. The wrong line itself can
// be replaced or removed.
func TestFileWrongLine(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	good, err := os.ReadFile(s.file)
	require.NoError(t, err)
	broken := string(good) + "bob:x\n"
	require.NoError(t, os.WriteFile(s.file, []byte(broken), 0o640)) //nolint:gosec // as it is
	_, err = admin.SetAdministrator(s.file, admin.Administrator{Name: "carl", Stored: stored})
	require.ErrorContains(t, err, "line 3: the stored password is none that can be verified; nothing was changed")
	now, err := os.ReadFile(s.file)
	require.NoError(t, err)
	assert.Equal(t, broken, string(now))
	require.NoError(t, admin.RemoveAdministrator(s.file, "bob"))
	now, err = os.ReadFile(s.file)
	require.NoError(t, err)
	assert.Equal(t, string(good), string(now))
}
