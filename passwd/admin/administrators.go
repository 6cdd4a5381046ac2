package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
)

// An Administrator may log in to the page. Administrators are no mailboxes: they have a file of their own.
type Administrator struct {
	Name   string         // of small letters, digits, dot, hyphen, underscore and @
	Stored ispmail.Secret // "{SCHEME}hash", of a scheme that is not weak, and that takes no more than MaxMemory
	// Domains are the names of the domains to which the administrator is limited. Nil stands for all domains.
	Domains []string
}

var administratorName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,63}$`)

// Check returns what is wrong with an administrator. The error has no part of the stored password.
func (a Administrator) Check() error {
	if !administratorName.MatchString(a.Name) {
		return errors.New("the name must have 1 to 64 small letters, digits, dots, hyphens, underscores or @, and begin with a letter or a digit")
	}
	info, err := ownHasher.Inspect(a.Stored.Reveal())
	switch {
	case errors.Is(err, hash.ErrTooCostly):
		return fmt.Errorf("the stored password takes too long or more than %d MiB to verify: set another one", MaxMemory>>10)
	case err != nil && !info.Locked:
		return errors.New("the stored password is none that can be verified")
	case info.Unprefixed:
		return errors.New("the stored password has no {SCHEME}")
	case info.Weak || info.Recoverable:
		return fmt.Errorf("the stored password is {%s}, which is weak: take BLF-CRYPT, SHA512-CRYPT or ARGON2ID", info.Scheme)
	}
	if a.Domains != nil && len(a.Domains) == 0 {
		return errors.New("the list of domains is empty: name them, or leave it out for all domains")
	}
	for _, name := range a.Domains {
		if canonical, err := ispmail.CanonicalDomain(name); err != nil || canonical != name {
			return fmt.Errorf("the domain %q is not written as it is stored: small letters, and xn-- for other scripts", name)
		}
	}
	return nil
}

// A File is the file of the administrators: a line for each, "name:{SCHEME}hash" or "name:{SCHEME}hash:example.org,example.net".
// Lines that begin with # are comments. It is read again when it has changed. Make one with [NewFile]; it is safe for concurrent use.
type File struct {
	path string

	mu    sync.Mutex
	state string // of the file that was read
	all   map[string]Administrator
	err   error
}

// NewFile returns the file at a path, which is read when somebody asks for an administrator.
func NewFile(path string) *File { return &File{path: path} }

// Administrators returns the administrators by name. There is none if the file cannot be read, or if one of its lines is wrong:
// then nobody comes in until it is mended.
func (f *File) Administrators() (map[string]Administrator, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		f.state, f.all, f.err = "", nil, fmt.Errorf("the file of the administrators: %w", err)
		return nil, f.err
	}
	if state := stateOf(info); state != f.state {
		f.all, f.err = readAdministrators(f.path, info.Mode())
		f.state = state
	}
	return f.all, f.err
}

// stateOf tells whether a file is another one than before: SetAdministrator makes a new one.
func stateOf(info fs.FileInfo) string {
	return fmt.Sprintf("%d %d %v %v", info.Size(), info.ModTime().UnixNano(), inode(info), info.Mode())
}

// others are the permissions of everybody on the machine: who could write the file could log in.
const others = fs.FileMode(0o007)

func readAdministrators(path string, mode fs.FileMode) (map[string]Administrator, error) {
	switch {
	case !mode.IsRegular():
		return nil, fmt.Errorf("the file of the administrators: %s is no file", path)
	case mode&others != 0:
		return nil, fmt.Errorf("the file of the administrators: everybody on the machine can read or write %s: chmod o= it", path)
	}
	content, err := os.ReadFile(path) //nolint:gosec // the file of the operator's choice
	if err != nil {
		return nil, fmt.Errorf("the file of the administrators: %w", err)
	}
	return parseAdministrators(path, content)
}

func parseAdministrators(path string, content []byte) (map[string]Administrator, error) {
	all := map[string]Administrator{}
	for i, line := range strings.Split(string(content), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		a := parseAdministrator(line)
		if err := a.Check(); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, i+1, err)
		}
		if _, twice := all[a.Name]; twice {
			return nil, fmt.Errorf("%s, line %d: %s is there twice", path, i+1, a.Name)
		}
		all[a.Name] = a
	}
	return all, nil
}

// parseAdministrator reads a line. No stored password of a scheme that is taken has a colon in it.
func parseAdministrator(line string) (a Administrator) {
	name, rest, _ := strings.Cut(line, ":")
	stored, domains, limited := strings.Cut(rest, ":")
	a.Name, a.Stored = name, ispmail.NewSecret(stored)
	if limited {
		a.Domains = []string{}
		for domain := range strings.SplitSeq(domains, ",") {
			if domain = strings.TrimSpace(domain); domain != "" {
				a.Domains = append(a.Domains, domain)
			}
		}
	}
	return a
}

// SetAdministrator writes an administrator into a file, in the place of the one with that name if there is one. Other lines stay as
// they are, and if one of them is wrong, nothing is changed. The file has mode 0640 and the owner and group that it had before, a new
// one those of its folder, which also takes the place of the group root. It is replaced as a whole, so that nobody reads a half of it; of two who write, one waits.
func SetAdministrator(path string, a Administrator) (added bool, err error) {
	if err := a.Check(); err != nil {
		return false, err
	}
	return rewrite(path, a.Name, strings.TrimSuffix(a.Name+":"+a.Stored.Reveal()+":"+strings.Join(a.Domains, ","), ":"))
}

// RemoveAdministrator takes an administrator out of a file. It returns [ispmail.ErrNotFound] if there is none with that name.
func RemoveAdministrator(path, name string) error {
	isNew, err := rewrite(path, name, "")
	if err == nil && isNew {
		return fmt.Errorf("%w: administrator %s", ispmail.ErrNotFound, name)
	}
	return err
}

// rewrite replaces the line of an administrator by another one, or adds that at the end, or takes it out if there is no other one.
// It tells whether there was none.
func rewrite(path, name, line string) (isNew bool, err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the link stays
	}
	unlock, err := lock(filepath.Dir(path))
	if err != nil {
		return false, err
	}
	defer unlock()
	content, err := os.ReadFile(path) //nolint:gosec // the file of the operator's choice
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	var lines []string
	if text := strings.TrimRight(string(content), "\n"); text != "" {
		lines = strings.Split(text, "\n")
	}
	at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, name+":") })
	switch isNew = at < 0; {
	case isNew && line == "":
		return true, nil
	case isNew:
		lines = append(lines, line)
	case line == "":
		lines = slices.Delete(lines, at, at+1)
	default:
		lines[at] = line
	}
	text := ""
	if len(lines) > 0 {
		text = strings.Join(lines, "\n") + "\n"
	}
	if _, err := parseAdministrators(path, []byte(text)); err != nil {
		return false, fmt.Errorf("%w; nothing was changed", err)
	}
	return isNew, replace(path, text)
}

// replace gives a file another content, as a whole. Its owner and its group stay, but for the group root, to which no service belongs:
// that becomes the one of the folder, as for a new file.
func replace(path, text string) error {
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	before, err := os.Stat(path)
	if err != nil {
		before = folder
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".administrators-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // fails when it has become the file
	_, err = temporary.WriteString(text)
	err = errors.Join(err, temporary.Chmod(0o640), own(temporary, before, folder), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	return err
}
