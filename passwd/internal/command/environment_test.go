package command_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestEnvironment counts where there is no argument.
func TestEnvironment(t *testing.T) {
	t.Setenv("PROGRAM_NUMBER", "20")
	t.Setenv("PROGRAM_VERBOSE", "Yes")
	t.Setenv("PROGRAM_LEVEL", "ERROR")
	t.Setenv("PROGRAM_WAIT", "2s")
	t.Setenv("PROGRAM_WORDS", `a "quoted" one,with\,comma, and\blank,`)
	t.Setenv("PROGRAM_VERSION", "1.2") // as the tag of an image
	t.Setenv("PROGRAM_HELP", "true")
	p, code := call(t, "user", "add", "john")
	require.Equal(t, command.ExitOK, code, p.stderr)
	assert.Equal(t, "program user add", p.ran)
	assert.Equal(t, 20, p.number)
	assert.True(t, p.verbose)
	assert.Equal(t, "error", p.level)
	assert.Equal(t, 2*time.Second, p.wait)
	assert.Equal(t, []string{`a "quoted" one`, "with,comma", ` and\blank`}, p.words)

	p, code = call(t, "serve", "--number", "30", "--verbose=no", "--words=x", "--words", `y,,z\,`, "--wait=1s", "--level=debug")
	require.Equal(t, command.ExitOK, code, p.stderr)
	assert.Equal(t, 30, p.number)
	assert.False(t, p.verbose)
	assert.Equal(t, []string{"x", "y", "", "z,"}, p.words, "an argument replaces the list")
	assert.Equal(t, time.Second, p.wait)
	assert.Equal(t, "debug", p.level)
	p, _ = call(t, "serve", "--help")
	assert.Contains(t, p.stdout, "($PROGRAM_NUMBER) (default 15)", "the default is what it is")
}

// TestOverridden names the variables that an argument with another value makes useless, and no others.
func TestOverridden(t *testing.T) {
	for name, value := range map[string]string{
		"PROGRAM_NUMBER": "20", "PROGRAM_VERBOSE": "yes", "PROGRAM_LEVEL": "ERROR", "PROGRAM_WAIT": "2s", "PROGRAM_DSN": "sqlite:/canary",
	} {
		t.Setenv(name, value)
	}
	for _, c := range []struct {
		args, want []string
	}{
		{nil, nil},
		{[]string{"--number=20", "--verbose", "--level=error", "--wait=2s", "--dsn=sqlite:/canary", "--words=x"}, nil},
		{[]string{"--dsn=sqlite:/other"}, []string{"PROGRAM_DSN has no effect: the argument --dsn says something else (ExecStart= of the unit?)"}},
		{[]string{"--number=15", "--verbose=no", "--level=info", "--wait=1s"}, []string{"PROGRAM_LEVEL", "PROGRAM_NUMBER", "PROGRAM_VERBOSE", "PROGRAM_WAIT"}},
	} {
		p, code := call(t, append([]string{"serve"}, c.args...)...)
		require.Equal(t, command.ExitOK, code, p.stderr)
		slices.Sort(p.overridden)
		require.Len(t, p.overridden, len(c.want), "%v", c.args)
		for i, want := range c.want {
			assert.Contains(t, p.overridden[i], want)
			assert.NotContains(t, p.overridden[i], "canary")
		}
	}
}

// TestEnvironmentRefused has an empty or a wrong variable, which an argument makes good.
func TestEnvironmentRefused(t *testing.T) {
	const isEmpty = " is empty: leave it out, or give it a value"
	for _, test := range []struct{ name, value, want, instead string }{
		{"PROGRAM_NUMBER", "many", `: "many" is not a whole number`, "--number=1"},
		{"PROGRAM_NUMBER", "", isEmpty, "--number=1"},
		{"PROGRAM_VERBOSE", "maybe", `: "maybe" is not true or false`, "--verbose"},
		{"PROGRAM_VERBOSE", "", isEmpty, "--verbose"},
		{"PROGRAM_LEVEL", "loud", `: "loud" is not debug, info or error`, "--level=info"},
		{"PROGRAM_WAIT", "2", `: "2" is not a time such as 500ms or 2s`, "--wait=2s"},
		{"PROGRAM_WORDS", "", isEmpty, "--words=x"},
		{"PROGRAM_DSN", "", isEmpty, "--dsn=sqlite:/x"},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			t.Setenv(test.name, test.value)
			p, code := call(t, "serve")
			assert.Equal(t, command.ExitUsage, code)
			assert.Equal(t, "program: "+test.name+test.want+"; see program serve --help\n", p.stderr)
			assert.Empty(t, p.ran)
			p, code = call(t, "serve", test.instead)
			assert.Equal(t, command.ExitOK, code, p.stderr)
			_, code = call(t, "user")
			assert.Equal(t, command.ExitOK, code, "help reads no setting")
		})
	}
}

