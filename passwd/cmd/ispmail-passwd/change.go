package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// passOnTimeout bounds how long the answer to a change waits for others to hear of it.
const passOnTimeout = time.Second

// passOn tells the program at a socket whose password was changed, and waits until it has dealt with that: it reads the
// address, a line, and answers OK. That the client of the change has gone makes no difference.
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
	const longest = 200
	answer, err := io.ReadAll(io.LimitReader(conn, longest))
	if err != nil {
		return err
	}
	if text := strings.TrimSpace(string(answer)); text != "OK" {
		return fmt.Errorf("the answer is %q and not OK", text)
	}
	return nil
}
