package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
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
		p.logUnreadable(ctx, err)
		return Administrator{}, false
	}
	a, ok := all[name]
	if !ok || digest(a.Stored.Reveal()) != p.sessions.GetString(ctx, sessionStored) {
		return Administrator{}, false
	}
	return a, true
}

// logUnreadable says why nobody comes in, but not for each request of a stranger.
func (p *Page) logUnreadable(ctx context.Context, err error) {
	// Each cause has its line: whoever mends the file may make one mistake after the other. A stranger cannot choose the cause.
	if p.refused.First("unavailable: " + err.Error()) {
		p.config.Logger.ErrorContext(ctx, "the administrators cannot be read, and nobody comes in", slog.Any("cause", err))
	}
}

func (p *Page) serveLogin(q *request) (answer, error) {
	if _, ok := p.administrator(q.ctx); ok {
		return seeOther("/"), nil
	}
	return shown("login", http.StatusOK, loginData{Next: ownPath(q.form["next"])}), nil
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
		p.logUnreadable(q.ctx, err)
		return refuse(http.StatusServiceUnavailable, "login-closed")
	}
	known, ok := all[name]
	logged := "" // what was typed and is no name may be a password
	if ok {
		logged = name
	}
	logRefused := func(reason string) {
		log.InfoContext(q.ctx, "an administrator was not let in", slog.String("administrator", logged), slog.String("client", q.client.String()), slog.String("reason", reason))
	}
	if wait, ok := p.attempts.Charge(q.client, name); !ok {
		if p.refused.First("limited") {
			logRefused("limited")
		}
		q.w.Header().Set("Retry-After", seconds(wait))
		return refuse(http.StatusTooManyRequests, "limited", minutes(wait))
	}
	right, busy, floor := p.verify(q.ctx, all, known, ok, password)
	if busy {
		p.attempts.GiveBack(q.client, name)
		return refuse(http.StatusServiceUnavailable, "login-busy")
	}
	if !right {
		logRefused("bad-credentials")
		limit.WaitForFloor(arrival, floor)
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

// verify compares a password with that of an administrator. A refusal costs what the dearest of all costs, whoever it is about. The
// floor is what hides the rest. Whether the client still waits changes nothing of the time that it takes.
func (p *Page) verify(ctx context.Context, all map[string]Administrator, known Administrator, exists bool, password string) (right, busy bool, floor time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), gateWait)
	defer cancel()
	select {
	case p.gate <- struct{}{}:
		defer func() { <-p.gate }()
	case <-ctx.Done():
		return false, true, 0
	}
	decoy, floor, err := p.refusals.follow(ctx, p, all)
	if err != nil {
		return false, true, 0
	}
	if len(password) > maxPassword {
		return false, false, floor
	}
	done := 0.0
	if exists {
		err := p.config.Hasher.VerifyContext(ctx, known.Name, known.Stored.Reveal(), password)
		switch {
		case err == nil:
			return true, false, floor
		case ctx.Err() != nil:
			return false, true, 0
		case errors.Is(err, hash.ErrMismatch):
			info, _ := p.config.Hasher.Inspect(known.Stored.Reveal())
			done = info.Work
		case !errors.Is(err, hash.ErrPasswordTooLong):
			p.config.Logger.WarnContext(ctx, "the stored password of an administrator cannot be verified", slog.String("administrator", known.Name), slog.Any("cause", err))
		}
	}
	return false, p.config.Hasher.Refuse(ctx, decoy, password, done) != nil, floor
}

// ownHasher is that of a page whose Config has none. It tells what a page can verify.
var ownHasher = func() *hash.Hasher {
	h, err := hash.New(hash.Config{MaxMemory: MaxMemory, MemoryBudget: MaxMemory})
	if err != nil {
		panic(err)
	}
	return h
}()

// refusals are what a refused login costs, which follows the stored passwords of the administrators. The zero value works.
type refusals struct {
	mu    sync.Mutex
	decoy hash.Decoy
	floor time.Duration
}

// follow returns the decoy for the administrators as they are now, and the floor. It measures a new one. The error is that of ctx.
func (r *refusals) follow(ctx context.Context, p *Page, all map[string]Administrator) (hash.Decoy, time.Duration, error) {
	h := p.config.Hasher
	var decoy hash.Decoy
	for _, name := range slices.Sorted(maps.Keys(all)) { // of two that are as dear it is always the same
		decoy = h.Dearer(decoy, all[name].Stored.Reveal())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.floor != 0 && decoy == r.decoy {
		return decoy, r.floor, nil
	}
	dearest, err := limit.Measure(decoy.Info(), func() error { return h.Refuse(ctx, decoy, "no password", 0) })
	if err != nil {
		return decoy, 0, err
	}
	r.decoy, r.floor = decoy, dearest.Floor(p.config.Floor)
	attributes := []any{slog.String("scheme", dearest.Scheme), slog.Duration("verification", dearest.Took)}
	if r.floor != p.config.Floor {
		p.config.Logger.InfoContext(ctx, "wrong logins are answered at another time, because of the stored passwords of the administrators",
			append(attributes, slog.Duration("floor", r.floor))...)
	}
	if dearest.Work > dearest.Covered(r.floor) {
		p.config.Logger.WarnContext(ctx, "a stored password of an administrator takes too long to verify to hide whose it is", attributes...)
	}
	return decoy, r.floor, nil
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
