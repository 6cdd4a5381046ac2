package mailserver_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestProvision runs the provisioning daemon on a mail server as its documentation says, and asks it for what stands there.
func TestProvision(t *testing.T) {
	if !*full {
		t.Skip("make mailserver-test runs this, with -full: it builds a program")
	}
	s := theServer(t)
	install := documented(t, "mariadb mailserver <examples/provision/outbox.sql")
	build := exec.CommandContext(t.Context(), "bash", "-ec", strings.ReplaceAll( //nolint:gosec // from our own documentation
		install[strings.Index(install, "go build"):], "/usr/local/bin/", t.TempDir()+"/"))
	build.Dir, build.Env = top, append(os.Environ(), "CGO_ENABLED=0")
	// The only word of the command that is a path is where the program comes to be.
	program := strings.Fields(build.Args[2])[3]
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))
	tables, err := os.ReadFile(filepath.Join(top, "examples/provision/outbox.sql"))
	require.NoError(t, err)

	s.undo(t, `systemctl stop provision || true
		userdel --remove provision
		mariadb mailserver --execute "DROP TABLE outbox, outbox_last; DROP USER provision@localhost; DELETE FROM virtual_domains WHERE name = 'example.com'"
		rm -r /usr/local/bin/provision /root/examples`)
	require.NoError(t, s.container.CopyFileToContainer(t.Context(), program, "/usr/local/bin/provision", 0o755))
	s.do(t, `useradd --system --create-home provision
		mkdir -p /root/examples/provision
		echo "$1" >/root/examples/provision/outbox.sql
		cd /root
		bash -ec "$2"`, string(tables), install[:strings.Index(install, "go build")])
	s.do(t, `systemd-run --quiet --unit=provision --uid=provision --working-directory=/home/provision bash -ec "$1"
		for i in {1..100}; do curl --silent http://127.0.0.1:8025/ >/dev/null && exit; sleep 0.2; done
		journalctl --unit=provision; exit 1`, documented(t, "openssl rand -hex 32 >token"))
	refused := documented(t, "api -X PUT $base/users/jo%20hn")
	command, answer, _ := strings.Cut(refused, "\n")
	said := s.do(t, `cd /home/provision; bash -eu -c "$1"`, documented(t, "api() { ")+"echo\n"+command)
	for _, want := range []string{documented(t, `[{"id":5,"at":`), answer} {
		begin, _, _ := strings.Cut(strings.TrimSpace(want), "...")
		if _, after, found := strings.Cut(begin, `"kind"`); found { // the time before it is of today
			begin = `"kind"` + after
		}
		assert.Contains(t, withoutIDs(said), withoutIDs(strings.TrimSuffix(begin, ", ")))
	}
}

var ids = regexp.MustCompile(`"(id|domain_id)":\d+`)

// withoutIDs takes the numbers out that depend on what else is in the tables.
func withoutIDs(text string) string { return ids.ReplaceAllString(text, `"$1":0`) }
