// Package notify tells a program at a unix socket which users have changed, so that nobody remembers an old password. The
// commands hang it on [ispmail.Config.OnChange].
package notify

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
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

// NoticeSocket is where the Debian package listens for changes of passwords of which the owners get mail:
// ispmail-passwd-notice.socket.
const NoticeSocket = "/run/ispmail-passwd/notice.sock"

// Found returns the path of a socket that a setting names, or, if it names none, the usual one if that is there, or "".
func Found(setting, usual string) string {
	if setting != "" {
		return setting
	}
	if info, err := os.Stat(usual); err == nil && info.Mode().Type() == os.ModeSocket {
		return usual
	}
	return ""
}

// A Line is what the program at a socket reads, as JSON. No name in it needs an escape, so that a shell can take it out.
type Line struct {
	User    string    `json:"user"`              // one of [Names], always the first field
	Kick    bool      `json:"kick,omitempty"`    // whether open sessions are to end too
	Kind    string    `json:"kind"`              // an [ispmail.ChangeKind]
	Unknown bool      `json:"unknown,omitempty"` // the database did not tell whether it is in force
	Time    time.Time `json:"time"`
	Channel string    `json:"channel"`          // api, page or poppassd, or admin
	Client  string    `json:"client,omitempty"` // the address of the person, where it is known
}

// An Origin is where a change comes from. The zero value is an administrator.
type Origin struct {
	Channel string
	Client  netip.Addr
}

// Tell tells the program at a socket of a change, and waits for its answers, a second at the most. For each of [Names] it
// connects once: the program reads a [Line] and answers with the line OK. Tell goes on if the client of the change has gone.
func Tell(ctx context.Context, path string, c ispmail.Change, from Origin) error {
	return TellWithin(ctx, Timeout, path, c, from)
}

// TellOwner is [Tell] for the program that mails the owner of an account after a change of its password. It listens at the path,
// or, if that is "", at [NoticeSocket]. Where that is not there, and after other changes, TellOwner does nothing.
func TellOwner(ctx context.Context, path string, c ispmail.Change, from Origin) error {
	if path = Found(path, NoticeSocket); path == "" || c.Kind != ispmail.PasswordChanged {
		return nil
	}
	if err := Tell(ctx, path, c, from); err != nil {
		return fmt.Errorf("unix:%s did not take word of it: %w", path, err)
	}
	return nil
}

// TellWithin is [Tell] with another time than a second.
func TellWithin(ctx context.Context, most time.Duration, path string, c ispmail.Change, from Origin) error {
	return tellAll(ctx, most, path, linesOf(c, from))
}

// TellToEnd is [TellWithin] for an administrator's change, which also ends the open sessions of whom it concerns, whatever the
// program at the socket does on other changes.
func TellToEnd(ctx context.Context, most time.Duration, path string, c ispmail.Change) error {
	lines := linesOf(c, Origin{})
	lines[0].Kick = LetsIn(c) && lines[0].User != "*" // a new address has no sessions yet
	return tellAll(ctx, most, path, lines)
}

func linesOf(c ispmail.Change, from Origin) (lines []Line) {
	for _, name := range Names(c) {
		l := Line{
			User: name, Kind: string(c.Kind), Unknown: c.Unknown,
			Time: time.Now().UTC().Truncate(time.Second), Channel: cmp.Or(from.Channel, "admin"),
		}
		if from.Client.IsValid() {
			l.Client = from.Client.String()
		}
		lines = append(lines, l)
	}
	return lines
}

func tellAll(ctx context.Context, most time.Duration, path string, lines []Line) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
	defer cancel()
	var errs []error
	for _, line := range lines {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		errs = append(errs, cmp.Or(encoder.Encode(line), tell(ctx, path, text.String())))
	}
	return errors.Join(errs...)
}

// Names are who is told of a change: an address, two of them for a new address, "@domain" for all users of a domain,
// or "*" for anybody. What stood in a row of another program may be nothing that a line can hold: then it is "*" too.
func Names(c ispmail.Change) []string {
	names := namesOf(c)
	for i, name := range names {
		if name == "" || !utf8.ValidString(name) || strings.ContainsFunc(name, needsEscape) {
			names[i] = "*"
		}
	}
	return names
}

// needsEscape reports whether a character has an escape in JSON.
func needsEscape(r rune) bool {
	return unicode.IsControl(r) || strings.ContainsRune("\"\\\u2028\u2029", r)
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
	if _, err := io.WriteString(conn, line); err != nil {
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
