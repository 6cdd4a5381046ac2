package admin

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a file the owner and the group of the one that it will replace, so that the service can still read it.
func keepOwner(file *os.File, before fs.FileInfo) error {
	stat, ok := before.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() && int(stat.Gid) == os.Getegid() {
		return nil
	}
	return file.Chown(int(stat.Uid), int(stat.Gid))
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
