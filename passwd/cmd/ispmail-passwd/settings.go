package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/go-sql-driver/mysql"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
)

// settings are the flags. Each is also an environment variable: ISPMAIL_PASSWD_ and its name in capitals.
type settings struct {
	Command string `arg:"" optional:"" enum:"serve,rehash" default:"serve" help:"serve, the default; or rehash: renew the stored password of somebody who has just logged in, if it is due for that. Reads the address and the password from standard input, a line each."`

	DSNFile string `name:"dsn-file" group:"Database" placeholder:"FILE" help:"File whose first line is the DSN of the database: user:password@tcp(127.0.0.1:3306)/mailserver, user:password@unix(/run/mysqld/mysqld.sock)/mailserver, or sqlite:/path/file.db."`
	DSN     string `name:"dsn" group:"Database" placeholder:"DSN" help:"The DSN itself. As an argument it must not hold a password, because everybody on the machine can read arguments."`
	Demo    bool   `name:"demo" group:"Database" help:"Serve example accounts from a database in memory."`

	APIListen  string   `name:"api-listen" group:"API for webmail" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where the API listens: host:port, unix:/path of a socket, or systemd:name of a socket unit with that FileDescriptorName. An address that is not loopback needs a secret. Default: 127.0.0.1:8080."`
	SocketMode string   `name:"socket-mode" group:"API for webmail" default:"0660" placeholder:"MODE" help:"Mode of the sockets, octal. Default: 0660."`
	SecretFile string   `name:"secret-file" group:"API for webmail" placeholder:"FILE" help:"File with the secret that the webmail must send, as the password of HTTP Basic or as a Bearer token. A second line is a second secret, for changing it without a gap. Each has at least 16 bytes."`
	Secret     []string `name:"secret" group:"API for webmail" sep:"," placeholder:"SECRET" help:"The secrets themselves, separated by commas. Taken from the environment only."`
	FieldUser  string   `name:"field-user" group:"API for webmail" default:"user" placeholder:"NAME" help:"Name of the form field with the address. Default: user."`
	FieldCur   string   `name:"field-current" group:"API for webmail" default:"curpass" placeholder:"NAME" help:"Name of the form field with the current password. Default: curpass."`
	FieldNew   string   `name:"field-new" group:"API for webmail" default:"newpass" placeholder:"NAME" help:"Name of the form field with the new password. Default: newpass."`

	Listen       string   `name:"listen" group:"Page for people" placeholder:"ADDRESS" help:"Where the page listens, an address as above. Put a web server with TLS in front of it. By default there is no page."`
	TrustedProxy []string `name:"trusted-proxy" group:"Page for people" sep:"," placeholder:"NETWORK" help:"Addresses or networks of that web server, whose X-Forwarded-For is believed, for example 127.0.0.1. Over a socket it always is."`
	SiteName     string   `name:"site-name" group:"Page for people" default:"Mail" placeholder:"NAME" help:"Title of the page. Default: Mail."`
	WebmailURL   string   `name:"webmail-url" group:"Page for people" placeholder:"URL" help:"Where a link on the page leads back to."`

	Scheme    string `name:"scheme" group:"Passwords" default:"SHA256-CRYPT" placeholder:"SCHEME" help:"Scheme of new passwords, in Dovecot's spelling. Use BLF-CRYPT if your guide used that. Default: SHA256-CRYPT."`
	MinLength int    `name:"min-length" group:"Passwords" default:"15" placeholder:"N" help:"Least number of characters of a new password, from 8 to 64. Default: 15, as NIST SP 800-63B-4 asks."`
	AllowSame bool   `name:"allow-same" group:"Passwords" help:"Accept a new password that is the current one, to renew its hash."`

	OnChange      string        `name:"on-change" group:"Operation" placeholder:"ADDRESS" help:"Socket, unix:/path, of a program that is told whose password was changed, such as one that flushes Dovecot's cache: it reads the address, a line, and answers OK. The change is answered after that, or a second later."`
	MaxConcurrent int           `name:"max-concurrent" group:"Operation" placeholder:"N" help:"How many changes may be under way at the same time, beside one more for the API. Default: one less than processors, at least 1."`
	Floor         time.Duration `name:"floor" group:"Operation" default:"500ms" placeholder:"TIME" help:"Time after which wrong credentials are answered, whatever is wrong with them. Default: 500ms."`
	MetricsListen string        `name:"metrics-listen" group:"Operation" placeholder:"ADDRESS" help:"Where /healthz, /readyz and /metrics (Prometheus) listen, an address as above. By default nowhere."`
	LogFormat     string        `name:"log-format" group:"Operation" default:"text" enum:"text,json" placeholder:"FORMAT" help:"Format of the log on standard error: text or json. Default: text."`
	LogLevel      slog.Level    `name:"log-level" group:"Operation" default:"info" placeholder:"LEVEL" help:"What to log: debug (also why credentials are wrong), info, warn or error. Default: info."`
	Check         bool          `name:"check" group:"Operation" help:"Check the settings and the database, say what is wrong with them, and end."`

	Version kong.VersionFlag `name:"version" env:"-" help:"Print the version."`

	hasher  *hash.Hasher
	proxies []netip.Prefix
	mode    fs.FileMode
}

