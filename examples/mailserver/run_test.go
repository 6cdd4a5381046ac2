package mailserver_test

import (
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mailserverSays calls make mailserver with further settings, of which one is wrong, and returns the sentence with which it ends. It
// ends before it builds anything.
func mailserverSays(t *testing.T, settings ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "./run")
	cmd.Env = append(os.Environ(), settings...)
	output, err := cmd.CombinedOutput()
	require.Error(t, err, string(output))
	return string(output)
}

// TestPorts starts the mail server where a port is in use, or is none.
func TestPorts(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	_, busy, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	names := []string{"MAILSERVER_WEB_PORT", "MAILSERVER_SMTP_PORT", "MAILSERVER_SUBMISSION_PORT", "MAILSERVER_IMAP_PORT"}
	free := []string{"1", "2", "3", "4"} // nobody listens there
	for i, name := range names {
		settings := []string{"MAILSERVER_NAME=ispmail-test-ports"}
		for j, other := range names {
			settings = append(settings, other+"="+free[j])
		}
		with := func(port string) []string { return append(settings[:len(settings):len(settings)], name+"="+port) }
		assert.Equal(t, "Port "+busy+" of 127.0.0.1 is in use by another program. Stop it, or set "+name+
			" to another port in the environment or as an argument of make.\n", mailserverSays(t, with(busy)...))
		for _, port := range []string{"0", "65536", "https", "-1"} {
			assert.Equal(t, name+": "+port+" is no port from 1 to 65535.\n", mailserverSays(t, with(port)...))
		}
		if i > 0 {
			assert.Equal(t, name+": "+free[0]+" is the port of something else of the mail server.\n", mailserverSays(t, with(free[0])...))
		}
	}
}

// TestRunsAlready starts the mail server where one runs: that goes on, with what was changed in it.
func TestRunsAlready(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	said := mailserverSays(t, "MAILSERVER_NAME="+s.container.GetContainerID())
	assert.Contains(t, said, "A mail server runs already in the container "+s.container.GetContainerID()+". To stop it, with all that was changed in it: docker stop ")
	s.do(t, "true") // it does
}
