package passwd

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ispmail/go-ispmail/passwd/internal/web"
)

// ServePoppassd serves webmail programs that speak the protocol of poppassd instead of HTTP, on a listener, until ctx ends. Then
// it closes the listener, lets the changes that are under way finish, and returns nil. It returns an error if the listener fails.
//
//	                         200 ispmail-passwd
//	user john@example.org    200 Now pass.
//	pass ...                 200 Now newpass.
//	newpass ...              200 The password was changed.
//	quit                     200 Bye.
//
// A line ends with LF or CR LF. A password is the rest of its line after one blank, byte for byte. Only newpass looks at the
// three, in an attempt like one of [Service.API], with the same limits and places. What it refuses is answered with
//
//	500 bad-credentials: The address or the current password is wrong.
//
// and the other reasons that the API has. That ends the connection, for which clients of the first poppassd wait; after a change,
// another begins with user. In the log and in an [Event] the channel is [Poppassd], with the status that the API would answer.
//
// A first line other than user, which a browser could be made to send, is refused as well, and so is a line of 2 KiB or more. A
// line that is not there after 10 s ends the connection, as does the end of 5 minutes. The number of connections is up to the
// listener.
//
// The protocol has neither TLS nor a secret, and names no client: the listener belongs on a loopback address, or better on a unix
// socket, which not everybody on the machine may open.
func (s *Service) ServePoppassd(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var dialogues sync.WaitGroup
	defer dialogues.Wait()
	defer cancel()
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	for {
		conn, err := listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			time.Sleep(acceptPause) // until others have closed a file
		case err != nil:
			return err
		default:
			dialogues.Go(func() { s.talk(ctx, conn) })
		}
	}
}

const (
	lineSize     = 2 << 10 // bytes of a line with its end: the longest current password and its command take half of it
	lineTime     = 10 * time.Second
	dialogueTime = 5 * time.Minute
	acceptPause  = 100 * time.Millisecond
)

// talk answers the lines of a connection.
func (s *Service) talk(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	end := time.Now().Add(dialogueTime)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) }) // who waits for a line waits no longer
	defer stop()
	lines := bufio.NewReaderSize(conn, lineSize)
	d := dialogue{service: s}
	for answer := "200 ispmail-passwd"; ; {
		_ = conn.SetWriteDeadline(time.Now().Add(lineTime))
		if _, err := conn.Write([]byte(answer + "\r\n")); err != nil || d.over {
			return
		}
		deadline := time.Now().Add(lineTime)
		if deadline.After(end) {
			deadline = end
		}
		_ = conn.SetReadDeadline(deadline)
		if ctx.Err() != nil {
			return
		}
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			answer = d.refuse(ctx, "The line is too long.")
		case err != nil:
			return
		default:
			answer = d.answer(ctx, strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"))
		}
	}
}

// A dialogue is what a connection has said so far.
type dialogue struct {
	service *Service
	over    bool
	form    form
}

// answer answers a line.
func (d *dialogue) answer(ctx context.Context, line string) string {
	verb, argument, _ := strings.Cut(line, " ")
	verb = strings.ToLower(verb)
	switch {
	case verb == "quit":
		d.over = true
		return "200 Bye."
	case verb == "user":
		d.form = form{}
		return d.take(ctx, web.Field{Name: verb, Value: &d.form.user}, argument, "Now pass.")
	case d.form.user == "":
		return d.refuse(ctx, "The first line must be user.")
	case verb == "pass":
		return d.take(ctx, web.Field{Name: verb, Value: &d.form.current, Bytes: true}, argument, "Now newpass.")
	case verb == "newpass" && d.form.current == "":
		return d.refuse(ctx, "Before newpass comes pass.")
	case verb == "newpass":
		return d.change(ctx, argument)
	}
	return d.refuse(ctx, "The commands are user, pass, newpass and quit.")
}

// take takes the value of a field.
func (d *dialogue) take(ctx context.Context, f web.Field, value, next string) string {
	if v, ok := verdictOf(f.Set(value)); !ok {
		return d.tell(ctx, time.Now(), "", v)
	}
	return "200 " + next
}

// change makes an attempt with the fields, and forgets them.
func (d *dialogue) change(ctx context.Context, replacement string) string {
	arrival, f, email := time.Now(), d.form, ""
	d.form = form{}
	v, ok := verdictOf(web.Field{Name: "newpass", Value: &f.replacement}.Set(replacement))
	if ok {
		email, v = d.service.change(ctx, Poppassd, arrival, netip.Addr{}, f)
	}
	return d.tell(ctx, arrival, email, v)
}

// refuse answers a line that is not one of the protocol at this place.
func (d *dialogue) refuse(ctx context.Context, text string) string {
	return d.tell(ctx, time.Now(), "", badRequest(http.StatusBadRequest, text))
}

// tell reports the outcome of an attempt, and returns the answer to it.
func (d *dialogue) tell(ctx context.Context, arrival time.Time, email string, v verdict) string {
	d.service.emit(ctx, arrival, Event{Channel: Poppassd, Email: email}, v)
	if v == changed {
		return "200 " + v.text
	}
	d.over = true
	return "500 " + v.reason + ": " + v.text
}
