package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/breached"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/notify"
	"github.com/ispmail/go-ispmail/passwd/internal/redislimits"
	"github.com/ispmail/go-ispmail/passwd/internal/serve"
)

// settings are the flags. Each is also an environment variable: ISPMAIL_PASSWD_ and its name in capitals.
type settings struct {
	Database *command.DSN
	Demo     bool
	State    []string

	APIListen, SocketMode         string
	SecretFile                    string
	Secret                        []string
	FieldUser, FieldCur, FieldNew string
	PoppassdListen                string
	Listen                        string
	TrustedProxy                  []string
	SiteName, WebmailURL          string
	Operator                      operator
	Hashing                       command.Hashing
	MinLength                     int
	AllowSame                     bool
	Breached                      string
	OnChange, Notice              string
	MaxConcurrent                 int
	Floor                         time.Duration
	Limits                        *command.Source
	LimitsKeyFile                 string
	MetricsListen                 string
	LogFormat                     string
	LogLevel                      string
	Check                         bool

	dsn      string
	hasher   *hash.Hasher
	breached *breached.List // nil without Breached
	proxies  []netip.Prefix
	mode     fs.FileMode
	onChange string // the path of OnChange

	addresses  []serve.Address // where it listens
	overridden []string        // what is said of variables without effect
	operator   passwd.Operator

	stderr  io.Writer // where the log goes
	journal bool      // whether systemd's journal reads it

	limits    *redislimits.Address // nil if the limits are not shared
	limitsKey []byte
}

const environment = "ISPMAIL_PASSWD"

// maxMemory is what all verifications together may take, in KiB: 128 MiB. With what else the service takes, it stays under the
// GOMEMLIMIT and the MemoryMax of its unit. The memory of one value and that of all is the same.
const maxMemory = 128 << 10

// addFlags adds the settings to the flags of a command.
func (s *settings) addFlags(f *pflag.FlagSet) {
	s.Database = command.DSNFlags(environment, "dsn", f)
	f.BoolVar(&s.Demo, "demo", false, "serve example accounts from a database in memory")
	command.StateFlag(&s.State, f)
	command.Group("Database", f)

	f.StringVar(&s.APIListen, "api-listen", "127.0.0.1:8080", "`ADDRESS` where the API listens: host:port, unix:/path of a socket, or systemd:name of a socket unit with that FileDescriptorName; one that is not loopback needs a secret")
	f.StringVar(&s.SocketMode, "socket-mode", "0660", "`MODE` of the sockets, octal")
	f.StringVar(&s.SecretFile, "secret-file", "", "`FILE` with the secret that the webmail must send, as the password of HTTP Basic or as a Bearer token; a second line is a second secret, for changing it without a gap; each has at least 16 bytes; lines that begin with # are comments; who has it may name the person in X-Forwarded-For, as may who comes through a socket")
	f.Var(command.List(&s.Secret), "secret", "the `SECRETS` themselves, with commas between them; taken from the environment only")
	f.StringVar(&s.FieldUser, "field-user", "user", "`NAME` of the form field with the address")
	f.StringVar(&s.FieldCur, "field-current", "curpass", "`NAME` of the form field with the current password")
	f.StringVar(&s.FieldNew, "field-new", "newpass", "`NAME` of the form field with the new password")
	f.StringVar(&s.PoppassdListen, "poppassd-listen", "", "`ADDRESS` for webmail programs that speak poppassd, such as SnappyMail, as above; only a socket or a loopback address, because that protocol knows no secret (default: nowhere)")
	command.Group("API for webmail", f)

	f.StringVar(&s.Listen, "listen", "", "`ADDRESS` where the page listens, as above; put a web server with TLS in front of it (default: there is no page)")
	f.Var(command.List(&s.TrustedProxy), "trusted-proxy", "addresses or `NETWORKS` of that web server, whose X-Forwarded-For is believed, for example 127.0.0.1; over a socket it always is")
	f.StringVar(&s.SiteName, "site-name", "Mail", "title of the page, the `NAME` of the site")
	f.StringVar(&s.WebmailURL, "webmail-url", "", "`URL` where a link on the page leads back to")
	s.Operator.addFlags(f)
	command.Group("Page for people", f)

	s.Hashing.MaxMemory = maxMemory
	f.StringVar(&s.Hashing.Scheme, "scheme", "SHA256-CRYPT", "`SCHEME` of new passwords, in Dovecot's spelling; use BLF-CRYPT if your guide used that")
	s.Hashing.DefaultFlag(f)
	s.Hashing.UpgradeFlag(f, "a login that rehash is told of")
	f.IntVar(&s.MinLength, "min-length", 15, "least number `N` of characters of a new password, from 8 to 64; the default is what NIST SP 800-63B-4 asks")
	f.BoolVar(&s.AllowSame, "allow-same", false, "accept a new password that is the current one, to renew its hash")
	f.StringVar(&s.Breached, "breached", "", "`FILE` with the list of Have I Been Pwned, of SHA-1 or NTLM, as its downloader writes it; a new password in it is refused; it is searched on the disk and never loaded")
	command.Group("Passwords", f)

	s.addLimitsFlags(f)

	f.StringVar(&s.OnChange, "on-change", "", "`ADDRESS` of a socket, unix:/path, of a program that is told whose password was changed, such as one that flushes Dovecot's cache: it reads a line of JSON and answers OK; the change is answered after that, at the latest after a second, or two where --notice does not answer either")
	command.NoticeFlag(&s.Notice, f)
	f.IntVar(&s.MaxConcurrent, "max-concurrent", 0, "`N` changes may be under way at the same time, beside one more for the API (default: one less than processors, at least 1)")
	f.DurationVar(&s.Floor, "floor", 500*time.Millisecond, "least `TIME` after which wrong credentials are answered, whatever is wrong with them; where stored passwords need it, they are answered after three times as long as the dearest takes to verify, up to 2 s")
	f.StringVar(&s.MetricsListen, "metrics-listen", "", "`ADDRESS` where /healthz, /readyz and /metrics (Prometheus) listen, as above (default: nowhere)")
	s.LogFormat, s.LogLevel = "text", "info"
	f.Var(command.Choice(&s.LogFormat, "text", "json"), "log-format", "`FORMAT` of the log on standard error, text or json")
	f.Var(command.Choice(&s.LogLevel, "debug", "info", "warn", "error"), "log-level", "`LEVEL` of what is logged: debug (also why credentials are wrong), info, warn or error")
	f.BoolVar(&s.Check, "check", false, "check the settings, the addresses, the programs of --on-change and --notice and the database, say what is wrong with them, and end; what the Debian package's service makes of its settings is checked by ispmail-passwd-check")
	command.Group("Operation", f)
	command.Environment(environment, f)
}

