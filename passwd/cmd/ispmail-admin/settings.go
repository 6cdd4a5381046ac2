package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/database"
	"github.com/ispmail/go-ispmail/passwd/internal/logwriter"
	"github.com/ispmail/go-ispmail/passwd/internal/notify"
	"github.com/ispmail/go-ispmail/passwd/internal/serve"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

// settings are the flags. Each is also an environment variable: ISPMAIL_ADMIN_ and its name in capitals.
type settings struct {
	Database       *command.DSN
	Demo           bool
	State          []string
	Administrators string

	Listen, SocketMode string
	TrustedProxy       []string
	SiteName           string

	Hashing   command.Hashing
	MinLength int
	OnChange  string
	Notice    string // a path
	Floor     time.Duration
	LogFormat string
	LogLevel  string

	dsn      string
	hasher   *hash.Hasher
	proxies  []netip.Prefix
	mode     fs.FileMode
	onChange string // the path of OnChange

	addresses  []serve.Address // where it listens
	overridden []string        // what is said of variables without effect

	stdin   io.Reader
	stderr  io.Writer // where the log goes
	journal bool      // whether systemd's journal reads it
}

const (
	environment = "ISPMAIL_ADMIN"
	// administratorsFile is where the Debian package looks for it.
	administratorsFile = "/etc/ispmail-admin/administrators"
	// maxBcrypt is the number of bytes of a password that bcrypt takes.
	maxBcrypt = 72
)

// addFlags adds the settings to the command. The file of the administrators is one of its sub-command too.
func (s *settings) addFlags(root *cobra.Command) {
	shared := root.PersistentFlags()
	shared.StringVar(&s.Administrators, "administrators", administratorsFile, "`FILE` of who may log in, as \"ispmail-admin user\" writes it; read again when it changes")
	command.Group("Administrators", shared)
	command.Environment(environment, shared)

	f := root.Flags()
	s.Database = command.DSNFlags(environment, "dsn", f)
	f.BoolVar(&s.Demo, "demo", false, "serve example rows from a database in memory, over plain HTTP on a loopback address")
	command.StateFlag(&s.State, f)
	command.Group("Database", f)

	f.StringVar(&s.Listen, "listen", "127.0.0.1:8082", "`ADDRESS` where the page listens: host:port of a loopback address, unix:/path of a socket, or systemd:name of a socket unit with that FileDescriptorName")
	f.StringVar(&s.SocketMode, "socket-mode", "0660", "`MODE` of the socket, octal")
	f.Var(command.List(&s.TrustedProxy), "trusted-proxy", "addresses or `NETWORKS` of the web server in front, whose X-Forwarded-For is believed, for example 127.0.0.1; over a socket it always is")
	f.StringVar(&s.SiteName, "site-name", "Mail", "title of the page, the `NAME` of the site")
	command.Group("Page", f)

	s.Hashing.MaxMemory = admin.MaxMemory // for all hashing together
	f.StringVar(&s.Hashing.Scheme, "scheme", "SHA256-CRYPT", "`SCHEME` of new passwords of users, in Dovecot's spelling; use BLF-CRYPT if your guide used that")
	s.Hashing.DefaultFlag(f)
	f.IntVar(&s.MinLength, "min-length", 15, "least number `N` of characters of a password that an administrator types, from 8 to 64")
	command.Group("Passwords", f)

	f.StringVar(&s.OnChange, "on-change", "", "`ADDRESS` of a socket, unix:/path, of a program that is told which users have changed, such as one that flushes Dovecot's cache")
	command.NoticeFlag(&s.Notice, f)
	f.DurationVar(&s.Floor, "floor", 500*time.Millisecond, "least `TIME` after which a refused login is answered, up to 10 s; where the passwords of administrators need it, it is three times as long as the dearest takes to verify, up to 2 s")
	s.LogFormat, s.LogLevel = "text", "info"
	f.Var(command.Choice(&s.LogFormat, "text", "json"), "log-format", "`FORMAT` of the log on standard error, text or json")
	f.Var(command.Choice(&s.LogLevel, "debug", "info", "warn", "error"), "log-level", "`LEVEL` of what is logged: debug, info, warn or error")
	command.Group("Operation", f)
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.VisitAll(func(one *pflag.Flag) {
		if one.Name != "dsn" && one.Name != "dsn-file" {
			own.AddFlag(one)
		}
	})
	command.Environment(environment, own)
}

// validate looks at what the flags and the environment say.
func (s *settings) validate() (err error) {
	if s.dsn, err = s.Database.Read(); err != nil {
		return err
	}
	switch {
	case s.Demo && s.dsn != "":
		return errors.New("--demo has a database of its own: leave out the DSN")
	case s.Demo && s.State != nil:
		return errors.New("--demo has a database of its own, without a column of state: leave out --state-column")
	case !s.Demo && s.dsn == "":
		return errors.New("name the database with --dsn-file, ISPMAIL_ADMIN_DSN or --dsn, or try --demo")
	}
	if s.MinLength == 0 {
		return errors.New("--min-length: 0 is not in 8 to 64")
	}
	if s.Floor <= 0 || s.Floor > 10*time.Second {
		return fmt.Errorf("--floor: %v is not in 0 to 10s", s.Floor)
	}
	if s.hasher, err = s.Hashing.Hasher(); err != nil {
		return err
	}
	if s.OnChange != "" {
		if s.onChange, err = notify.Path(s.OnChange); err != nil {
			return fmt.Errorf("--on-change: %w", err)
		}
	}
	return s.validateListener()
}

func (s *settings) validateListener() error {
	s.addresses = []serve.Address{{Flag: "--listen", Set: s.Listen, Value: &s.Listen}}
	local, err := serve.IsLocal(s.Listen)
	switch {
	case err != nil:
		return fmt.Errorf("--listen: %w", err)
	case !local:
		return fmt.Errorf("--listen: %s is not a loopback address: put a web server with TLS in front", s.Listen)
	}
	if s.proxies, err = serve.ParseNetworks(s.TrustedProxy); err != nil {
		return fmt.Errorf("--trusted-proxy: %w", err)
	}
	if s.mode, err = serve.ParseMode(s.SocketMode); err != nil {
		return fmt.Errorf("--socket-mode: %w", err)
	}
	return nil
}

// opener returns the function that opens the database of the settings.
func (s *settings) opener(config ispmail.Config) database.Opener {
	if s.Demo {
		return database.Memory(config, fillDemo)
	}
	if path, ok := sqlitefile.Path(s.dsn); ok {
		return database.SQLite(path, config)
	}
	return database.MariaDB(s.dsn, config)
}

func (s *settings) logger(w io.Writer) *slog.Logger {
	return logwriter.Logger(w, cmp.Or(s.LogFormat, "text"), cmp.Or(s.LogLevel, "info"), s.journal)
}

// maxLength is the most bytes of a password that the scheme takes, 0 for the usual limit.
func (s *settings) maxLength() int {
	if s.hasher.Scheme() == "BLF-CRYPT" {
		return maxBcrypt
	}
	return 0
}
