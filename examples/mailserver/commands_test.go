package mailserver_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A command is what becomes of the blocks of code in the documents that have a line which begins like this: another test runs
// them, or nobody and why, or [TestCommands] in the mail server.
type command struct {
	line string
	by   string // the file and the name of the test
	not  string

	before string // a script
	how    string // a script whose first argument is the block; by default a shell runs it in an empty directory
	want   string // part of what it says
	after  string // a script that undoes it
}

// asBefore undoes what a block has done to the settings and the units.
const asBefore = `cp --archive /root/etc/default/ispmail-passwd /etc/default/ispmail-passwd
	rm -rf /etc/ispmail-passwd /etc/systemd/system/ispmail-passwd*.d
	systemctl daemon-reload
	systemctl reset-failed 'ispmail-passwd*'
	systemctl restart ispmail-passwd`

// Ways to use a block that is no shell script, or is one for another place.
const (
	inCopy   = `mariadb --execute 'CREATE DATABASE documented'; for table in virtual_domains virtual_users virtual_aliases; do mariadb documented --execute "CREATE TABLE $table LIKE mailserver.$table"; done; mariadb documented <<<"$1"`
	noCopy   = `mariadb --execute 'DROP DATABASE documented'`
	settings = `cat >>/etc/default/ispmail-passwd <<<"$1"; ispmail-passwd-check`
	columns  = `mariadb mailserver --execute "ALTER TABLE virtual_users ADD active BOOLEAN DEFAULT 1, ADD deleted_at DATETIME; ALTER TABLE virtual_domains ADD active BOOLEAN DEFAULT 1"`
	// MariaDB forgets no right on a column that is gone.
	noColumns = `mariadb mailserver --execute "ALTER TABLE virtual_users DROP active, DROP deleted_at; ALTER TABLE virtual_domains DROP active; DROP USER 'ispmail-passwd'@'localhost'"
		mariadb </usr/share/doc/ispmail/examples/grants.sql
		` + asBefore
)

const (
	noMachines = "it takes several machines; make cluster-test reads the files of examples/deployment/cluster, and changes what belongs to machines"
	noNetwork  = "it takes the network and a released version"
	noCommand  = "it is no command"
	thisRuns   = "it runs this test, or shows the server that it tests"
)