// validate looks at what the flags and the environment say, and reads the files that they name.
func (s *settings) validate(c *cobra.Command) (err error) {
	s.overridden = command.Overridden(c)
	if c.Flag("secret").Changed {
		return errors.New("--secret must not be an argument, everybody on the machine can read it: use --secret-file or ISPMAIL_PASSWD_SECRET")
	}
	for _, validate := range []func() error{s.validatePasswords, s.validateListeners, s.readSecrets, s.validateReach, s.readLimits} {
		if err := validate(); err != nil {
			return err
		}
	}
	s.dsn, err = s.Database.Read()
	if err != nil {
		return err
	}
	s.operator, err = s.Operator.read()
	switch {
	case err != nil:
		return err
	case s.Demo && s.State != nil:
		return errors.New("--demo has a database of its own, without a column of state: leave out --state-column")
	case s.Demo && s.dsn != "":
		return errors.New("--demo has a database of its own: leave out the DSN")
	case !s.Demo && s.dsn == "":
		return errors.New("name the database with --dsn-file, ISPMAIL_PASSWD_DSN or --dsn, or try --demo")
	}
	return nil
}

func (s *settings) validatePasswords() (err error) {
	if s.MinLength == 0 { // which passwd.Config takes for its default
		return errors.New("--min-length: 0 is not in 8 to 64")
	}
	if s.hasher, err = s.Hashing.Hasher(); err != nil || s.Breached == "" {
		return err
	}
	if s.breached, err = breached.Open(s.Breached); err != nil {
		return fmt.Errorf("--breached: %w", err)
	}
	return nil
}

func (s *settings) validateListeners() error {
	if s.Demo && s.Listen == "" {
		s.Listen = demoListen
	}
	var err error
	if s.proxies, err = serve.ParseNetworks(s.TrustedProxy); err != nil {
		return fmt.Errorf("--trusted-proxy: %w", err)
	}
	if s.mode, err = serve.ParseMode(s.SocketMode); err != nil {
		return fmt.Errorf("--socket-mode: %w", err)
	}
	for _, a := range []serve.Address{
		{Flag: "--api-listen", Value: &s.APIListen},
		{Flag: "--poppassd-listen", Value: &s.PoppassdListen},
		{Flag: "--listen", Value: &s.Listen},
		{Flag: "--metrics-listen", Value: &s.MetricsListen},
	} {
		if *a.Value == "" && a.Value != &s.APIListen {
			continue
		}
		if _, err := serve.IsLocal(*a.Value); err != nil {
			return fmt.Errorf("%s: %w", a.Flag, err)
		}
		a.Set = *a.Value
		s.addresses = append(s.addresses, a)
	}
	if s.OnChange != "" {
		if s.onChange, err = notify.Path(s.OnChange); err != nil {
			return fmt.Errorf("--on-change: %w", err)
		}
	}
	return nil
}

// readSecrets completes the secrets from the file.
func (s *settings) readSecrets() (err error) {
	if s.SecretFile != "" {
		if len(s.Secret) > 0 {
			return errors.New("--secret-file and ISPMAIL_PASSWD_SECRET exclude each other")
		}
		s.Secret, err = readSecretFile(s.SecretFile)
		return err
	}
	return validateNumber(s.Secret)
}

// readSecretFile reads secrets, a line each. Blank lines and comments are none.
func readSecretFile(path string) (secrets []string, err error) {
	content, err := os.ReadFile(path) //nolint:gosec // the file of the user's choice
	if err != nil {
		return nil, fmt.Errorf("--secret-file: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			secrets = append(secrets, line)
		}
	}
	if len(secrets) == 0 {
		return nil, errors.New("--secret-file: the file holds no secret")
	}
	return secrets, validateNumber(secrets)
}

func validateNumber(secrets []string) error {
	if len(secrets) > 2 {
		return errors.New("there may be two secrets at the most, the new one and the old one")
	}
	return nil
}

// validateReach looks at who reaches what anybody could guess passwords at.
func (s *settings) validateReach() error {
	if local, _ := serve.IsLocal(s.APIListen); !local && len(s.Secret) == 0 {
		return fmt.Errorf("--api-listen: %s is not a loopback address: it needs --secret-file, or everybody who can reach it can guess passwords", s.APIListen)
	}
	if local, _ := serve.IsLocal(s.PoppassdListen); s.PoppassdListen != "" && !local {
		return fmt.Errorf("--poppassd-listen: %s is neither a loopback address nor a socket: poppassd has no secret and no TLS", s.PoppassdListen)
	}
	return nil
}