// TestUnknownVariable refuses a variable that is no setting, also one of a flag that has no variable, at every command that
// reads settings. Those of Kubernetes, for a service of that name, are let be.
func TestUnknownVariable(t *testing.T) {
	for name, want := range map[string]string{
		"PROGRAM_NUMBR":      " (did you mean PROGRAM_NUMBER?)",
		"PROGRAM_LEVELS":     " (did you mean PROGRAM_LEVEL?)",
		"PROGRAM_VERB":       " (did you mean PROGRAM_VERBOSE?)",
		"PROGRAM_SIZE":       "",
		"PROGRAM_NONSENSE":   "",
		"PROGRAM_PORT_COLOR": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "x")
			for _, args := range [][]string{{"serve"}, {"user", "add", "john"}} {
				p, code := call(t, args...)
				assert.Equal(t, command.ExitUsage, code)
				assert.Contains(t, p.stderr, "program: the environment has "+name+", which is no setting"+want+"; see ")
				assert.Empty(t, p.ran)
			}
			_, code := call(t, "--help")
			assert.Equal(t, command.ExitOK, code)
		})
	}
	for _, name := range []string{"PROGRAM_PORT", "PROGRAM_PORT_8080_TCP", "PROGRAM_PORT_8080_TCP_ADDR", "PROGRAM_SERVICE_HOST", "PROGRAM_SERVICE_PORT", "PROGRAM_SERVICE_PORT_HTTP", "PROGRAMMING", "OTHER_NUMBR"} {
		t.Setenv(name, "x")
	}
	p, code := call(t, "serve")
	assert.Equal(t, command.ExitOK, code, p.stderr)
}

// TestDSN goes through the places from which a DSN may come.
func TestDSN(t *testing.T) {
	const withPassword = "mailadmin:canary@tcp(127.0.0.1:3306)/mailserver"
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "dsn")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	missing := filepath.Join(t.TempDir(), "missing")
	for name, test := range map[string]struct {
		args, env map[string]string
		want, err string
	}{
		"none":                   {},
		"argument":               {args: map[string]string{"dsn": "root@unix(/s)/db"}, want: "root@unix(/s)/db"},
		"SQLite":                 {args: map[string]string{"dsn": "sqlite:/a:canary@b"}, want: "sqlite:/a:canary@b"},
		"file":                   {args: map[string]string{"dsn-file": file("  " + withPassword + " \r\nmore\n")}, want: withPassword},
		"authority":              {args: map[string]string{"dsn-file": file(withPassword + "?timeout=1s&tls-ca=/etc/ssl/ca.pem&tls=true")}, want: withPassword + "?timeout=1s&tls-ca=%2Fetc%2Fssl%2Fca.pem&tls=true"},
		"authority, escaped":     {args: map[string]string{"dsn": "root@tcp(h)/db?tls-ca=%2Fca.pem"}, want: "root@tcp(h)/db?tls-ca=%2Fca.pem"},
		"variable":               {env: map[string]string{"PROGRAM_DSN": withPassword}, want: withPassword},
		"variable of a file":     {env: map[string]string{"PROGRAM_DSN_FILE": file(withPassword)}, want: withPassword},
		"argument over variable": {args: map[string]string{"dsn": "sqlite:/x"}, env: map[string]string{"PROGRAM_DSN": withPassword, "PROGRAM_DSN_FILE": missing}, want: "sqlite:/x"},
		"file over variable":     {args: map[string]string{"dsn-file": file("sqlite:/x")}, env: map[string]string{"PROGRAM_DSN": withPassword}, want: "sqlite:/x"},
		"two arguments":          {args: map[string]string{"dsn": "sqlite:/x", "dsn-file": file("sqlite:/x")}, err: "--dsn and --dsn-file exclude each other"},
		"two variables":          {env: map[string]string{"PROGRAM_DSN": withPassword, "PROGRAM_DSN_FILE": missing}, err: "--dsn and --dsn-file exclude each other"},
		"password as argument":   {args: map[string]string{"dsn": withPassword}, err: "--dsn must not hold a password, everybody on the machine can read it: use --dsn-file or PROGRAM_DSN"},
		"malformed":              {args: map[string]string{"dsn": "mailadmin:canary@127.0.0.1/db"}, err: "the DSN is not of the form"},
		"malformed variable":     {env: map[string]string{"PROGRAM_DSN": "canary"}, err: "the DSN is not of the form"},
		"without a database":     {args: map[string]string{"dsn": "root@unix(/s)/"}, err: "the DSN is not of the form"},
		"SQLite without a path":  {args: map[string]string{"dsn": "sqlite:"}, err: "the DSN is not of the form"},
		"missing file":           {args: map[string]string{"dsn-file": missing}, err: "--dsn-file: open " + missing},
		"empty file":             {args: map[string]string{"dsn-file": file("\n" + withPassword)}, err: "is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"serve"}
			for flag, value := range test.args {
				args = append(args, "--"+flag, value)
			}
			for variable, value := range test.env {
				t.Setenv(variable, value)
			}
			p, code := call(t, args...)
			if test.err != "" {
				assert.Equal(t, command.ExitUsage, code)
				assert.Contains(t, p.stderr, test.err)
				assert.NotContains(t, p.stderr, "canary")
				return
			}
			assert.Equal(t, command.ExitOK, code, p.stderr)
			assert.Equal(t, test.want, p.dsn)
		})
	}
}