var commands = []command{
	// The README.
	{line: "go run ./passwd/cmd/ispmail-passwd --demo", by: "passwd/cmd/ispmail-passwd/serve_test.go TestDemo"},
	{line: "make ", not: thisRuns},
	{line: "ssh-keygen -Y verify", by: "examples/mailserver/commands_test.go TestSignature"},
	{line: "go test ./examples/provision", not: thisRuns},
	{line: "apt-get install -y ./ispmail_*.deb", by: "examples/mailserver/deployment_test.go TestPackage"},
	{line: "ispmailctl user add jane@example.org --generate", by: "examples/mailserver/deployment_test.go TestPackage"},
	{line: "runuser -u www-data -- curl -sS --unix-socket /run/ispmail-passwd/api.sock", by: "examples/mailserver/deployment_test.go TestPackage"},
	{
		line: "go install github.com/ispmail/go-ispmail/passwd/cmd/ispmail-passwd@latest", want: "Passwords can be written.",
		before: `mkdir -p /etc/ispmail-passwd; echo 'root@unix(/run/mysqld/mysqld.sock)/mailserver' >/etc/ispmail-passwd/dsn`,
		how:    `grep -e --check <<<"$1" | bash -eu`, after: "rm -r /etc/ispmail-passwd",
	},
	{line: "go install github.com/ispmail/go-ispmail/passwd/cmd/ispmailctl@latest", not: noNetwork},
	{
		line: "CREATE USER 'ispmail-passwd'@'localhost' IDENTIFIED BY", how: `mariadb --execute "DROP USER 'ispmail-passwd'@'localhost'"; mariadb <<<"$1"
			mariadb --user=ispmail-passwd --password='another long secret' mailserver --execute 'SELECT id, email FROM virtual_users LIMIT 1'`, want: "@",
		after: `mariadb --execute "DROP USER 'ispmail-passwd'@'localhost'"; mariadb </usr/share/doc/ispmail/examples/grants.sql; systemctl restart ispmail-passwd`,
	},
	{line: "ispmail-passwd:another long secret@unix", not: noCommand},
	{line: "POST /api/password", not: noCommand},
	{
		line: "location / {", want: "test is successful", after: "rm -r /tmp/nginx",
		how: `mkdir /tmp/nginx; printf 'events {}\nhttp { server { listen 444;\n%s\n} }\n' "$1" >/tmp/nginx/nginx.conf; nginx -t -c /tmp/nginx/nginx.conf 2>&1`,
	},
	{line: "package main", by: "examples/mailserver/commands_test.go TestProgram"},

	// The deployment.
	{line: "cp /usr/share/doc/ispmail/examples/apache2.conf", want: "ispmail-passwd already enabled"},
	{line: "cp /usr/share/doc/ispmail/examples/nginx.conf", by: "examples/mailserver/deployment_test.go TestWebServers"},
	{line: "cat >/etc/ispmail-passwd/help.txt", want: "ok ", after: asBefore},
	{line: `sed -i 's/^#\(ISPMAIL_PASSWD_ON_CHANGE\)`, after: asBefore},
	{line: "systemctl enable --now ispmail-passwd-notice.socket", after: "systemctl disable --now ispmail-passwd-notice.socket"},
	{line: "cp /usr/share/doc/ispmail/examples/notice.de.txt", want: "The template is valid.", after: "rm -r /etc/ispmail-passwd"},
	{line: "ispmailctl password set john@example.org --generate", want: "password is "},
	{line: "haveibeenpwned-downloader", not: "the list is tens of gigabytes of the network; passwd/internal/breached has tests with small ones"},
	{line: "cp --backup=numbered /usr/share/doc/ispmail/examples/dovecot-2.3", by: "examples/mailserver/commands_test.go TestOldRows"},
	{line: "cp /usr/share/doc/ispmail/examples/dovecot-2.4", by: "examples/mailserver/commands_test.go TestOldRows"},
	{line: "/usr/lib/ispmail-passwd/try-rehash", how: `bash -eu -c "$1" <<<"` + password + `"`, want: hookTold},
	{line: `sed -i 's/^#\(ISPMAIL_PASSWD_METRICS_LISTEN\)`, by: "examples/mailserver/alert_test.go TestMetrics"},
	{line: "apt-get install -y prometheus", by: ".ci/alerts-test"},
	{line: "promtool test rules", by: ".ci/alerts-test"},
	{line: "apt-get install -y fail2ban", by: "examples/mailserver/deployment_test.go TestFail2ban"},
	{
		line: "\tcp /usr/share/doc/ispmail/examples/tcp.conf", want: "Passwords can be written.",
		after: `mariadb --execute "DROP USER 'ispmail-tcp'@'127.0.0.1'"` + "\n" + asBefore,
	},
	{
		line: "cp our-ca.crt", want: "1 added",
		how:   `openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=ours -keyout /dev/null -out our-ca.crt 2>/dev/null; bash -eu -c "$1"`,
		after: "rm /usr/local/share/ca-certificates/our-ca.crt; update-ca-certificates",
	},
	{
		line: "install -d -o ispmail-passwd -g ispmail-passwd -m 750 /var/lib/ispmail", want: "The tables are there.",
		before: "sed -i 's|^ISPMAIL_PASSWD_DSN=.*|ISPMAIL_PASSWD_DSN=sqlite:/var/lib/ispmail/mail.db|' /etc/default/ispmail-passwd",
		how:    `bash -eu -c "$1"; ispmail-passwd-check`,
		after:  asBefore,
	},
	{
		line:   `(umask 077; sqlite3 /var/lib/ispmail/mail.db "VACUUM INTO`,
		before: "mkdir -p /var/lib/ispmail; ispmailctl --dsn sqlite:/var/lib/ispmail/mail.db init",
		after:  "rm -r /var/lib/ispmail /var/backups/mail-* /var/backups/sqlite-*",
	},
	{line: "ACL SETUSER ispmail on", by: "passwd/internal/redislimits/address_test.go TestAccount"},
	{line: "cat >limits <<'END'", not: "there is no Redis on the mail server; passwd/cmd/ispmail-passwd/limits_test.go has one"},
	{line: "apt-get install -y redis-server", by: "examples/mailserver/commands_test.go TestRedis"},
	{
		line: `	printf '[Service]\nIPAddressAllow=192.0.2.11`, want: "192.0.2.13", after: asBefore,
		how: `bash -eu -c "$1"; systemctl show --property=IPAddressAllow ispmail-passwd`,
	},
	{line: `printf '[Service]\nIPAddressAllow=192.0.2.10`, how: `bash -eu -c "$1"; systemctl show --property=IPAddressAllow ispmail-passwd`, want: "192.0.2.10", after: asBefore},
	{
		line: "SupplementaryGroups=redis", want: "Passwords can be written.", before: "groupadd redis; mkdir /etc/systemd/system/ispmail-passwd.service.d",
		how:   `cat >/etc/systemd/system/ispmail-passwd.service.d/override.conf <<<"$1"; systemctl daemon-reload; ispmail-passwd-check; systemctl restart ispmail-passwd`,
		after: asBefore + "\ngroupdel redis",
	},
	{line: "ISPMAIL_PASSWD_DEFAULT_PASS_SCHEME=", how: settings, want: "Passwords can be written.", after: asBefore},
	{line: "ALTER TABLE ", how: inCopy, after: noCopy},
	{
		line: "ISPMAIL_PASSWD_STATE_COLUMN=", want: "Passwords can be written.", after: noColumns,
		before: columns + `; mariadb --execute "GRANT SELECT (active, deleted_at) ON mailserver.virtual_users TO 'ispmail-passwd'@'localhost'; GRANT SELECT (id, name, active) ON mailserver.virtual_domains TO 'ispmail-passwd'@'localhost'"`,
		how:    settings,
	},
	{line: "GRANT SELECT (active) ON", before: columns, how: `mariadb <<<"$1"`, after: noColumns},
	{line: "apt-get install -y mariadb-server galera-4 rsync", not: noMachines},
	{line: "galera_new_cluster", not: noMachines},
	{line: "ispmailctl export mail.jsonl", not: "it drops all tables; ispmail/internal/cluster/engine_test.go TestOldTables does on a cluster what these commands do"},
	{line: "ispmailctl restore /var/backups/mail.jsonl", not: "it takes empty tables, as above"},
	{line: "mariadb mailserver -e \"CHECKSUM TABLE", want: "mailserver.virtual_aliases"},
	{line: "CREATE USER 'haproxy'@'192.0.2.%'", how: `mariadb <<<"$1"`, after: `mariadb --execute "DROP USER 'haproxy'@'192.0.2.%', 'ispmail-web'@'192.0.2.%'"`},
	{line: "apt-get install -y haproxy", not: noMachines},
	{line: "ispmail-web:another long secret@tcp", not: noCommand},
	{line: `sed -i 's/^#\(ISPMAIL_PASSWD_POPPASSD_LISTEN\)`, by: "examples/mailserver/webmails_test.go TestPoppassd"},
	{line: "ListenStream=127.0.0.1:106", by: "examples/mailserver/webmails_test.go TestPoppassd"},
	{line: `printf 'user john@example.org\npass wrong`, by: "examples/mailserver/webmails_test.go TestPoppassd"},
	{line: "$backends['ispmail'] = array(", by: "examples/mailserver/webmails_test.go TestPoppassd"},
	{line: "    'driver' => 'Http'", how: `php -r "return [ $1 ];"`},
	{line: "- name: Passwords", by: "examples/mailserver/ansible_test.go TestAnsible"},

	// Back-up.
	{line: "(umask 077; mariadb-dump --single-transaction mailserver", how: `bash -eu -c "$1"; grep virtual_users /var/backups/mailserver.sql`, want: "CREATE TABLE", after: "rm /var/backups/mailserver.sql"},
	{line: `ispmailctl export "/var/backups/mail-`, how: `bash -eu -c "$1"; ispmailctl diff /var/backups/mail-*`, after: "rm /var/backups/mail-*"},

	// The page for administrators.
	{line: "ispmail-admin --demo", how: `timeout 5 bash -c "$1" || true`, want: "http://127.0.0.1:"},
	{line: "mariadb </usr/share/doc/ispmail/examples/grants-admin.sql", by: "examples/mailserver/adminpage_test.go TestAdminPage"},
	{line: "cp /usr/share/doc/ispmail/examples/apache2-admin.conf", by: "examples/mailserver/adminpage_test.go TestAdminPage"},
	{line: "cp /usr/share/doc/ispmail/examples/nginx-admin.conf", by: "examples/mailserver/adminpage_test.go TestAdminPage"},
	{
		line: "ispmail-admin user bob --domains", after: "rm -f /etc/ispmail-admin/administrators",
		how: `while read -r command; do bash -eu -c "$command" <<<"` + password + `"; done <<<"$1"`, want: "example.net",
	},

	// ispmailctl.
	{line: "$ ispmailctl ", by: "passwd/cmd/ispmailctl/readme_test.go TestReadme"},
	{
		line: "ispmailctl --dsn-file /etc/ispmailctl.dsn", want: "example.org", after: "rm /etc/ispmailctl.dsn",
		before: `umask 077; echo 'root@unix(/run/mysqld/mysqld.sock)/mailserver' >/etc/ispmailctl.dsn`,
	},
	{line: "Sessions that are open go on", not: noCommand},
	{line: "ispmailctl user add john@example.org --set", not: "it takes columns of other programs; passwd/cmd/ispmailctl/columns_test.go has some"},

	// The provisioning daemon.
	{line: "mariadb mailserver <examples/provision/outbox.sql", by: "examples/mailserver/provision_test.go TestProvision"},
	{line: "openssl rand -hex 32 >token", by: "examples/mailserver/provision_test.go TestProvision"},
	{line: "api() { ", by: "examples/mailserver/provision_test.go TestProvision"},
	{line: `[{"id":5,"at":`, by: "examples/mailserver/provision_test.go TestProvision"},
	{line: "api -X PUT $base/users/jo%20hn", by: "examples/mailserver/provision_test.go TestProvision"},
	{line: "hash/     ", not: noCommand},

	// What is also a line of others is looked for last.
	{line: "ispmail-passwd-check\n", want: "Passwords can be written."},
}

