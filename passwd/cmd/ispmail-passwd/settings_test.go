package main

import (
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// parse returns the settings that arguments and the environment make, or what is wrong with them.
func parse(t *testing.T, args ...string) (*settings, error) {
	t.Helper()
	s := &settings{}
	nothing := func(*cobra.Command, *settings) error { return nil }
	var stderr output
	if command.Run(t.Context(), newCommand(s, nothing, nothing), args, nil, io.Discard, &stderr) != command.ExitOK {
		return nil, errors.New(stderr.String())
	}
	return s, nil
}

// TestConfig: what is set reaches the service.
func TestConfig(t *testing.T) {
	t.Parallel()
	s, err := parse(t,
		"--demo", "--scheme=BLF-CRYPT", "--min-length=20", "--allow-same", "--field-user=a", "--field-current=b",
		"--field-new=c", "--secret-file="+write(t, "the secret of roundcube"), "--trusted-proxy=127.0.0.1,::ffff:10.0.0.0/104",
		"--site-name=Example", "--webmail-url=https://mail.example.org/", "--max-concurrent=7", "--floor=2s",
	)
	require.NoError(t, err)
	config := s.config(newLateStore(), slog.New(slog.DiscardHandler), newMetrics(), newRefusals(slog.New(slog.DiscardHandler)))
	assert.NotNil(t, config.OnEvent)
	config.Changer, config.Logger, config.OnEvent = nil, nil, nil
	assert.Equal(t, passwd.Config{
		MinLength: 20, MaxLength: 72, AllowSame: true,
		Fields:         passwd.Fields{User: "a", Current: "b", New: "c"},
		Secrets:        []string{"the secret of roundcube"},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")},
		SiteName:       "Example", WebmailURL: "https://mail.example.org/",
		MaxConcurrent: 7, Floor: 2 * time.Second,
	}, config)
}

// TestEnvironment cannot run in parallel: the environment is that of the process.
func TestEnvironment(t *testing.T) {
	t.Setenv("ISPMAIL_PASSWD_API_LISTEN", "127.0.0.1:0")
	t.Setenv("ISPMAIL_PASSWD_DSN", "mailadmin:secret@tcp(127.0.0.1:3306)/mailserver")
	t.Setenv("ISPMAIL_PASSWD_MIN_LENGTH", "20")
	t.Setenv("ISPMAIL_PASSWD_UPGRADE", "yes")
	t.Setenv("ISPMAIL_PASSWD_DEFAULT_PASS_SCHEME", "CRYPT")
	t.Setenv("ISPMAIL_PASSWD_STATE_COLUMN", "active,!virtual_domains.disabled")
	t.Setenv("ISPMAIL_PASSWD_VERSION", "1.2.3") // as the tag of an image
	t.Setenv("ISPMAIL_PASSWD_SECRET", "the new secret of roundcube,the old secret of roundcube")
	t.Setenv("ISPMAIL_PASSWD_LIMITS", "redis://ispmail:secret@127.0.0.1")
	t.Setenv("ISPMAIL_PASSWD_LIMITS_KEY_FILE", write(t, "the key of all instances"))
	t.Setenv("ISPMAIL_PASSWD_TRUSTED_PROXY", "127.0.0.1,2001:db8::/32")
	s, err := parse(t)
	require.NoError(t, err, "a password is welcome here")
	assert.Equal(t, "127.0.0.1:0", s.APIListen)
	assert.Equal(t, 20, s.MinLength)
	assert.True(t, s.Hashing.Upgrade)
	assert.Equal(t, "CRYPT", s.Hashing.Default)
	assert.Equal(t, []string{"active", "!virtual_domains.disabled"}, s.State)
	assert.Equal(t, "127.0.0.1:6379", s.limits.String())
	assert.Equal(t, "the key of all instances", string(s.limitsKey))
	assert.Equal(t, []string{"the new secret of roundcube", "the old secret of roundcube"}, s.Secret)
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("2001:db8::/32")}, s.proxies)
	s, err = parse(t, "--min-length=30")
	require.NoError(t, err)
	assert.Equal(t, 30, s.MinLength, "an argument wins")

	t.Setenv("ISPMAIL_PASSWD_MINLENGTH", "20")
	_, err = parse(t)
	require.ErrorContains(t, err, "the environment has ISPMAIL_PASSWD_MINLENGTH, which is no setting (did you mean ISPMAIL_PASSWD_MIN_LENGTH?)")
	require.NoError(t, os.Unsetenv("ISPMAIL_PASSWD_MINLENGTH"))

	t.Setenv("ISPMAIL_PASSWD_SECRET", "")
	_, err = parse(t)
	assert.ErrorContains(t, err, "ISPMAIL_PASSWD_SECRET is empty", "whoever sets it wants one")
}

