//go:build !linux

package command

import (
	"os"

	"golang.org/x/term"
)

// readHidden reads a line from a terminal without echo.
func readHidden(terminal *os.File) (string, error) {
	line, err := term.ReadPassword(int(terminal.Fd()))
	return string(line), err
}
