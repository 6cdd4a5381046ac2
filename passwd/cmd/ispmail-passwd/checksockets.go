package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/database"
	"github.com/ispmail/go-ispmail/passwd/internal/notify"
	"github.com/ispmail/go-ispmail/passwd/internal/serve"
)

// A sayer prints a sentence of --check after its verdict: ok, warn or FAIL.
type sayer func(verdict, format string, args ...any)

// checkSockets tries what the service does with sockets, where --check runs: in the sandbox of the unit, if it is called there. It
// listens nowhere for longer than that takes.
func checkSockets(ctx context.Context, s *settings, say sayer) bool {
	listening := checkListeners(s, say)
	told := checkOnChange(ctx, s, say)
	mailed := checkNotice(ctx, s, say)
	return listening && told && mailed
}

// checkListeners tries each address where the service would listen. One that is in use is taken for that of the running service. A
// setting that names a socket of systemd becomes the address of that.
func checkListeners(s *settings, say sayer) bool {
	inherited, err := serve.Inherit()
	if err != nil {
		say("FAIL", "%v.", err)
		return false
	}
	good := true
	for _, a := range s.addresses {
		name, isSystemd := strings.CutPrefix(a.Set, "systemd:")
		switch {
		case isSystemd && len(inherited) == 0:
			say("warn", "%s: systemd passed no sockets, so %s cannot be looked at. As root, call ispmail-passwd-check.", a.Flag, a.Set)
		case isSystemd:
			listener, err := inherited.Listen(a.Set, 0)
			if err != nil {
				say("FAIL", "%s: %v.", a.Flag, err)
				good = false
				continue
			}
			*a.Value = serve.AddressOf(listener)
			say("ok", "%s: the socket %s of systemd is there, on %s.", a.Flag, name, *a.Value)
		default:
			good = checkListener(a.Flag, a.Set, say) && good
		}
	}
	if err := s.validateReach(); err != nil {
		say("FAIL", "%v.", err)
		return false
	}
	return good
}

// checkListener tries an address that the service itself would open.
func checkListener(flag, address string, say sayer) bool {
	err := tryToListen(address)
	switch {
	case errors.Is(err, serve.ErrInUse):
		say("ok", "%s: %s is in use, by the service if it runs.", flag, address)
	case err != nil:
		say("FAIL", "%s: nothing can listen on %s: %v.", flag, address, err)
		return false
	default:
		say("ok", "%s: the service can listen on %s.", flag, address)
	}
	if !strings.HasPrefix(address, "unix:") && onlyLoopback() {
		say("warn", "%s: this process sees no network but a loopback of its own (PrivateNetwork=yes of the unit?), and nobody reaches %s there: use a socket unit and systemd:NAME.", flag, address)
	}
	return true
}

// tryToListen listens for a moment. It leaves a file that is there as it is.
func tryToListen(address string) error {
	if path, isUnix := strings.CutPrefix(address, "unix:"); isUnix {
		if info, err := os.Lstat(path); err == nil {
			if info.Mode().Type() != fs.ModeSocket {
				return errors.New("the file is there and not a socket")
			}
			return serve.ErrInUse
		}
		dir, err := os.MkdirTemp(filepath.Dir(path), ".check") // that its place can be written to
		if err != nil {
			return serve.Wording(err)
		}
		return os.Remove(dir)
	}
	listener, err := serve.Sockets{}.Listen(address, 0)
	if err != nil {
		return err
	}
	return listener.Close()
}

// checkOnChange tells the program of --on-change of a user that nobody is.
func checkOnChange(ctx context.Context, s *settings, say sayer) bool {
	if s.onChange == "" {
		return true
	}
	nobody := ispmail.Change{Kind: ispmail.PasswordChanged, Email: "nobody@check.invalid", Domain: "check.invalid"}
	begin := time.Now()
	if err := notify.TellWithin(ctx, database.Timeout, s.onChange, nobody, notify.Origin{}); err != nil {
		say("FAIL", "--on-change: nobody hears of changes at %s, and Dovecot's cache goes on to accept old passwords: %v. For the socket of the package: systemctl enable --now ispmail-passwd-changed.socket.", s.OnChange, err)
		return false
	}
	say("ok", "--on-change: the program at %s hears of changes, and answers.", s.OnChange)
	if took := time.Since(begin); took > notify.Timeout {
		say("warn", "--on-change: that took %v, and a change is answered after %v.", took.Round(time.Millisecond), notify.Timeout)
	}
	return true
}

// checkNotice tells the program that mails the owners of accounts of a change that has no mail.
func checkNotice(ctx context.Context, s *settings, say sayer) bool {
	path := notify.Found(s.Notice, notify.NoticeSocket)
	if path == "" || s.Demo && s.Notice == "" {
		return true
	}
	nobody := ispmail.Change{Kind: ispmail.StateChanged, Email: "nobody@check.invalid", Domain: "check.invalid"}
	if err := notify.TellWithin(ctx, database.Timeout, path, nobody, notify.Origin{}); err != nil {
		say("FAIL", "--notice: owners get no mail about changes, because nobody hears of them at unix:%s: %v. For the socket of the package: systemctl enable --now ispmail-passwd-notice.socket; ispmail-passwd notice --check; journalctl -u 'ispmail-passwd-notice@*' says what went wrong.", path, err)
		return false
	}
	say("ok", "--notice: the program at unix:%s hears of changes, and answers.", path)
	return true
}

// networkHint says what may keep a database on TCP away, "" if there is nothing to see.
func (s *settings) networkHint() string {
	if !s.onTCP() || mayUseTCP() && !onlyLoopback() {
		return ""
	}
	return " This process may use no network: for a database on TCP, ispmail-passwd.service and ispmail-passwd-rehash@.service need the drop-in tcp.conf, each in its own directory, and then systemctl daemon-reload."
}

func (s *settings) onTCP() bool {
	servers, err := ispmail.ParseDSN(s.dsn)
	return err == nil && slices.ContainsFunc(servers, func(c *mysql.Config) bool { return c.Net == "tcp" })
}

// mayUseTCP reports whether the process may make a socket, which RestrictAddressFamilies= of a unit can forbid.
func mayUseTCP() bool {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	_ = syscall.Close(fd)
	return true
}

// onlyLoopback reports whether the process has no network interface but a loopback, as with PrivateNetwork=yes of a unit. It reads
// a file, because net.Interfaces needs a family of sockets that a unit may forbid.
func onlyLoopback() bool {
	table, err := os.ReadFile("/proc/self/net/dev")
	if err != nil {
		return false
	}
	names := 0
	for line := range strings.Lines(string(table)) {
		name, _, isInterface := strings.Cut(strings.TrimSpace(line), ":")
		if !isInterface {
			continue
		}
		if name != "lo" {
			return false
		}
		names++
	}
	return names > 0
}