func TestUsage(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "name the database"},
		{[]string{"--nonsense"}, "unknown flag --nonsense; see ispmail-passwd --help"},
		{[]string{"--lisen=x"}, "unknown flag --lisen (did you mean --listen?); see ispmail-passwd --help"},
		{[]string{"nonsense"}, `unknown command "nonsense" for "ispmail-passwd"; see ispmail-passwd --help`},
		{[]string{"rehahs"}, "(did you mean rehash?)"},
		{[]string{"serve", "--demo", "here"}, "takes no arguments"},
		{[]string{"--demo", "--listen="}, "--listen is empty"},
		{[]string{"--demo", "--trusted-proxy="}, "--trusted-proxy is empty"},
		{[]string{"--demo", "--dsn=sqlite:/x"}, "--demo has a database of its own"},
		{[]string{"--dsn=sqlite:/x", "--dsn-file=/x"}, "exclude each other"},
		{[]string{"--dsn-file=" + missing}, "no such file"},
		{[]string{"--dsn=mailadmin:canary@tcp(127.0.0.1:3306)/mailserver"}, "must not hold a password"},
		{[]string{"--dsn=mailadmin:canary@127.0.0.1/mailserver"}, "the DSN is not of the form"},
		{[]string{"--dsn=mailadmin:canary@tcp(n1,n2:none)/mailserver"}, "in the DSN with several servers, one is not of the form tcp(host:port)"},
		{[]string{"--dsn=mailadmin:canary@tcp(n1),tcp(n1:3306)/mailserver"}, "the DSN names the server n1:3306 twice"},
		{[]string{"--dsn=mailadmin@tcp(127.0.0.1:3306)/"}, "the DSN is not of the form"},
		{[]string{"--dsn=sqlite:"}, "the DSN is not of the form"},
		{[]string{"--demo", "--scheme=rot13"}, "ispmail-passwd: --scheme: cannot generate scheme"},
		{[]string{"--demo", "--default-pass-scheme=rot13"}, `ispmail-passwd: --default-pass-scheme: unknown scheme "rot13"; see`},
		{[]string{"--demo", "--state-column=active"}, "--demo has a database of its own, without a column of state"},
		{[]string{"--dsn=sqlite:/x", "--state-column=active = 1"}, `ispmail-passwd: --state-column: "active = 1": it is not of the form active, !disabled, status=active or virtual_users.active; see`},
		{[]string{"--dsn=sqlite:/x", "--state-column=active,password"}, "password is a column of the guide"},
		{[]string{"--dsn=sqlite:/x", "--state-column="}, "--state-column is empty"},
		{[]string{"--demo", "--min-length=7"}, "--min-length: 7 is not in 8 to 64"},
		{[]string{"--demo", "--max-concurrent=-1"}, "--max-concurrent: -1 is negative"},
		{[]string{"--demo", "--field-user=a", "--field-new=a"}, "--field-user, --field-current and --field-new: two of them have the same name"},
		{[]string{"--demo", "--min-length=0"}, "0 is not in 8 to 64"},
		{[]string{"--demo", "--min-length=many"}, "--min-length"},
		{[]string{"--demo", "--floor=1m"}, "--floor: 1m0s is not in 0 to 10s"},
		{[]string{"--demo", "--floor=soon"}, "--floor"},
		{[]string{"--demo", "--log-format=xml"}, `--log-format: "xml" is not text or json`},
		{[]string{"--demo", "--log-level=loud"}, `--log-level: "loud" is not debug, info, warn or error`},
		{[]string{"--demo", "--webmail-url=mail.example.org"}, "--webmail-url is not a URL"},
		{[]string{"--demo", "--help-url=mail.example.org"}, "--help-url is not a URL that starts with https://, http:// or mailto:"},
		{[]string{"--demo", "--imprint-url=/imprint"}, "--imprint-url is not a URL"},
		{[]string{"--demo", "--privacy-url=ftp://example.org"}, "--privacy-url is not a URL"},
		{[]string{"--demo", "--help-text=" + missing}, "--help-text: open"},
		{[]string{"--demo", "--help-text=" + write(t, "\n")}, "--help-text is empty"},
		{[]string{"--demo", "--help-text=" + beside(t, "help.txt", "Ask.", "help.pt.txt", "canary")}, `--help-text has a text in "pt", a language that the page does not have`},
		{[]string{"--demo", "--logo=" + missing}, "--logo: open"},
		{[]string{"--demo", "--logo=" + t.TempDir()}, "--logo: read"},
		{[]string{"--demo", "--logo=" + write(t, "canary")}, "--logo is neither a PNG nor a well-formed SVG"},
		{[]string{"--demo", "--logo=/dev/zero"}, "--logo has 1024 KiB, and at most 100 are served"},
		{[]string{"--demo", "--accent=#ffcc00"}, "--accent: #ffcc00 has a contrast of 1.5 with white"},
		{[]string{"--demo", "--accent=teal"}, `--accent: "teal" is not a colour such as #0b6470`},
		{[]string{"--demo", "--field-new=user"}, "the same name"},
		{[]string{"--demo", "--field-new="}, "--field-new is empty"},
		{[]string{"--demo", "--trusted-proxy=proxy"}, "neither an address nor a network"},
		{[]string{"--demo", "--socket-mode=999"}, "not an octal mode"},
		{[]string{"--demo", "--api-listen=0.0.0.0:8080"}, "needs --secret-file"},
		{[]string{"--demo", "--api-listen=:8080"}, "needs --secret-file"},
		{[]string{"--demo", "--api-listen=mail.example.org:8080"}, "needs --secret-file"},
		{[]string{"--demo", "--api-listen=8080"}, "neither host:port nor unix:/path nor systemd:name"},
		{[]string{"--demo", "--api-listen=unix:"}, "neither host:port nor unix:/path nor systemd:name"},
		{[]string{"--demo", "--api-listen=unix:@abstract"}, "neither host:port nor unix:/path nor systemd:name"},
		{[]string{"--demo", "--listen=8081"}, "--listen: \"8081\" is neither"},
		{[]string{"--demo", "--metrics-listen=x"}, "--metrics-listen: \"x\" is neither"},
		{[]string{"--demo", "--poppassd-listen=0.0.0.0:106"}, "--poppassd-listen: 0.0.0.0:106 is neither a loopback address nor a socket"},
		{[]string{"--demo", "--poppassd-listen=mail.example.org:106", "--secret-file=" + write(t, "the secret of roundcube")}, "is neither a loopback address nor a socket"},
		{[]string{"--demo", "--poppassd-listen=106"}, "--poppassd-listen: \"106\" is neither"},
		{[]string{"--demo", "--secret=canary"}, "--secret must not be an argument"},
		{[]string{"--demo", "--limits=redis://ispmail:canary@127.0.0.1", "--limits-key-file=" + write(t, "the key of all instances")}, "--limits must not hold a password, everybody on the machine can read it: use --limits-file or ISPMAIL_PASSWD_LIMITS"},
		{[]string{"--demo", "--limits=canary"}, "the address of --limits or --limits-file: it is not of the form redis://user:password@host:port/0"},
		{[]string{"--demo", "--limits-file=" + write(t, "redis://ispmail:can/ary@127.0.0.1")}, "it is not of the form"},
		{[]string{"--demo", "--limits-file=" + write(t, "\n")}, "is empty"},
		{[]string{"--demo", "--limits-file=" + missing}, "--limits-file: open"},
		{[]string{"--demo", "--limits=unix:///x", "--limits-file=/x"}, "--limits and --limits-file exclude each other"},
		{[]string{"--demo", "--limits="}, "--limits is empty"},
		{[]string{"--demo", "--limits=unix:///x"}, "limits that are shared need --limits-key-file"},
		{[]string{"--demo", "--limits=unix:///x", "--limits-key-file=" + missing}, "--limits-key-file: open"},
		{[]string{"--demo", "--limits=unix:///x", "--limits-key-file=" + write(t, "canary")}, "--limits-key-file: the key has less than 16 bytes"},
		{[]string{"--demo", "--limits-key-file=" + write(t, "the key of all instances")}, "--limits-key-file is for limits that are shared: add --limits-file, or leave it out"},
		{[]string{"rehash", "--demo"}, "rehash does not go with --demo"},
		{[]string{"--demo", "--on-change=127.0.0.1:80"}, "is not unix:/path"},
		{[]string{"--demo", "--api-listen=systemd:"}, "neither host:port nor unix:/path"},
		{[]string{"--demo", "--secret-file=" + missing}, "no such file"},
		{[]string{"--demo", "--secret-file=" + write(t, "canary")}, "less than 16 bytes"},
		{[]string{"--demo", "--secret-file=" + write(t, "\n\n")}, "holds no secret"},
		{[]string{"--demo", "--secret-file=" + write(t, "# the secret of the canary\n # and a blank line\n\n")}, "holds no secret"},
		{[]string{"--demo", "--secret-file=" + write(t, "# a comment\ncanary\n")}, "less than 16 bytes"},
		{[]string{"--demo", "--secret-file=" + write(t, "canary 1\ncanary 2\ncanary 3\n")}, "two secrets at the most"},
	} {
		var stdout, stderr output
		assert.Equal(t, command.ExitUsage, run(t.Context(), c.args, nil, &stdout, &stderr), "%v", c.args)
		assert.Contains(t, stderr.String(), c.want, "%v", c.args)
		assert.NotContains(t, stderr.String(), "canary")
		assert.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one line: %s", &stderr)
		assert.Empty(t, stdout.String())
	}
}

