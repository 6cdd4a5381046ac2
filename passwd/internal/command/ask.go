package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// maxInput is the number of bytes of a line of standard input that may be a password, more than any scheme takes.
const maxInput = 4096

// IsTerminal tells whether somebody sits at standard input.
func IsTerminal(stdin io.Reader) bool {
	file, ok := stdin.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// ReadPassword asks for a password at the terminal, or reads the first line of standard input.
func ReadPassword(ctx context.Context, stdin io.Reader, stderr io.Writer, prompt string) (string, error) {
	if IsTerminal(stdin) {
		terminal := int(stdin.(*os.File).Fd())
		state, err := term.GetState(terminal)
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprint(stderr, prompt+": ")
		password, err := Wait(ctx, func() (string, error) { return readHidden(stdin.(*os.File)) })
		_, _ = fmt.Fprintln(stderr)
		if ctx.Err() != nil {
			awaitChange(terminal, state)
		}
		return password, errors.Join(err, term.Restore(terminal, state)) // which has no echo yet if it was interrupted
	}
	line, err := Wait(ctx, func() (string, error) {
		return bufio.NewReader(io.LimitReader(stdin, maxInput+1)).ReadString('\n')
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if text, ok := strings.CutSuffix(line, "\n"); ok { // which ends the line, as does a carriage return before it
		line = strings.TrimSuffix(text, "\r")
	}
	switch {
	case line == "":
		return "", errors.New("standard input holds no password")
	case len(line) >= maxInput:
		return "", fmt.Errorf("the first line of standard input is longer than %d bytes", maxInput)
	}
	return line, nil
}

// awaitChange waits until a terminal has another state, but not long: a readHidden that was interrupted before it
// had begun would switch the echo off after everything is over.
func awaitChange(terminal int, state *term.State) {
	for range 100 {
		if now, err := term.GetState(terminal); err != nil || *now != *state {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Wait returns what somebody types, or an error as soon as the program is to end.
func Wait(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		text, err := read()
		typed <- answer{text, err}
	}()
	select {
	case a := <-typed:
		return a.text, a.err
	case <-ctx.Done():
		return "", errors.New("interrupted, and nothing was changed")
	}
}
