package passwd_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
)

// pipes is a listener whose connections are pipes, which know the time of a test of synctest.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newPipes() *pipes {
	closed := make(chan struct{})
	return &pipes{make(chan net.Conn), closed, sync.OnceFunc(func() { close(closed) })}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.close(); return nil }

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// servePoppassd serves until the returned function is called, which waits for the end.
func servePoppassd(t *testing.T, service *passwd.Service, listener net.Listener) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- service.ServePoppassd(ctx, listener) }()
	return func() {
		cancel()
		assert.NoError(t, <-ended)
	}
}

// converse plays a transcript: what is sent after ">", as it stands, and after "<" a line of an answer. "<." is the end.
func converse(t *testing.T, conn net.Conn, transcript ...string) {
	t.Helper()
	lines := bufio.NewReader(conn)
	for _, line := range transcript {
		if text, sent := strings.CutPrefix(line, ">"); sent {
			go func() { _, _ = io.WriteString(conn, text) }() // the end may come before all of it is read
			continue
		}
		got, err := lines.ReadString('\n')
		if line == "<." {
			require.ErrorIs(t, err, io.EOF, got)
			return
		}
		require.NoError(t, err, line)
		require.Equal(t, strings.TrimPrefix(line, "<")+"\r\n", got)
	}
	require.NoError(t, conn.Close())
}

const (
	hello     = "<200 ispmail-passwd"
	nowPass   = "<200 Now pass." //nolint:gosec // which is no password
	nowNew    = "<200 Now newpass."
	isChanged = "<200 The password was changed."
	wrong     = "<500 bad-credentials: The address or the current password is wrong."
)

