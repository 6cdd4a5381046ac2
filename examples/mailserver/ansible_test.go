package mailserver_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAnsible has a server after the guide on which there has never been a password service, and plays the playbook of the role's
// documentation. Afterwards everything works, and playing it again changes nothing.
func TestAnsible(t *testing.T) {
	if !*full {
		t.Skip("make mailserver-test runs this, with -full: it takes Ansible on this machine, and minutes")
	}
	s := newServer(t)
	deb := filepath.Join(t.TempDir(), "ispmail.deb")
	reader, err := s.container.CopyFileFromContainer(t.Context(), strings.TrimSpace(s.do(t, "ls /usr/local/share/ispmail/ispmail_*.deb")))
	require.NoError(t, err)
	file, err := os.Create(deb) //nolint:gosec // in a directory of this test
	require.NoError(t, err)
	_, err = file.ReadFrom(reader)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	s.do(t, `apt-get purge -y ispmail
		mariadb --execute "DROP USER 'ispmail-passwd'@'localhost'"
		echo '<?php $config = [];' >/etc/roundcube/plugins/password/config.inc.php
		sed -i "s/, 'password'\]/]/" /etc/roundcube/config.inc.php
		echo '?>' >>/etc/roundcube/config.inc.php
		a2disconf ispmail-passwd
		rm /etc/apache2/conf-available/ispmail-passwd.conf
		a2dismod headers
		systemctl restart apache2`)

	const roles = "../deployment/ansible/roles"
	documentation, err := os.ReadFile(roles + "/ispmail/README.md")
	require.NoError(t, err)
	playbook := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(documentation)
	require.NotNil(t, playbook)
	work := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(work, "playbook.yml"), playbook[1], 0o600)) //nolint:gosec // in a directory of this test
	inventory := "[mailservers]\n" + s.container.GetContainerID() + " ansible_connection=community.docker.docker\n"
	require.NoError(t, os.WriteFile(filepath.Join(work, "inventory"), []byte(inventory), 0o600))
	play := func(arguments ...string) (said, changed, failed string) {
		cmd := exec.CommandContext(t.Context(), "ansible-playbook", append([]string{ //nolint:gosec // arguments of this test
			"--inventory", filepath.Join(work, "inventory"), filepath.Join(work, "playbook.yml"),
			"--extra-vars", "ansible_become=false ispmail_deb=" + deb, // Docker is root already, and there is no sudo
		}, arguments...)...)
		cmd.Env = append(os.Environ(), "ANSIBLE_ROLES_PATH="+roles, "ANSIBLE_NOCOLOR=1")
		output, _ := cmd.CombinedOutput() // what it says tells what failed
		recap := regexp.MustCompile(`changed=(\d+) .*failed=(\d+)`).FindSubmatch(output)
		require.NotNil(t, recap, string(output))
		assert.NotContains(t, string(output), "WARNING")
		return string(output), string(recap[1]), string(recap[2])
	}

	said, _, failed := play("--check")
	require.Equal(t, "0", failed, said)
	_, err = s.run(t.Context(), "dpkg --status ispmail || test -e /var/cache/ispmail.deb")
	require.Error(t, err, "a check changes nothing")

	said, changed, failed := play()
	require.Equal(t, "0", failed, said)
	assert.NotEqual(t, "0", changed, said)
	for _, again := range [][]string{nil, {"--check"}} {
		said, changed, failed = play(again...)
		assert.Equal(t, []string{"0", "0"}, []string{changed, failed}, said)
	}

	email := s.newUser(t)
	assert.Equal(t, "OK", s.change(t, email, password, replacement))
	assert.Regexp(t, `^\{BLF-CRYPT\}`, s.stored(t, email), "as the playbook says")
	s.assertLogin(t, email, replacement)
	assert.Equal(t, "ok\n", s.do(t, "curl --silent http://127.0.0.1:9145/readyz"))
	assert.NotContains(t, s.do(t, "ispmail-passwd-check"), "FAIL")
	response, err := client.Get("https://" + s.at(t, webPort) + "/password/")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode)
	jane := s.person(t)
	jane.logIn(email, replacement)
	jane.changePassword(replacement, password, "Successfully saved.")

	// A wrong setting is said, and the one from before is put back, with the sockets that went or came along.
	const state = `cat /etc/default/ispmail-passwd; systemctl list-unit-files --no-legend 'ispmail-passwd*'; systemctl is-active ispmail-passwd-{changed,notice,rehash,metrics,poppassd}.socket ispmail-passwd || true`
	before := s.do(t, state)
	for _, sockets := range []string{"changed, metrics", "notice, poppassd"} {
		said, _, failed = play("--extra-vars", `{"ispmail_settings": {"SCHEME": "BFL-CRYPT"}, "ispmail_sockets": [`+sockets+`]}`)
		assert.Equal(t, "1", failed, said)
		assert.Contains(t, said, "did you mean BLF-CRYPT?")
		assert.Equal(t, before, s.do(t, state))
	}
	assert.Equal(t, "ok\n", s.do(t, "curl --silent http://127.0.0.1:9145/readyz"))
	assert.Equal(t, "OK", s.change(t, email, password, replacement))

	// What systemd would read otherwise than YAML arrives as it is.
	said, _, failed = play("--extra-vars", `{"ispmail_settings": {"SITE_NAME": "The \"mail\" of $HOME \\", "UPGRADE": true}, "ispmail_sockets": ["notice"]}`)
	assert.Equal(t, "0", failed, said)
	assert.Contains(t, s.do(t, "curl --silent --insecure https://127.0.0.1/password/"), `The &#34;mail&#34; of $HOME \</title>`)
	assert.Equal(t, "inactive\ninactive\nactive\n", s.do(t, "systemctl is-active ispmail-passwd-changed.socket ispmail-passwd-metrics.socket ispmail-passwd-notice.socket || true"))
}