// commandOf returns the first of them that knows a block, -1 if none does.
func commandOf(block string) int {
	return slices.IndexFunc(commands, func(c command) bool { return hasLine(block, c.line) })
}

// TestCommandsKnown has a line above for each block of code in each document, and no other: a new one is run, or says why not.
func TestCommandsKnown(t *testing.T) {
	t.Parallel()
	used := map[int]bool{}
	for _, d := range documents(t) {
		for _, block := range d.blocks {
			if i := commandOf(block); assert.NotEqual(t, -1, i, "%s: commands_test.go says nothing about\n%s", d.path, block) {
				used[i] = true
			}
		}
	}
	for i, c := range commands {
		assert.True(t, used[i], "no document has %q any more", c.line)
		if c.by != "" {
			file, test, _ := strings.Cut(c.by, " ")
			text, err := os.ReadFile(filepath.Join(top, file)) //nolint:gosec // a file of this repository
			require.NoError(t, err)
			assert.Contains(t, string(text), test, "of %q", c.line)
		}
	}
}

// TestCommands runs the blocks of the documents that no other test does.
func TestCommands(t *testing.T) {
	s := theServer(t)
	s.keep(t, "/etc/default/ispmail-passwd")
	email := s.newUser(t)
	for _, d := range documents(t) {
		for _, block := range d.blocks {
			i := commandOf(block)
			require.NotEqual(t, -1, i, block)
			c := commands[i]
			if c.by != "" || c.not != "" {
				continue
			}
			if c.how == "" {
				c.how = `bash -eu -o pipefail -c "$1"`
			}
			t.Run(c.line, func(t *testing.T) {
				if !*full && strings.Contains(c.after, asBefore) {
					t.Skip("make mailserver-test runs this, with -full: the service starts anew, twice")
				}
				s.undo(t, c.after)
				s.do(t, c.before)
				said := s.do(t, "exec 2>&1; cd $(mktemp -d); "+c.how, strings.ReplaceAll(block, "john@example.org", email))
				assert.Contains(t, said, c.want)
			})
		}
	}
}