// TestPoppassd has transcripts: those of webmails as they speak, and those of clients that speak otherwise.
func TestPoppassd(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2048)
	for name, c := range map[string]struct {
		transcript []string
		asked      []string // what the Changer was asked, with | between
	}{
		"Roundcube": {
			[]string{hello, ">user John@Example.org\r\n", nowPass, ">pass right\r\n", nowNew, ">newpass a long enough secret\r\n", isChanged},
			[]string{"john@example.org|right|a long enough secret"},
		},
		"Horde": {
			[]string{hello, ">user john@example.org\n", nowPass, ">pass right\n", nowNew, ">newpass a long enough secret\n", isChanged, ">quit\n", "<200 Bye.", "<."},
			[]string{"john@example.org|right|a long enough secret"},
		},
		"SnappyMail": {
			[]string{hello, ">user john@example.org\r\n", nowPass, ">pass right\r\n", nowNew, ">newpass a long enough secret\r\n", isChanged},
			[]string{"john@example.org|right|a long enough secret"},
		},
		"Afterlogic after a wrong password, for whom an answer other than 200 goes on to the end": {
			[]string{hello, ">user john@example.org\r\n", nowPass, ">pass wrong\r\n", nowNew, ">newpass a long enough secret\r\n", wrong, "<."},
			[]string{"john@example.org|wrong|a long enough secret"},
		},
		"capitals": {
			[]string{hello, ">USER john@example.org\r\n", nowPass, ">Pass right\r\n", nowNew, ">NewPass a long enough secret\r\n", isChanged},
			[]string{"john@example.org|right|a long enough secret"},
		},
		"blanks": {
			[]string{hello, ">user john@example.org\n", nowPass, ">pass  right \r\n", nowNew, ">newpass  a long enough  secret \n", isChanged},
			[]string{"john@example.org| right | a long enough  secret "},
		},
		"other bytes in the current password": {
			[]string{hello, ">user john@example.org\n", nowPass, ">pass \xfc\x00\tright\r\r\n", nowNew, ">newpass ein längeres Paßwort\n", isChanged},
			[]string{"john@example.org|\xfc\x00\tright\r|ein längeres Paßwort"},
		},
		"other bytes in the new one": {
			[]string{hello, ">user john@example.org\n", nowPass, ">pass right\n", nowNew, ">newpass a long enough s\xe4cret\n", "<500 bad-request: The field newpass is not UTF-8.", "<."},
			nil,
		},
		"other bytes in the address": {[]string{hello, ">user j\xf6hn@example.org\n", "<500 bad-request: The field user is not UTF-8.", "<."}, nil},
		"a line end in the new one": {
			[]string{
				hello, ">user john@example.org\n", nowPass, ">pass right\n", nowNew, ">newpass a long enough\rsecret\n",
				"<500 policy-control: The new password holds a line end, a tab or another character that cannot be seen.", "<.",
			},
			nil,
		},
		"several changes": {
			[]string{
				hello, ">user jane@example.org\n", nowPass, ">pass right\n", nowNew, ">newpass another long secret\n", isChanged,
				">user john@example.org\n", nowPass, ">pass right\n", nowNew, ">newpass a long enough secret\n", isChanged,
				">newpass a long enough secret\n", "<500 bad-request: The first line must be user.", "<.",
			},
			[]string{"jane@example.org|right|another long secret", "john@example.org|right|a long enough secret"},
		},
		"somebody else begins": {
			[]string{hello, ">user john@example.org\n", nowPass, ">pass right\n", nowNew, ">user jane@example.org\n", nowPass, ">newpass a long enough secret\n", "<500 bad-request: Before newpass comes pass.", "<."},
			nil,
		},
		"all at once": {
			[]string{hello, ">user john@example.org\npass right\nnewpass a long enough secret\nquit\n", nowPass, nowNew, isChanged, "<200 Bye.", "<."},
			[]string{"john@example.org|right|a long enough secret"},
		},
		"no user":    {[]string{hello, ">user\n", "<500 bad-request: The field user is missing.", "<."}, nil},
		"empty user": {[]string{hello, ">user \n", "<500 bad-request: The field user is missing.", "<."}, nil},
		"no pass":    {[]string{hello, ">user john@example.org\n", nowPass, ">pass\n", "<500 bad-request: The field pass is missing.", "<."}, nil},
		"no newpass": {[]string{hello, ">user john@example.org\n", nowPass, ">pass x\n", nowNew, ">newpass \n", "<500 bad-request: The field newpass is missing.", "<."}, nil},
		"no address": {
			[]string{hello, ">user john\n", nowPass, ">pass right\n", nowNew, ">newpass a long enough secret\n", "<500 bad-request: The user is not a mail address."},
			nil,
		},
		"HTTP": {
			[]string{hello, ">POST / HTTP/1.1\r\nHost: localhost:106\r\n\r\nuser john@example.org\r\npass right\r\nnewpass a long enough secret\r\n", "<500 bad-request: The first line must be user.", "<."},
			nil,
		},
		"TLS":             {[]string{hello, ">\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", "<500 bad-request: The first line must be user.", "<."}, nil},
		"an empty line":   {[]string{hello, ">\r\n", "<500 bad-request: The first line must be user.", "<."}, nil},
		"begins in order": {[]string{hello, ">newpass x\n", "<500 bad-request: The first line must be user.", "<."}, nil},
		"quits at once":   {[]string{hello, ">quit\n", "<200 Bye.", "<."}, nil},
		"quits amidst":    {[]string{hello, ">user john@example.org\n", nowPass, ">QUIT\r\n", "<200 Bye.", "<."}, nil},
		"speaks of mail":  {[]string{hello, ">user john@example.org\n", nowPass, ">stat\n", "<500 bad-request: The commands are user, pass, newpass and quit.", "<."}, nil},
		"too long":        {[]string{hello, ">user john@example.org\n", nowPass, ">pass " + long + "\n", "<500 bad-request: The line is too long.", "<."}, nil},
		"never ends":      {[]string{hello, ">" + long + long, "<500 bad-request: The line is too long.", "<."}, nil},
		"long current": {
			[]string{hello, ">user john@example.org\n", nowPass, ">pass " + long[:1025] + "\n", nowNew, ">newpass a long enough secret\n", "<500 bad-request: The current password is too long."},
			nil,
		},
		"long new one": {
			[]string{hello, ">user john@example.org\n", nowPass, ">pass " + long[:1024] + "\n", nowNew, ">newpass " + long[:1024] + "\n", "<500 policy-too-long: The new password is too long."},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			service := newService(t, passwd.Config{Changer: changerFunc(func(_ context.Context, email, current, replacement string) error {
				asked = append(asked, email+"|"+current+"|"+replacement)
				if strings.Contains(current, "right") {
					return nil
				}
				return ispmail.ErrBadCredentials
			})})
			listener := newPipes()
			stop := servePoppassd(t, service, listener)
			converse(t, listener.dial(), c.transcript...)
			stop()
			assert.Equal(t, c.asked, asked)
		})
	}
}

