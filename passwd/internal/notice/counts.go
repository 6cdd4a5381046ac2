package notice

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// interval is the time in which an account gets one mail at the most.
const interval = 10 * time.Minute

// counts keeps in a directory who got a mail lately: a file for each account, whose name is a digest of the address, whose time is
// that of the mail, and whose content is the number of changes after it. A digest of an address is no secret, because addresses can
// be guessed: so nobody else may look into the directory.
type counts struct{ directory string }

// once calls send, with the number of changes since the last mail that had none, unless the account got a mail within the interval.
// If send fails, it was none.
func (c counts) once(email string, now time.Time, send func(more int) error) (sent bool, err error) {
	if info, err := os.Stat(c.directory); err != nil || info.Mode().Perm()&0o077 != 0 {
		return false, cmp.Or(err, fmt.Errorf("others may look into %s, which keeps who got a mail: chmod 700", c.directory))
	}
	lock, err := os.OpenFile(filepath.Join(c.directory, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // which unlocks it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return false, err
	}
	path := filepath.Join(c.directory, fmt.Sprintf("%x", sha256.Sum256([]byte(email))))
	more := 0
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return false, err
	default:
		content, err := os.ReadFile(path) //nolint:gosec // our own file
		if err != nil {
			return false, err
		}
		more, _ = strconv.Atoi(strings.TrimSpace(string(content)))
		if now.Sub(info.ModTime()).Abs() < interval { // a mail may be newer than now, which waited for the lock
			return false, write(path, more+1, info.ModTime())
		}
	}
	if err := send(more); err != nil {
		return false, err
	}
	return true, errors.Join(write(path, 0, now), c.forget(now))
}

func write(path string, more int, at time.Time) error {
	if err := os.WriteFile(path, []byte(strconv.Itoa(more)+"\n"), 0o600); err != nil {
		return err
	}
	return os.Chtimes(path, at, at)
}

// forget removes the files of a day ago.
func (c counts) forget(now time.Time) error {
	entries, err := os.ReadDir(c.directory)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && entry.Name() != "lock" && now.Sub(info.ModTime()) > 24*time.Hour {
			_ = os.Remove(filepath.Join(c.directory, entry.Name()))
		}
	}
	return err
}