// commandRehash is the value of Command that does not serve.
const commandRehash = "rehash"

const description = `Lets the users of an ISPmail server change their passwords: through a webmail, for which it has an API, and on a page
of its own.

Every setting can also be an environment variable, --api-listen for one as ISPMAIL_PASSWD_API_LISTEN. An argument goes
before the environment.`

// errDone says that there is nothing left to do: help or the version was printed.
var errDone = errors.New("done")

// parse reads the settings from the arguments and the environment, and validates them.
func parse(args []string, stdout, stderr io.Writer) (*settings, error) {
	s := &settings{}
	done := false
	parser, err := kong.New(
		s,
		kong.Name("ispmail-passwd"),
		kong.Description(description),
		kong.DefaultEnvars("ISPMAIL_PASSWD"),
		kong.Writers(stdout, stderr),
		kong.Vars{"version": version()},
		kong.Exit(func(int) { done = true }),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 100}),
	)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.Parse(args)
	if done {
		return nil, errDone
	}
	if err != nil {
		return nil, fmt.Errorf("%w; see --help", err)
	}
	asArgument := map[string]bool{}
	for _, p := range parsed.Path {
		if p.Flag != nil {
			asArgument[p.Flag.Name] = true
		}
	}
	if asArgument["secret"] {
		return nil, errors.New("--secret must not be an argument, everybody on the machine can read it: use --secret-file or ISPMAIL_PASSWD_SECRET")
	}
	for _, validate := range []func() error{s.validatePasswords, s.validateListeners, s.readSecrets, s.validateSecrets, s.validateCommand, s.readDSN} {
		if err := validate(); err != nil {
			return nil, err
		}
	}
	if asArgument["dsn"] && s.holdsPassword() {
		return nil, errors.New("--dsn must not hold a password, everybody on the machine can read it: use --dsn-file or ISPMAIL_PASSWD_DSN")
	}
	return s, nil
}

func (s *settings) validatePasswords() (err error) {
	if s.MinLength == 0 { // which passwd.Config takes for its default
		return errors.New("--min-length: 0 is not in 8 to 64")
	}
	if s.hasher, err = hash.New(hash.Config{Scheme: s.Scheme}); err != nil {
		return fmt.Errorf("--scheme: %w", err)
	}
	return nil
}