// onPoppassd makes an attempt in a connection of its own, and returns the answer.
func onPoppassd(t *testing.T, listener *pipes, user, current, replacement string) string {
	t.Helper()
	conn := listener.dial()
	lines := bufio.NewReader(conn)
	answer, err := lines.ReadString('\n')
	require.NoError(t, err)
	for _, line := range []string{"user " + user, "pass " + current, "newpass " + replacement} {
		_, err = io.WriteString(conn, line+"\n")
		require.NoError(t, err)
		answer, err = lines.ReadString('\n')
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close())
	return strings.TrimSpace(answer)
}

// overPoppassd sends lines at once, and returns what comes back until the end.
func overPoppassd(t *testing.T, service *passwd.Service, lines string) string {
	t.Helper()
	listener := newPipes()
	stop := servePoppassd(t, service, listener)
	defer stop()
	conn := listener.dial()
	go func() { _, _ = io.WriteString(conn, lines) }()
	answers, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(answers)
}

// TestPoppassdLimits: an attempt counts as one of the API, also for the account under way, and its answer comes as late.
func TestPoppassdLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var events []string
		service := newService(t, passwd.Config{Changer: onlyRight, Floor: time.Second, OnEvent: func(_ context.Context, e passwd.Event) {
			mu.Lock()
			defer mu.Unlock()
			events = append(events, fmt.Sprint(e.Channel, " ", e.Email, " ", e.Client, " ", e.Status, " ", e.Reason))
		}})
		listener := newPipes()
		stop := servePoppassd(t, service, listener)
		for range 20 { // free
			assert.Contains(t, onPoppassd(t, listener, "john@example.org", "wrong", "short"), "500 policy-too-short")
		}
		for i := range 5 {
			start := time.Now()
			if i%2 == 0 {
				assert.Equal(t, wrong[1:], onPoppassd(t, listener, "john@example.org", "wrong", replacement))
			} else {
				assert.Equal(t, http.StatusForbidden, onAPI(service, "john@example.org", "wrong", replacement))
			}
			assertFloor(t, time.Since(start))
		}
		assert.Regexp(t, `^500 limited: Too many attempts\. Try again in 3 min\.$`, onPoppassd(t, listener, "john@example.org", "right", replacement))
		assert.Equal(t, http.StatusTooManyRequests, onAPI(service, "john@example.org", "right", replacement))
		assert.Equal(t, http.StatusOK, onPage(service, "192.0.2.1", "john@example.org", "right", replacement), "the page has limits of its own")
		time.Sleep(3 * time.Minute)
		// One attempt for an account at a time, and who leaves is waited for as who stays.
		conn := listener.dial()
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		_, err := io.WriteString(conn, "user john@example.org\npass wrong\nnewpass "+replacement+"\n")
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, conn.Close())
		assert.Equal(t, http.StatusServiceUnavailable, onAPI(service, "john@example.org", "right", replacement))
		stop()
		assert.Equal(t, "poppassd john@example.org invalid IP 403 bad-credentials", events[len(events)-1])
		assert.Contains(t, events, "poppassd john@example.org invalid IP 429 limited")
		assert.Contains(t, events, "poppassd john@example.org invalid IP 422 policy-too-short")
	})
}

