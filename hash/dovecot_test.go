package hash_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// TestLockInDovecot logs in to a Dovecot server of its own with values that are locked, and with some that are not. Dovecot
// 2.4 runs twice: what it does with a lock depends on auth_allow_weak_schemes.
func TestLockInDovecot(t *testing.T) {
	t.Parallel()
	for _, weak := range []string{"yes", "no"} {
		t.Run("weak schemes "+weak, func(t *testing.T) {
			t.Parallel()
			testLock(t, weak)
		})
	}
}

func testLock(t *testing.T, weak string) {
	t.Helper()
	d := startDovecot(t, weak)
	sha := payload(guideSHA256)
	logins := []struct {
		stored, password string
		want             bool
	}{
		{guideSHA256, "summersun", true},
		{hash.Lock(guideSHA256), "summersun", false},
		{hash.Lock("{PLAIN}summersun"), "summersun", false},
		{hash.Lock("{BLF-CRYPT}" + payload(guideBcrypt)), "summersun", false},
		{hash.Lock("{SSHA}R6owdhUPKSbAEpiibkuBC6rGYVKqUY51"), "summersun", false},
		{hash.Lock(yescryptOneMiB), "summersun", false},
		{hash.Lock(sha), "summersun", false},
		{hash.Lock(""), "summersun", false},
		{hash.Lock(""), "!", false},
		{"{SHA256-CRYPT}!" + sha, "summersun", false},
		{"{PLAIN}!secret", "!secret", true}, // no lock
		{hash.Lock("{PLAIN}!secret"), "!secret", false},
	}
	for _, login := range logins {
		stored, err := hash.Unlock(login.stored)
		if err == nil && stored != login.stored {
			logins = append(logins, struct {
				stored, password string
				want             bool
			}{stored, login.password, true})
		}
	}
	var users strings.Builder
	for i, login := range logins {
		fmt.Fprintf(&users, "user%d:%s\n", i, login.stored)
	}
	require.NoError(t, os.WriteFile(d.users, []byte(users.String()), 0o644)) //nolint:gosec // the same
	var group sync.WaitGroup                                                 // Dovecot takes its time for each refusal
	for i, login := range logins {
		group.Go(func() {
			out, err := d.login(t, fmt.Sprint("user", i), login.password)
			assert.Equal(t, login.want, err == nil, "%s: %s", login.stored, out)
			if err != nil && d.plain {
				assert.Contains(t, out, "auth failed", login.stored)
				assert.NotContains(t, out, "temp", login.stored)
			}
			assert.Equal(t, login.want, hash.Verify(login.stored, login.password) == nil, login.stored)
		})
	}
	group.Wait()
	log, err := os.ReadFile(d.log)
	require.NoError(t, err)
	assert.Equal(t, d.plain, !strings.Contains(string(log), "used and refused"), string(log))
	assert.Greater(t, len(logins), 18)
}

// A dovecot server reads its users from a file.
type dovecot struct {
	config, users, log string
	plain              bool // a lock is refused like a wrong password
}

// startDovecot starts a server without protocols, in the language of its version. Only Dovecot 2.4 has a setting for weak
// schemes.
func startDovecot(t *testing.T, weak string) dovecot {
	t.Helper()
	otherProgram(t)
	server, err := exec.LookPath("dovecot")
	if err != nil {
		missing(t, "dovecot (package dovecot-core)")
	}
	version, err := exec.CommandContext(t.Context(), server, "--version").Output() //nolint:gosec // fixed program
	require.NoError(t, err)
	t.Logf("Dovecot %s", bytes.TrimSpace(version))

	me, err := user.Current()
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "dovecot") //nolint:usetesting // t.TempDir is too long for a socket
	require.NoError(t, err)
	d := dovecot{config: filepath.Join(dir, "conf"), users: filepath.Join(dir, "users"), log: filepath.Join(dir, "log")}
	d.plain = weak == "yes" || strings.HasPrefix(string(version), "2.3")
	config := fmt.Sprintf("protocols =\nssl = no\nbase_dir = %s/run\nstate_dir = %[1]s/state\nlog_path = %[1]s/log\n", dir)
	config += "auth_failure_delay = 0\nservice anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}\n"
	if me.Uid != "0" {
		config += fmt.Sprintf("default_internal_user = %s\ndefault_login_user = %[1]s\n", me.Username)
	}
	if strings.HasPrefix(string(version), "2.3") {
		config += fmt.Sprintf("passdb {\n  driver = passwd-file\n  args = %s\n}\n", d.users) +
			"userdb {\n  driver = static\n  args = uid=65534 gid=65534 home=/nonexistent\n}\n"
	} else {
		config = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n" + config +
			"auth_allow_weak_schemes = " + weak + "\n" +
			fmt.Sprintf("passdb passwd-file {\n  passwd_file_path = %s\n}\n", d.users) +
			"userdb static {\n  fields {\n    uid = 65534\n    gid = 65534\n    home = /nonexistent\n  }\n}\n"
	}
	require.NoError(t, os.WriteFile(d.config, []byte(config), 0o600))
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // the processes of dovecot have a user of their own

	var output bytes.Buffer
	command := exec.Command(server, "-F", "-c", d.config) //nolint:gosec // fixed program
	command.Stdout, command.Stderr = &output, &output
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
		_ = os.RemoveAll(dir)
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "run", "auth-client")); err == nil {
			return d
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(d.log)
			t.Fatalf("dovecot does not start: %s%s", &output, log)
		}
	}
}

// login returns what doveadm says. The error is nil if the login succeeded. Any exit status but that of a refusal fails the
// test.
func (d dovecot) login(t *testing.T, user, password string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "doveadm", "-c", d.config, "auth", "test", user, password).CombinedOutput() //nolint:gosec // fixed program
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() != 77 && d.plain {
		t.Errorf("doveadm auth test: %v: %s", err, out)
	}
	return string(out), err
}
