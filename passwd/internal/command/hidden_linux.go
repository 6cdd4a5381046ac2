package command

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// readHidden reads a line from a terminal without echo. It is term.ReadPassword but for the end of the input, which the keys Ctrl
// and D send: that reads on, see readPasswordLine in https://cs.opensource.google/go/x/term/+/master:terminal.go, and takes no
// reader that would tell.
func readHidden(terminal *os.File) (string, error) {
	fd := int(terminal.Fd())
	state, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", err
	}
	hidden := *state
	hidden.Lflag = hidden.Lflag&^unix.ECHO | unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &hidden); err != nil {
		return "", err
	}
	defer func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, state) }() // an error changes nothing of what was read
	return readLine(fd)
}

// readLine reads byte by byte, so that what follows the line stays for others.
func readLine(fd int) (string, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		switch n, err := unix.Read(fd, b); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return "", err
		case n == 0:
			return "", errors.New("the input has ended, and nothing was changed")
		case b[0] == '\n':
			return string(line), nil
		case b[0] == '\b': // of a terminal where another key takes characters back
			line = line[:max(len(line)-1, 0)]
		default:
			line = append(line, b[0])
		}
	}
}
