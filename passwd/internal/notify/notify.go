// Package notify tells a program at a unix socket which users have changed, so that nobody remembers an old password. The
// commands hang it on [ispmail.Config.OnChange].
package notify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ispmail/go-ispmail/ispmail"
)

// Socket is where the Debian package listens: ispmail-passwd-changed.socket.
const Socket = "/run/ispmail-passwd/changed.sock"

// Timeout bounds how long a change waits for others to hear of it.
const Timeout = time.Second

// Path returns the path in the address of a socket, "unix:/path".
func Path(address string) (string, error) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix || path == "" {
		return "", fmt.Errorf("%q is not unix:/path", address)
	}
	return path, nil
}

// Tell tells the program at a socket of a change, and waits for its answers, a second at the most. For each of [Names] it
// connects once: the program reads a line with the name and answers with the line OK. Tell goes on if the client of the
// change has gone.
func Tell(ctx context.Context, path string, c ispmail.Change) error {
	return TellWithin(ctx, Timeout, path, c)
}

// TellWithin is [Tell] with another time than a second.
func TellWithin(ctx context.Context, most time.Duration, path string, c ispmail.Change) error {
	return tellAll(ctx, most, path, Names(c))
}

// TellToEnd is [TellWithin] for an administrator's change, which also ends the open sessions of whom it concerns, whatever the
// program at the socket does on other changes: their lines are a name, a tab, and "kick".
func TellToEnd(ctx context.Context, most time.Duration, path string, c ispmail.Change) error {
	names := Names(c)
	if LetsIn(c) && names[0] != "*" {
		names[0] += "\tkick" // a new address has no sessions yet
	}
	return tellAll(ctx, most, path, names)
}

func tellAll(ctx context.Context, most time.Duration, path string, lines []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
	defer cancel()
	var errs []error
	for _, line := range lines {
		errs = append(errs, tell(ctx, path, line))
	}
	return errors.Join(errs...)
}

// Names are the lines that tell of a change: an address, two of them for a new address, "@domain" for all users of a domain,
// or "*" for anybody. What stood in a row of another program may be nothing that a line can hold: then it is "*" too.
func Names(c ispmail.Change) []string {
	names := namesOf(c)
	for i, name := range names {
		if name == "" || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			names[i] = "*"
		}
	}
	return names
}

func namesOf(c ispmail.Change) []string {
	switch c.Kind {
	case ispmail.ManyCreated:
		return []string{"*"}
	case ispmail.DomainChanged:
		if c.To != "" {
			return []string{"@" + c.Domain, "@" + c.To}
		}
		return []string{"@" + c.Domain}
	case ispmail.AddressChanged:
		return []string{c.Email, c.To}
	}
	return []string{c.Email}
}

func tell(ctx context.Context, path, line string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
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
