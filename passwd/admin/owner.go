package admin

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// own gives a file the owner of the one that it will replace and the group of its folder, so that the service can read it.
func own(file *os.File, before, folder fs.FileInfo) error {
	owner, known := before.Sys().(*syscall.Stat_t)
	group, too := folder.Sys().(*syscall.Stat_t)
	if !known || !too || int(owner.Uid) == os.Geteuid() && int(group.Gid) == os.Getegid() {
		return nil
	}
	return file.Chown(int(owner.Uid), int(group.Gid))
}

// inode is the number of a file, which another one of the same name does not have.
func inode(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ino
	}
	return 0
}

// lock keeps others out who write in a folder, until unlock.
func lock(folder string) (unlock func(), err error) {
	file, err := os.Open(folder) //nolint:gosec // the folder of the operator's choice
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil
}