// TestPoppassdSlow: a line has 10 s, whatever arrives of it, and a connection five minutes.
func TestPoppassdSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(t, passwd.Config{Changer: onlyRight})
		listener := newPipes()
		defer servePoppassd(t, service, listener)()
		for _, every := range []string{"x", "user john@example.org\n"} {
			start, conn := time.Now(), listener.dial()
			go func() {
				for {
					if _, err := io.WriteString(conn, every); err != nil {
						return
					}
					time.Sleep(2 * time.Second)
				}
			}()
			_, err := io.Copy(io.Discard, conn)
			require.NoError(t, err)
			want := 10 * time.Second
			if strings.HasSuffix(every, "\n") {
				want = 5 * time.Minute
			}
			assert.Equal(t, want, time.Since(start))
			require.NoError(t, conn.Close())
		}
		// Who reads nothing is not waited for either.
		conn := listener.dial()
		time.Sleep(11 * time.Second)
		_, err := io.WriteString(conn, "user john@example.org\n")
		require.ErrorIs(t, err, io.ErrClosedPipe)
	})
}

// TestPoppassdStops: the end of the service waits for the change that is under way, and for nobody else.
func TestPoppassdStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(t, passwd.Config{Changer: changerFunc(func(ctx context.Context, _, _, _ string) error {
			select {
			case <-time.After(5 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})})
		listener := newPipes()
		stop := servePoppassd(t, service, listener)
		idle, busy := listener.dial(), listener.dial()
		var done sync.WaitGroup
		done.Go(func() { converse(t, idle, hello, ">user john@example.org\n", nowPass, "<.") })
		done.Go(func() {
			converse(t, busy, hello, ">user john@example.org\n", nowPass, ">pass right\n", nowNew, ">newpass "+replacement+"\n", isChanged, "<.")
		})
		synctest.Wait()
		start := time.Now()
		stop()
		assert.Equal(t, 5*time.Second, time.Since(start))
		done.Wait()
		_, err := listener.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

// TestPoppassdListenerFails: it ends with the error, and nobody is held.
func TestPoppassdListenerFails(t *testing.T) {
	t.Parallel()
	service, listener := newService(t, passwd.Config{Changer: onlyRight}), newPipes()
	ended := make(chan error)
	go func() { ended <- service.ServePoppassd(t.Context(), listener) }()
	idle := listener.dial()
	defer func() { require.NoError(t, idle.Close()) }()
	_, err := bufio.NewReader(idle).ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	require.ErrorIs(t, <-ended, net.ErrClosed)
}

// TestPoppassdCrowd has a thousand connections at the same time, half of which say nothing.
func TestPoppassdCrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		listener := newPipes()
		stop := servePoppassd(t, newService(t, passwd.Config{Changer: onlyRight}), listener)
		var conns []net.Conn
		for range 1000 {
			conns = append(conns, listener.dial())
		}
		for i, conn := range conns {
			if i%2 == 0 {
				converse(t, conn, hello, fmt.Sprintf(">user u%d@example.org\n", i), nowPass, ">pass right\n", nowNew, ">newpass "+replacement+"\n", isChanged, ">quit\n", "<200 Bye.", "<.")
			}
		}
		for _, conn := range conns { // who does not read the greeting is waited for
			require.NoError(t, conn.Close())
		}
		stop()
	})
}

// TestPoppassdAttempt: who is told of a change hears that it came over poppassd.
func TestPoppassdAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var attempt passwd.Event
		service := newService(t, passwd.Config{Changer: changerFunc(func(ctx context.Context, _, _, _ string) error {
			attempt, _ = passwd.AttemptOf(ctx)
			return nil
		})})
		listener := newPipes()
		stop := servePoppassd(t, service, listener)
		converse(t, listener.dial(), hello, ">user john@example.org\n", nowPass, ">pass right\n", nowNew, ">newpass a long enough secret\n", isChanged, ">quit\n", "<200 Bye.", "<.")
		stop()
		assert.Equal(t, passwd.Poppassd, attempt.Channel)
		assert.Equal(t, "john@example.org", attempt.Email)
	})
}
