package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// passOnTimeout bounds how long the answer to a change waits for others to hear of it.
const passOnTimeout = time.Second

// passOn tells the program at a socket whose password was changed, and waits for its answer. The program reads a line with
// the address and answers with the line OK. passOn goes on if the client of the change has gone.
func passOn(ctx context.Context, address, email string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), passOnTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(address, "unix:"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, email+"\n"); err != nil {
		return err
	}
	// Only the first line: the program may have more to do then, and systemd keeps the connection of a unit as long as that.
	const longest = 200
	answer, err := bufio.NewReader(io.LimitReader(conn, longest)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if text := strings.TrimSpace(answer); text != "OK" {
		return fmt.Errorf("the answer is %q and not OK", text)
	}
	return nil
}
