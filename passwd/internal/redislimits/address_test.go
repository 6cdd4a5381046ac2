package redislimits_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/redislimits"
	"github.com/ispmail/go-ispmail/passwd/internal/redislimits/redistest"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		address, warning string
		password         bool
	}{
		"redis://:canary@127.0.0.1":                     {"127.0.0.1:6379", "", true},
		"redis://ispmail:canary@[::1]:6380/3":           {"[::1]:6380", "", true},
		"redis://ispmail:c%40%2F%23nary@localhost/":     {"localhost:6379", "", true},
		"rediss://ispmail:canary@redis.example.org:1/2": {"redis.example.org:1", "", true},
		"redis://ispmail:canary@redis.example.org":      {"redis.example.org:6379", "without TLS", true},
		"redis://127.0.0.1":                             {"127.0.0.1:6379", "without a password", false},
		"rediss://redis.example.org":                    {"redis.example.org:6379", "without a password", false},
		"unix:///run/redis/redis-server.sock":           {"/run/redis/redis-server.sock", "", false},
		"unix:/run/redis/redis-server.sock?db=4":        {"/run/redis/redis-server.sock", "", false},
		"unix://ispmail:canary@/run/redis.sock":         {"/run/redis.sock", "", true},
	} {
		a, err := redislimits.ParseAddress(text)
		require.NoError(t, err, text)
		assert.Equal(t, want.address, a.String(), text)
		assert.Equal(t, want.password, a.HasPassword(), text)
		assert.Contains(t, a.Warning(), want.warning, text)
		assert.Equal(t, want.warning == "", a.Warning() == "", text)
	}
	for _, text := range []string{
		"", "canary", "127.0.0.1:6379", "redis://", "redis:canary", "redis://:canary@", "redis://:canary@:6379",
		"http://ispmail:canary@127.0.0.1", "redis://ispmail:can/ary@127.0.0.1", "redis://ispmail:can#ary@127.0.0.1",
		"redis://ispmail:can%zzary@127.0.0.1", "redis://ispmail:canary@127.0.0.1:port", "redis://ispmail:canary@127.0.0.1:0",
		"redis://ispmail:canary@127.0.0.1:65536", "redis://ispmail:canary@127.0.0.1/mail", "redis://ispmail:canary@127.0.0.1/-1",
		"redis://ispmail:canary@127.0.0.1/1/2", "redis://ispmail:canary@127.0.0.1?db=1", "redis://ispmail:canary@127.0.0.1/0?read_timeout=0",
		"redis://ispmail:canary@127.0.0.1/0?skip_verify=true", "unix://run/redis.sock?canary", "unix:run/redis.sock", "unix://",
		"unix:///run/redis.sock?db=x", "unix:///run/redis.sock?db=-1", "unix:///run/redis.sock?protocol=3", "redis://canary@127.0.0.1",
		"redis://ispmail:canary@127.0.0.1\n",
	} {
		_, err := redislimits.ParseAddress(text)
		if assert.Error(t, err, text) {
			assert.NotContains(t, err.Error(), "canary", text)
			assert.NotContains(t, err.Error(), "\n")
		}
	}
}

// TestAccount: the account of the documentation is enough on TCP, and another is refused with a sentence.
func TestAccount(t *testing.T) {
	t.Parallel()
	server := redistest.StartTCP(t)
	ctx := t.Context()
	rules := account(t)
	require.NoError(t, server.Client.Do(ctx, rules...).Err())
	require.NoError(t, server.Client.Do(ctx, "ACL", "SETUSER", "default", ">canary").Err())
	for credentials, want := range map[string]string{
		fmt.Sprintf("%s:%s@", rules[2], strings.TrimPrefix(rules[4].(string), ">")): "",
		"ispmail:canary-wrong@": "Redis refuses the user or the password",
		":canary-wrong@":        "Redis refuses the user or the password",
		"":                      "Redis asks for a password",
		":canary@":              "",
	} {
		var log logBuffer
		l := open(t, fmt.Sprintf("redis://%s127.0.0.1:%d/0", credentials, server.Port), key, patience, &log)
		awaitProblem(t, l, want)
		_, _, err := l.Take(ctx, nil)
		assert.Equal(t, want == "", err == nil, "%v", err)
		if want == "" {
			ok, _, _ := take(t, l, bucket("john"))
			assert.True(t, ok)
			assert.Nil(t, l.Problem())
		}
		assert.NotContains(t, log.String(), "canary")
	}
	require.NoError(t, server.Client.Do(ctx, "ACL", "SETUSER", "ispmail", "-set").Err())
	l := open(t, fmt.Sprintf("redis://ispmail:%s@127.0.0.1:%d", strings.TrimPrefix(rules[4].(string), ">"), server.Port), key, patience, &logBuffer{})
	require.NotNil(t, l.Problem())
	assert.Regexp(t, "^Redis (refuses the limits|does not allow this user what the limits need)$", l.Problem().Reason)
}

// TestNoWrites: a Redis that takes no writes is of no use, and says so.
func TestNoWrites(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string][]any{
		"full":      {"CONFIG", "SET", "maxmemory", "1"},
		"a replica": {"REPLICAOF", "127.0.0.1", "1"},
	} {
		server := redistest.Start(t)
		l := open(t, server.URL(), key, patience, &logBuffer{})
		s := newInstance(t, &passwords{}, l)
		awaitProblem(t, l, "")
		require.NoError(t, server.Client.Do(t.Context(), setting...).Err())
		assert.Equal(t, 5, alone(s, "john@example.org"), name)
		awaitProblem(t, l, "Redis takes no writes")
	}
}

// account returns the command of the documentation that makes the account.
func account(t *testing.T) (command []any) {
	t.Helper()
	readme, err := os.ReadFile("../../../examples/deployment/CLUSTER.md")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^ACL SETUSER ispmail .*$`).FindString(string(readme))
	for word := range strings.FieldsSeq(found) {
		command = append(command, word)
	}
	require.Greater(t, len(command), 5)
	return command
}
