package admin

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// own gives a file the owner and the group of the one that it will replace, or for the group root that of the folder.
func own(file *os.File, before, folder fs.FileInfo) error {
	old, known := before.Sys().(*syscall.Stat_t)
	around, too := folder.Sys().(*syscall.Stat_t)
	if !known || !too {
		return nil
	}
	group := old.Gid
	if group == 0 {
		group = around.Gid
	}
	if int(old.Uid) == os.Geteuid() && int(group) == os.Getegid() {
		return nil
	}
	return file.Chown(int(old.Uid), int(group))
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