// TestOldRows hands logins on as the documentation says, with the Dovecot that is here.
func TestOldRows(t *testing.T) {
	if !*full {
		t.Skip("make mailserver-test runs this, with -full; TestHook has the same files")
	}
	s := theServer(t)
	version := s.dovecot(t)
	file := hookFile[version]
	s.undo(t, "systemctl reset-failed dovecot; systemctl restart dovecot")
	s.keep(t, file)
	s.do(t, `rm "$1"`, file)
	begin := map[string]string{"2.3": "cp --backup=numbered /usr/share/doc/ispmail/examples/dovecot-2.3", "2.4": "cp /usr/share/doc/ispmail/examples/dovecot-2.4"}
	s.do(t, documented(t, begin[version]))
	assert.Contains(t, s.do(t, `/usr/lib/ispmail-passwd/try-rehash "$1" <<<"$2"`, s.newUser(t), password), hookTold)
}

// TestProgram compiles the program of the README.
func TestProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a build may take minutes")
	}
	t.Parallel()
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte(documented(t, "package main")), 0o600))
	output, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput() //nolint:gosec // our own file
	require.NoError(t, err, string(output))
}

// TestSignature verifies a release as the documentation says, and one that somebody has changed.
func TestSignature(t *testing.T) {
	t.Parallel()
	try := func(before string) (string, error) {
		const sign = `ssh-keygen -q -t ed25519 -N '' -f key
			echo "ispmail $(cat key.pub)" >allowed_signers
			echo program >ispmail.deb
			sha256sum ispmail.deb >SHA256SUMS
			ssh-keygen -q -Y sign -n ispmail-release -f key SHA256SUMS # as .ci/release does
			`
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", sign+before+"\n"+documented(t, "ssh-keygen -Y verify")) //nolint:gosec // our own
		cmd.Dir = t.TempDir()
		output, err := cmd.CombinedOutput()
		return string(output), err
	}
	said, err := try("")
	require.NoError(t, err, said)
	assert.Contains(t, said, `Good "ispmail-release" signature for ispmail`)
	for _, change := range []string{"echo changed >ispmail.deb", "echo >>SHA256SUMS"} {
		said, err = try(change)
		assert.Error(t, err, said)
	}
}