// TestHelp is for people: in groups, with variables and defaults, and not too wide.
func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"rehash", "--help"}, {"help"}} {
		var stdout, stderr output
		assert.Equal(t, command.ExitOK, run(t.Context(), args, nil, &stdout, &stderr))
		assert.Empty(t, stderr.String())
		help := stdout.String()
		for _, part := range []string{"\nDatabase:\n", "\nAPI for webmail:\n", "\nPage for people:\n", "\nPasswords:\n", "\nSeveral instances:\n", "\nOperation:\n", "$ISPMAIL_PASSWD_DSN_FILE", "(default 500ms)", "(default info)"} {
			assert.Contains(t, help, part, "%v", args)
		}
		for line := range strings.Lines(help) {
			assert.LessOrEqual(t, utf8.RuneCountInString(line)-1, 100, line)
		}
	}
	var stdout, stderr output
	assert.Equal(t, command.ExitOK, run(t.Context(), []string{"--version"}, nil, &stdout, &stderr))
	assert.Equal(t, 1, strings.Count(stdout.String(), "\n"))
}

// TestManual finds every command and every flag of theirs in the manual page, and no other.
func TestManual(t *testing.T) {
	manual, err := os.ReadFile("../../../examples/deployment/usr/share/man/man8/ispmail-passwd.8")
	require.NoError(t, err)
	root := newCommand(&settings{}, nil, nil)
	flags := map[string]bool{"help": true, "version": true} // cobra adds them later
	for _, c := range append(root.Commands(), root) {
		if c != root {
			assert.Regexp(t, `\n\.(Op )?Cm `+c.Name()+`\n`, string(manual))
		}
		c.Flags().VisitAll(func(flag *pflag.Flag) { flags[flag.Name] = true })
		c.PersistentFlags().VisitAll(func(flag *pflag.Flag) { flags[flag.Name] = true })
	}
	documented := map[string]bool{}
	for _, found := range regexp.MustCompile(`\n\.It Fl -([a-z-]+)`).FindAllStringSubmatch(string(manual), -1) {
		documented[found[1]] = true
	}
	require.Greater(t, len(documented), 20)
	assert.Equal(t, flags, documented)
}
