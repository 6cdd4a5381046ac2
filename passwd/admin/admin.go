// Package admin is the page for administrators of a mail server: domains, users, aliases, where mail goes, and what is wrong with
// the tables. Administrators are no mailboxes, and may be limited to domains.
//
//	store, err := ispmail.Open(ctx, dsn, ispmail.Config{})
//	...
//	page, err := admin.New(admin.Config{
//		Store:          func() (*ispmail.Store, error) { return store, nil },
//		Administrators: admin.NewFile("/etc/ispmail-admin/administrators").Administrators,
//	})
//	...
//	go page.Run(ctx)
//	err = http.Serve(socket, page)
//
// The page belongs on a loopback address or a unix socket, behind a web server with TLS, and on a host name or a port of its own:
// below the path of a webmail, a hole in the webmail would be one here, because both would be one origin.
package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin/internal/view"
	"github.com/ispmail/go-ispmail/passwd/internal/limit"
	"github.com/ispmail/go-ispmail/passwd/internal/policy"
	"github.com/ispmail/go-ispmail/passwd/internal/summary"
)

// Config holds the settings of a [Page]. Store and Administrators are required.
type Config struct {
	// Store returns the store, or why there is none yet. Its Hasher makes the passwords.
	Store func() (*ispmail.Store, error)
	// Administrators returns who may log in, by name. It is called at every request: see [File]. With an error, nobody may.
	Administrators func() (map[string]Administrator, error)
	// Hasher verifies the passwords of administrators. Give it the one of Store, so that both have one budget of memory. Defaults
	// to one of its own, with a budget of [MaxMemory].
	Hasher *hash.Hasher

	// TrustedProxies are the networks of web servers whose X-Forwarded-For is believed. The peer of a unix socket always is.
	TrustedProxies []netip.Prefix
	// SiteName is the title of the page. Defaults to "Mail".
	SiteName string
	// MinLength is the least number of characters of a password that an administrator types, from 8 to 64. Defaults to 15.
	MinLength int
	// MaxLength is the greatest number of bytes, from 64 to 256. Defaults to 256. Set it to 72 if new passwords are hashed with
	// bcrypt.
	MaxLength int
	// Floor is the time from the arrival of a login to the answer that it is refused, at least. Where the passwords of the
	// administrators need it, it is three times as long as the dearest takes to verify, up to 2 s. Defaults to 500 ms.
	Floor time.Duration
	// Plain lets sessions work over plain HTTP, for a try: the cookie is neither Secure nor bound to the host by its name.
	Plain bool
	// Logger receives a line for each login and each change, with the name of the administrator. Defaults to [slog.Default].
	Logger *slog.Logger
}

// MaxMemory is the greatest memory in KiB that the password of an administrator may take to verify: 128 MiB.
const MaxMemory = 128 << 10

const (
	defaultFloor = 500 * time.Millisecond
	maxFloor     = 10 * time.Second
	// logins is how many passwords of administrators are verified at the same time.
	logins = 2
)

// A Page is the handler. Make one with [New]; the zero value does not work. It is safe for concurrent use.
type Page struct {
	config   Config
	data     *view.Data
	policy   *policy.Policy
	sessions *scs.SessionManager
	notices  notices
	attempts *limit.Attempts
	gate     chan struct{}
	refusals refusals
	refused  *summary.Lines[string] // by reason
	looks    []look
	matcher  func(acceptLanguage []string) int
	styleURL string
	handler  http.Handler
}

// New returns a [Page], with a goroutine that lasts as long as the process. It returns an error if something required is missing or a setting is out of its range.
func New(config Config) (*Page, error) {
	if config.Store == nil || config.Administrators == nil {
		return nil, errors.New("admin: Config has no Store or no Administrators")
	}
	config.SiteName = cmp.Or(config.SiteName, "Mail")
	config.Floor = cmp.Or(config.Floor, defaultFloor)
	config.Hasher = cmp.Or(config.Hasher, ownHasher)
	config.Logger = cmp.Or(config.Logger, slog.Default())
	if config.Floor < 0 || config.Floor > maxFloor {
		return nil, fmt.Errorf("admin: Floor %v is not in 0 to %v", config.Floor, maxFloor)
	}
	rules, err := policy.New(policy.Config{MinLength: config.MinLength, MaxLength: config.MaxLength, SiteName: config.SiteName})
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	p := &Page{config: config, policy: rules, attempts: limit.NewAttempts(), gate: make(chan struct{}, logins)}
	p.refused = summary.New(func(reason string, more int) {
		reason, _, _ = strings.Cut(reason, ":") // which may have a cause
		p.config.Logger.Info("more requests were refused", slog.String("reason", reason), slog.Int("count", more))
	})
	p.data = view.New(config.Store, p.logChange)
	p.sessions = newSessions(config.Plain)
	if err := p.readLooks(); err != nil {
		return nil, err
	}
	p.handler = p.newHandler()
	return p, nil
}

// Run looks for faults in the tables in the background until ctx ends. Without it, the page has no findings.
func (p *Page) Run(ctx context.Context) {
	p.data.Examine(ctx, p.config.Logger)
	p.refused.Flush()
}

// ServeHTTP implements [http.Handler].
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// logChange writes the line of a change.
func (p *Page) logChange(ctx context.Context, c view.Change) {
	log := p.config.Logger
	log.LogAttrs(ctx, slog.LevelInfo, "an administrator has changed a row", slog.String("administrator", c.Person.Name), slog.String("client", c.Person.Client),
		slog.String("action", string(c.Action)), slog.String("row", c.Row), slog.String("to", c.To), slog.Bool("unknown", c.Unknown))
}