func (s *settings) validateListeners() error {
	if s.Demo && s.Listen == "" {
		s.Listen = demoListen
	}
	for _, network := range s.TrustedProxy {
		prefix, err := netip.ParsePrefix(network)
		if address, addressErr := netip.ParseAddr(network); addressErr == nil {
			prefix, err = address.Prefix(address.BitLen())
		}
		if err != nil {
			return fmt.Errorf("--trusted-proxy: %q is neither an address nor a network", network)
		}
		if prefix.Addr().Is4In6() && prefix.Bits() >= 96 { // peers are compared as IPv4
			prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
		}
		s.proxies = append(s.proxies, prefix)
	}
	mode, err := strconv.ParseUint(s.SocketMode, 8, 32)
	if err != nil || mode > 0o777 {
		return fmt.Errorf("--socket-mode: %q is not an octal mode like 0660", s.SocketMode)
	}
	s.mode = fs.FileMode(mode)
	for name, address := range map[string]string{"--api-listen": s.APIListen, "--listen": s.Listen, "--metrics-listen": s.MetricsListen} {
		if address == "" && name != "--api-listen" {
			continue
		}
		if _, err := isLocal(address); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if path, isUnix := strings.CutPrefix(s.OnChange, "unix:"); s.OnChange != "" && (!isUnix || path == "") {
		return fmt.Errorf("--on-change: %q is not unix:/path", s.OnChange)
	}
	return nil
}

// readSecrets completes the secrets from the file.
func (s *settings) readSecrets() error {
	if s.SecretFile != "" {
		if len(s.Secret) > 0 {
			return errors.New("--secret-file and ISPMAIL_PASSWD_SECRET exclude each other")
		}
		content, err := os.ReadFile(s.SecretFile)
		if err != nil {
			return fmt.Errorf("--secret-file: %w", err)
		}
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); line != "" {
				s.Secret = append(s.Secret, line)
			}
		}
		if len(s.Secret) == 0 {
			return errors.New("--secret-file: the file holds no secret")
		}
	}
	if len(s.Secret) > 2 {
		return errors.New("there may be two secrets at the most, the new one and the old one")
	}
	return nil
}

func (s *settings) validateSecrets() error {
	if local, _ := isLocal(s.APIListen); !local && len(s.Secret) == 0 {
		return fmt.Errorf("--api-listen: %s is not a loopback address: it needs --secret-file, or everybody who can reach it can guess passwords", s.APIListen)
	}
	return nil
}

func (s *settings) validateCommand() error {
	if s.Command == commandRehash && (s.Demo || s.Check) {
		return errors.New("rehash goes with neither --demo nor --check")
	}
	return nil
}

// readDSN completes the DSN from the file. No error of it holds a DSN.
func (s *settings) readDSN() error {
	switch given := s.DSN != "" || s.DSNFile != ""; {
	case s.Demo && given:
		return errors.New("--demo has a database of its own: leave out the DSN")
	case s.Demo:
		return nil
	case !given:
		return errors.New("name the database with --dsn-file, ISPMAIL_PASSWD_DSN or --dsn, or try --demo")
	case s.DSN != "" && s.DSNFile != "":
		return errors.New("--dsn and --dsn-file exclude each other")
	}
	if s.DSNFile != "" {
		content, err := os.ReadFile(s.DSNFile)
		if err != nil {
			return fmt.Errorf("--dsn-file: %w", err)
		}
		line, _, _ := strings.Cut(string(content), "\n")
		s.DSN = strings.TrimSpace(line)
	}
	if _, isSQLite := s.sqlitePath(); isSQLite {
		return nil
	}
	if dsn, err := mysql.ParseDSN(s.DSN); err != nil || dsn.DBName == "" {
		return errors.New("the DSN is not of the form user:password@tcp(host:port)/database, user:password@unix(/path)/database or sqlite:/path")
	}
	return nil
}

func (s *settings) holdsPassword() bool {
	if _, isSQLite := s.sqlitePath(); isSQLite {
		return false
	}
	dsn, err := mysql.ParseDSN(s.DSN)
	return err != nil || dsn.Passwd != ""
}

func (s *settings) sqlitePath() (path string, ok bool) {
	path, ok = strings.CutPrefix(s.DSN, "sqlite:")
	return path, ok && path != ""
}

// opener returns what opens the database that the settings name.
func (s *settings) opener(log *slog.Logger) opener {
	config := ispmail.Config{Hasher: s.hasher, Logger: log}
	if s.Demo {
		return openDemo(config)
	}
	if path, ok := s.sqlitePath(); ok {
		return openSQLite(path, config)
	}
	return openMariaDB(s.DSN, config)
}

// logger returns the log in the format of the settings.
func (s *settings) logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.LogLevel, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
			a.Value = slog.TimeValue(a.Value.Time().UTC())
		}
		return a
	}}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version + " " + runtime.Version()
	}
	return "unknown"
}
