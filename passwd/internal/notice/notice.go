// Package notice mails the owner of an account that its password was changed, as ASVS 5.0, 6.3.7, asks.
package notice

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"net/netip"
	"os/exec"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/notify"
)

// A Mailer sends the mails. Make one with [New]; the zero value does not work.
type Mailer struct {
	subject, from string
	text          *template.Template
	sendmail      string
	counts        counts
}

//go:embed notice.en.txt
var defaultText string

// New returns a [Mailer]. text is a template, "" for the one in English:
//
//	Subject: what the mail is about
//	From: who sends it; without the line it is postmaster at the domain of the account
//
//	the text, see text/template, with .Email, .Time, .Channel, .Client, .Unknown and .More
//
// What stands in the headers is no template, so that nothing of a request gets into them. sendmail is the path of a program like
// that of Postfix. The directory keeps what was sent to whom in the last ten minutes.
func New(text, sendmail, directory string) (*Mailer, error) {
	if strings.TrimSpace(text) == "" {
		text = defaultText
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if !utf8.ValidString(text) {
		return nil, errors.New("the template is not UTF-8")
	}
	message, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		return nil, errors.New(`the template does not begin with "Subject: ..." and an empty line`)
	}
	m := &Mailer{subject: message.Header.Get("Subject"), from: message.Header.Get("From"), sendmail: sendmail, counts: counts{directory}}
	for name := range message.Header {
		if name != "Subject" && name != "From" {
			return nil, fmt.Errorf("the template has the header %s: only Subject and From can be set", name)
		}
	}
	if m.from != "" {
		address, err := mail.ParseAddress(m.from)
		if err != nil {
			return nil, errors.New(`the line "From: ..." of the template has no mail address`)
		}
		m.from = address.String()
	}
	if m.subject == "" || strings.Contains(m.subject, "{{") {
		return nil, errors.New(`the template needs a line "Subject: ...", which is no template itself`)
	}
	_, body, _ := strings.Cut(text, "\n\n")
	if m.text, err = template.New("notice").Parse(body); err != nil {
		return nil, fmt.Errorf("the template is wrong: %w", err)
	}
	_, err = m.compose(view{Email: "john@example.org"})
	return m, err
}

// A view is what a template can show.
type view struct {
	Email   string
	Time    string // with the zone
	Channel string // api (a webmail), page, poppassd, or admin
	Client  string // "" where it is not known
	Unknown bool   // whether it is not known if the change is in force
	More    int    // changes since the last mail that had no mail
}

// Send mails the owner of an account of a change, unless there was a mail within ten minutes: then sent is false. It has nothing to
// send about other changes than those of passwords.
func (m *Mailer) Send(ctx context.Context, l notify.Line) (sent bool, err error) {
	if l.Kind != string(ispmail.PasswordChanged) {
		return true, nil
	}
	if canonical, err := ispmail.Canonical(l.User); err != nil || canonical != l.User {
		return false, errors.New("the line names no mail address")
	}
	v := view{Email: l.User, Time: shown(l.Time), Unknown: l.Unknown}
	switch l.Channel {
	case "api", "page", "poppassd", "admin":
		v.Channel = l.Channel
	}
	if client, err := netip.ParseAddr(l.Client); err == nil && client.Zone() == "" {
		v.Client = client.String()
	}
	return m.counts.once(l.User, time.Now(), func(more int) error {
		v.More = more
		message, err := m.compose(v)
		if err != nil {
			return err
		}
		return m.deliver(ctx, l.User, message)
	})
}

// Example returns a mail about a change on the page.
func (m *Mailer) Example() ([]byte, error) {
	return m.compose(view{Email: "john@example.org", Time: shown(time.Now()), Channel: "page", Client: "192.0.2.1"})
}

func shown(at time.Time) string { return at.Local().Format("2006-01-02 15:04 MST") }

// compose returns a mail. What an automatic answer would be sent to is no address, see RFC 3834.
func (m *Mailer) compose(v view) ([]byte, error) {
	from := m.from
	if from == "" {
		from = "postmaster@" + v.Email[strings.LastIndexByte(v.Email, '@')+1:]
	}
	var message bytes.Buffer
	for _, header := range [][2]string{
		{"From", from},
		{"To", v.Email},
		{"Subject", mime.QEncoding.Encode("utf-8", m.subject)},
		{"Date", time.Now().Format(time.RFC1123Z)},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "8bit"},
	} {
		message.WriteString(header[0] + ": " + header[1] + "\n")
	}
	message.WriteString("\n")
	if err := m.text.Execute(&message, v); err != nil {
		return nil, fmt.Errorf("the template is wrong: %w", err)
	}
	return message.Bytes(), nil
}

// deliver hands a mail to sendmail, with the null sender: nobody gets a bounce.
func (m *Mailer) deliver(ctx context.Context, email string, message []byte) error {
	cmd := exec.CommandContext(ctx, m.sendmail, "-i", "-f", "", "--", email) //nolint:gosec // the administrator's program, and an address that is checked
	cmd.Stdin = bytes.NewReader(message)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %.200q", m.sendmail, err, output)
	}
	return nil
}
