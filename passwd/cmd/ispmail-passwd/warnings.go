package main

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/serve"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

// warnings are about settings that are allowed but seldom meant. The log has them at the start, and --check says them.
func (s *settings) warnings() []string {
	if s.Demo {
		return nil
	}
	return slices.Concat(s.overridden, s.warnComments(), s.warnPage(), s.warnAddresses(), s.warnFiles(), s.warnDatabase(), s.warnLimits())
}

// warnComments is about texts that seem to have a comment in them: systemd takes one only on a line of its own.
func (s *settings) warnComments() (warnings []string) {
	for _, text := range []struct{ flag, value string }{
		{"--site-name", s.SiteName},
		{"--webmail-url", s.WebmailURL},
		{"--help-url", s.Operator.HelpURL},
		{"--imprint-url", s.Operator.ImprintURL},
		{"--privacy-url", s.Operator.PrivacyURL},
	} {
		if strings.Contains(text.value, " #") {
			warnings = append(warnings, fmt.Sprintf("%s is %q: what follows a # is part of it, for a comment needs a line of its own", text.flag, text.value))
		}
	}
	return warnings
}

// commentHint adds to an error of a setting which variable seems to have a comment in it. It names no value.
func commentHint(err error) error {
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if err != nil && strings.HasPrefix(name, environment+"_") && strings.Contains(value, " #") {
			return fmt.Errorf("%w (what follows a # in %s is part of its value: a comment needs a line of its own)", err, name)
		}
	}
	return err
}

// warnPage is about who reaches the page, and whom the page believes.
func (s *settings) warnPage() (warnings []string) {
	if s.Listen == "" {
		return nil
	}
	local, _ := serve.IsLocal(s.Listen)
	switch {
	case !local:
		warnings = append(warnings, "the page is not on a loopback address: passwords must reach it through TLS only")
	case len(s.proxies) == 0 && !strings.HasPrefix(s.Listen, "unix:") && !strings.HasPrefix(s.Listen, "systemd:"):
		warnings = append(warnings, "without --trusted-proxy everybody behind the web server counts as one client: a few wrong guesses keep all out of the page")
	}
	for _, network := range s.proxies {
		if isWide(network) {
			warnings = append(warnings, fmt.Sprintf("--trusted-proxy: whoever comes from %s may say who he is, and has no limit: name the address of the web server", network))
		}
	}
	return warnings
}

// isWide reports whether a network has others in it than the machines of one owner.
func isWide(network netip.Prefix) bool {
	if private := network.Addr().IsPrivate() || network.Addr().IsLoopback(); private && network.Bits() >= 7 {
		return false
	}
	if network.Addr().Is4() {
		return network.Bits() < 24
	}
	return network.Bits() < 48
}

// warnAddresses is about what listens where others can reach it.
func (s *settings) warnAddresses() (warnings []string) {
	if local, _ := serve.IsLocal(s.APIListen); !local {
		warnings = append(warnings, fmt.Sprintf("the API is on %s, and not on a loopback address: its secret and the passwords come through the network in clear", s.APIListen))
	}
	if local, err := serve.IsLocal(s.MetricsListen); s.MetricsListen != "" && err == nil && !local {
		warnings = append(warnings, fmt.Sprintf("the metrics are on %s, and not on a loopback address: whoever reaches it can read them", s.MetricsListen))
	}
	if s.PoppassdListen != "" && !strings.HasPrefix(s.PoppassdListen, "unix:") && !strings.HasPrefix(s.PoppassdListen, "systemd:") && len(s.Secret) > 0 {
		warnings = append(warnings, fmt.Sprintf("--poppassd-listen: at %s everybody on the machine can guess passwords without the secret: use a socket", s.PoppassdListen))
	}
	return append(warnings, serve.WarnModes(s.addresses, s.mode)...)
}

// warnFiles is about files with secrets or hashes that others can read.
func (s *settings) warnFiles() (warnings []string) {
	database, isFile := sqlitefile.Path(s.dsn)
	if !isFile {
		database = ""
	}
	for _, file := range []struct{ flag, path string }{
		{"--secret-file", s.SecretFile},
		{"--dsn-file", s.Database.File()},
		{"the database", database},
		{"--limits-file", s.Limits.File()},
		{"--limits-key-file", s.LimitsKeyFile},
	} {
		const others = fs.FileMode(0o004)
		if info, err := os.Stat(file.path); file.path != "" && err == nil && info.Mode()&others != 0 && info.Mode().IsRegular() {
			warnings = append(warnings, fmt.Sprintf("%s: everybody on the machine can read %s", file.flag, command.Printable(file.path)))
		}
	}
	return warnings
}

// warnDatabase is about passwords on their way to the database.
func (s *settings) warnDatabase() (warnings []string) {
	servers, err := ispmail.ParseDSN(s.dsn)
	if err != nil {
		return nil
	}
	for _, config := range servers {
		warnings = append(warnings, warnServer(config)...)
	}
	return warnings
}

func warnServer(config *mysql.Config) []string {
	if config.Net != "tcp" {
		return nil
	}
	host, _, err := net.SplitHostPort(config.Addr)
	if ip, notIP := netip.ParseAddr(host); err != nil || host == "localhost" || notIP == nil && ip.IsLoopback() {
		return nil
	}
	switch config.TLSConfig {
	case "", "false":
		return []string{fmt.Sprintf("the database at %s is reached without TLS: hashes go through the network in clear; add ?tls=true to the DSN", config.Addr)}
	case "preferred", "skip-verify":
		return []string{fmt.Sprintf("the database at %s is reached with tls=%s, which does not look at who answers: somebody between may read hashes; use tls=true", config.Addr, config.TLSConfig)}
	}
	return nil
}
