package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/passwd/internal/limit"
)

// The values of a session.
const (
	sessionName   = "administrator"
	sessionStored = "stored" // a digest of the stored password at the login: another password ends the session
)

// gateWait is how long a login waits for others.
const gateWait = 3 * time.Second

// maxPassword is the greatest number of bytes of a password of an administrator.
const maxPassword = 1024

func digest(stored string) string {
	sum := sha256.Sum256([]byte(stored))
	return hex.EncodeToString(sum[:])
}

// administrator returns who is logged in. It is decided anew at each request, by the file as it is now.
func (p *Page) administrator(ctx context.Context) (Administrator, bool) {
	name := p.sessions.GetString(ctx, sessionName)
	if name == "" {
		return Administrator{}, false
	}
	all, err := p.config.Administrators()
	if err != nil {
		p.config.Logger.ErrorContext(ctx, "the administrators cannot be read, and nobody comes in", slog.Any("cause", err))
		return Administrator{}, false
	}
	a, ok := all[name]
	if !ok || digest(a.Stored.Reveal()) != p.sessions.GetString(ctx, sessionStored) {
		return Administrator{}, false
	}
	return a, true
}

func (p *Page) serveLogin(q *request) (answer, error) {
	if _, ok := p.administrator(q.ctx); ok {
		return seeOther("/"), nil
	}
	return shown("login", http.StatusOK, loginData{Next: ownPath(q.r.URL.Query().Get("next"))}), nil
}

type loginData struct{ Name, Next string }

// login lets an administrator in. The answer to wrong credentials comes at a fixed time, whatever is wrong with them.
func (p *Page) login(q *request) (answer, error) {
	arrival := time.Now()
	name, password := strings.ToLower(strings.TrimSpace(q.form["name"])), q.form["password"]
	data := loginData{Name: q.form["name"], Next: ownPath(q.form["next"])}
	refuse := func(status int, text string, args ...any) (answer, error) {
		a := shown("login", status, data)
		a.Problem, a.Field = q.t.Text(text, args...), "password"
		return a, nil
	}
	log := p.config.Logger
	all, err := p.config.Administrators()
	if err != nil {
		log.ErrorContext(q.ctx, "the administrators cannot be read, and nobody comes in", slog.Any("cause", err))
		return refuse(http.StatusServiceUnavailable, "login-closed")
	}
	known, ok := all[name]
	logged := "" // what was typed and is no name may be a password
	if ok {
		logged = name
	}
	if wait, ok := p.attempts.Charge(q.client, name); !ok {
		log.InfoContext(q.ctx, "an administrator was not let in", slog.String("administrator", logged), slog.String("client", q.client.String()), slog.String("reason", "limited"))
		q.w.Header().Set("Retry-After", seconds(wait))
		return refuse(http.StatusTooManyRequests, "limited", minutes(wait))
	}
	right, busy := p.verify(q.ctx, all, known, ok, password)
	if busy {
		p.attempts.GiveBack(q.client, name)
		return refuse(http.StatusServiceUnavailable, "login-busy")
	}
	if !right {
		log.InfoContext(q.ctx, "an administrator was not let in", slog.String("administrator", logged), slog.String("client", q.client.String()), slog.String("reason", "bad-credentials"))
		limit.WaitForFloor(arrival, p.config.Floor)
		return refuse(http.StatusForbidden, "login-wrong")
	}
	p.attempts.GiveBack(q.client, name)
	if err := p.sessions.RenewToken(q.ctx); err != nil {
		return answer{}, err
	}
	p.sessions.Put(q.ctx, sessionName, name)
	p.sessions.Put(q.ctx, sessionStored, digest(known.Stored.Reveal()))
	log.InfoContext(q.ctx, "an administrator has logged in", slog.String("administrator", name), slog.String("client", q.client.String()))
	return seeOther(data.Next), nil
}

// verify compares a password with that of an administrator. For one who does not exist it does the work that the dearest of the
// others takes.
func (p *Page) verify(ctx context.Context, all map[string]Administrator, known Administrator, exists bool, password string) (right, busy bool) {
	ctx, cancel := context.WithTimeout(ctx, gateWait)
	defer cancel()
	select {
	case p.gate <- struct{}{}:
		defer func() { <-p.gate }()
	case <-ctx.Done():
		return false, true
	}
	stored := known.Stored.Reveal()
	if !exists {
		stored = dearest(all)
	}
	if stored == "" || len(password) > maxPassword {
		return false, false
	}
	err := administratorHasher.VerifyContext(context.WithoutCancel(ctx), known.Name, stored, password)
	return err == nil && exists, false
}

// administratorHasher has the zero Config, whose limits of cost hold.
var administratorHasher = new(hash.Hasher)

// dearest returns the stored password that takes longest to verify.
func dearest(all map[string]Administrator) (stored string) {
	most := -1.0
	for _, a := range all {
		if info, err := hash.Inspect(a.Stored.Reveal()); err == nil && !info.Locked && info.Work > most {
			stored, most = a.Stored.Reveal(), info.Work
		}
	}
	return stored
}

func (p *Page) logout(q *request) (answer, error) {
	name := p.sessions.GetString(q.ctx, sessionName)
	if err := p.sessions.Destroy(q.ctx); err != nil {
		return answer{}, err
	}
	if name != "" {
		p.config.Logger.InfoContext(q.ctx, "an administrator has logged out", slog.String("administrator", name), slog.String("client", q.client.String()))
	}
	return seeOther("/login"), nil
}

// isNoURL reports whether no URL has a character, in the form in which a browser sends it.
func isNoURL(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }

// ownPath returns a path of this page to go on with, "/" for anything else.
func ownPath(next string) string {
	if len(next) < 2 || len(next) > 500 || next[0] != '/' || next[1] == '/' || strings.ContainsFunc(next, isNoURL) || strings.HasPrefix(next, "/login") {
		return "/"
	}
	return next
}
