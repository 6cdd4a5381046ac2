package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/go-sql-driver/mysql"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
)

// settings are the flags. Each is also an environment variable: ISPMAIL_PASSWD_ and its name in capitals.
type settings struct {
	APIListen string           `name:"api-listen" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where the API for webmail listens: a loopback address with a port, or unix:/path of a socket. Default: 127.0.0.1:8080."`
	DSNFile   string           `name:"dsn-file" placeholder:"FILE" help:"File whose first line is the DSN of the database: user:password@tcp(127.0.0.1:3306)/mailserver, user:password@unix(/run/mysqld/mysqld.sock)/mailserver, or sqlite:/path/file.db."`
	DSN       string           `name:"dsn" placeholder:"DSN" help:"The DSN itself. As an argument it must not hold a password, because everybody on the machine can read arguments."`
	Scheme    string           `name:"scheme" default:"SHA256-CRYPT" placeholder:"SCHEME" help:"Scheme of new passwords, in Dovecot's spelling. Use BLF-CRYPT if your guide used that. Default: SHA256-CRYPT."`
	MinLength int              `name:"min-length" default:"15" placeholder:"N" help:"Least number of characters of a new password, at least 8. Default: 15, as NIST SP 800-63B-4 asks."`
	Demo      bool             `name:"demo" help:"Serve example accounts from a database in memory."`
	Version   kong.VersionFlag `name:"version" help:"Print the version."`

	hasher *hash.Hasher
}

const description = `Lets the users of an ISPmail server change their passwords from a webmail.

Every setting can also be an environment variable, --api-listen for one as ISPMAIL_PASSWD_API_LISTEN.`

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
	asArgument := slices.ContainsFunc(parsed.Path, func(p *kong.Path) bool { return p.Flag != nil && p.Flag.Name == "dsn" })
	if err := s.validate(asArgument); err != nil {
		return nil, err
	}
	return s, nil
}

// validate checks the settings and completes them. No error of it holds a DSN.
func (s *settings) validate(asArgument bool) (err error) {
	if s.hasher, err = hash.New(hash.Config{Scheme: s.Scheme}); err != nil {
		return fmt.Errorf("--scheme: %w", err)
	}
	if err := validateListen(s.APIListen); err != nil {
		return err
	}
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
	dsn, err := mysql.ParseDSN(s.DSN)
	if err != nil || dsn.DBName == "" {
		return errors.New("the DSN is not of the form user:password@tcp(host:port)/database, user:password@unix(/path)/database or sqlite:/path")
	}
	if asArgument && dsn.Passwd != "" {
		return errors.New("--dsn must not hold a password, everybody on the machine can read it: use --dsn-file or ISPMAIL_PASSWD_DSN")
	}
	return nil
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

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