// TestRedis starts a Redis with the settings of the documentation, at another address: the account comes in by TLS and may do what it
// needs, and nobody else comes in. passwd/internal/redislimits tests the service with the same account.
func TestRedis(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: this needs a redis-server")
	}
	t.Parallel()
	_, settings, found := strings.Cut(documented(t, "apt-get install -y redis-server"), "<<'END'\n")
	require.True(t, found)
	settings, _, _ = strings.Cut(settings, "END\n")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	require.NoError(t, l.Close())
	dir := t.TempDir()
	settings = strings.NewReplacer("192.0.2.10", "127.0.0.1", "6379", port, "/etc/redis", dir).Replace(settings)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "redis.conf"), []byte(settings), 0o600))
	sh := func(script string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", "redis-cli() { command redis-cli --tls --cacert tls.crt -p "+port+` "$@" 2>&1; }; `+script) //nolint:gosec // our own
		cmd.Dir = dir
		output, err := cmd.CombinedOutput()
		return string(output), err
	}
	said, err := sh("openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=redis -addext subjectAltName=IP:127.0.0.1 -keyout tls.key -out tls.crt 2>/dev/null")
	require.NoError(t, err, said)
	server := exec.CommandContext(t.Context(), "redis-server", "redis.conf", "--save", "")
	server.Dir = dir
	require.NoError(t, server.Start(), "on Debian: apt-get install redis-server")
	t.Cleanup(func() { _ = server.Wait() }) // the context has killed it
	const account = "redis-cli --user ispmail --pass a-long-random-password --no-auth-warning "
	require.Eventually(t, func() bool { said, _ := sh(account + "TIME"); return len(strings.Fields(said)) == 2 }, time.Minute, 50*time.Millisecond)
	for command, want := range map[string]string{
		account + "SET ispmail-passwd:x 1": "OK", account + "SET other 1": "NOPERM", account + "FLUSHALL": "NOPERM",
		"redis-cli TIME": "NOAUTH",
		"command redis-cli -p " + port + " TIME || true": "",
	} {
		said, err := sh(command)
		require.NoError(t, err, said)
		if assert.Contains(t, said, want, command); want == "" {
			assert.NotRegexp(t, `^\d+\n`, said, "without TLS")
		}
	}
	rules := strings.TrimSpace(strings.TrimPrefix(documented(t, "ACL SETUSER ispmail"), "ACL SETUSER"))
	assert.Contains(t, settings, "\nuser "+rules+"\n", "both say the same")
}

// TestNamedFiles looks for what the documents name of the package on a server that has it.
func TestNamedFiles(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	named := map[string]bool{}
	for _, d := range documents(t) {
		for _, name := range packaged.FindAllString(d.prose+strings.Join(d.blocks, "\n"), -1) {
			named[strings.TrimRight(name, ".")] = true
		}
	}
	assert.Greater(t, len(named), 10)
	for name := range named {
		_, err := s.run(t.Context(), `test -e "$1"`, name)
		assert.NoError(t, err, "the package does not bring %s", name)
	}
}
