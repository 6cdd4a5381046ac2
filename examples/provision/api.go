package main

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
)

type api struct {
	http.ServeMux
	store *ispmail.Store
	log   *slog.Logger
}

// A change is a request to change something, with its transaction.
type change struct {
	ctx          context.Context
	tx           *ispmail.Store
	name         string         // from the path, in its one spelling
	Password     ispmail.Secret // from the body, as the next two
	To           string
	Destinations []string
}

// An answer to a change is what is there now, and what an administrator should know about it.
type answer struct {
	User     *ispmail.User     `json:"user,omitempty"`
	Aliases  []ispmail.Alias   `json:"aliases,omitempty"`
	Warnings []ispmail.Warning `json:"warnings,omitempty"`
}

func answerUser(user ispmail.User, warnings []ispmail.Warning, err error) (any, error) {
	return answer{User: &user, Warnings: warnings}, err
}

// newAPI says what can be asked for, by whoever has the token (RFC 6750).
func newAPI(store *ispmail.Store, log *slog.Logger, token string) http.Handler {
	a, want := &api{store: store, log: log}, []byte("Bearer "+token)
	a.handle("GET /domains", func(r *http.Request) (any, error) { return store.DomainCounts(r.Context()) })
	a.handle("GET /users", a.users)
	a.handle("GET /events", a.events)

	a.change("PUT /domains/{name}", ispmail.CanonicalDomain, "domain.created", func(c change) (any, error) { return c.tx.CreateDomain(c.ctx, c.name) })
	a.change("PUT /users/{name}", ispmail.Canonical, "user.created", func(c change) (any, error) { return answerUser(c.tx.CreateUser(c.ctx, c.name, c.Password.Reveal())) })
	a.change("DELETE /users/{name}", ispmail.Canonical, "user.deleted", func(c change) (any, error) {
		warnings, err := c.tx.DeleteUser(c.ctx, c.name)
		return answer{Warnings: warnings}, err
	})
	a.change("POST /users/{name}/rename", ispmail.Canonical, "user.renamed", func(c change) (any, error) { return answerUser(c.tx.RenameUser(c.ctx, c.name, c.To)) })
	a.change("POST /users/{name}/lock", ispmail.Canonical, "user.locked", func(c change) (any, error) { return nil, c.tx.Lock(c.ctx, c.name) })
	a.change("POST /users/{name}/unlock", ispmail.Canonical, "user.unlocked", func(c change) (any, error) { return nil, c.tx.Unlock(c.ctx, c.name) })
	a.change("PUT /aliases/{name}", ispmail.CanonicalSource, "alias.set", func(c change) (any, error) {
		aliases, warnings, err := c.tx.SetAliases(c.ctx, c.name, c.Destinations...)
		return answer{Aliases: aliases, Warnings: warnings}, err
	})
	a.change("DELETE /aliases/{name}", ispmail.CanonicalSource, "alias.deleted", func(c change) (any, error) {
		warnings, err := c.tx.DeleteAliases(c.ctx, c.name)
		return answer{Warnings: warnings}, err
	})

	return http.MaxBytesHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) == 1 { // the time tells the length at most
			a.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, `{"error":"wrong token"}`, http.StatusUnauthorized)
	}), 512<<10) // 1000 destinations
}

// change answers requests with what fn returns, and writes an event in the same transaction: never one without the other.
// fn may run again, if the database undid the transaction.
func (a *api) change(pattern string, canonical func(string) (string, error), kind string, fn func(c change) (any, error)) {
	a.handle(pattern, func(r *http.Request) (answer any, err error) {
		c, decoder := change{}, json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&c); err != nil && !errors.Is(err, io.EOF) || decoder.More() { // no body is an empty object
			return nil, errors.Join(fmt.Errorf("%w: it takes one JSON object", errRequest), err)
		}
		if c.name, err = canonical(r.PathValue("name")); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
		defer cancel()
		err = a.store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
			c.ctx, c.tx = ctx, tx
			if answer, err = fn(c); err != nil {
				return err
			}
			return c.writeEvent(kind, answer)
		})
		return answer, err
	})
}

// handle answers requests with what fn returns.
func (a *api) handle(pattern string, fn func(r *http.Request) (any, error)) {
	a.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		answer, err := fn(r)
		status := http.StatusOK
		if err != nil {
			status, answer = explain(err)
		}
		if status >= http.StatusInternalServerError { // other errors may repeat what somebody typed
			a.log.ErrorContext(r.Context(), "failed", "request", r.Pattern, "error", err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer) // whoever asked may be gone
	})
}

var errRequest = errors.New("bad request")

// statuses is the one table from errors to answers. What is not in it is 500, and stays in the log.
var statuses = []struct {
	status int
	errs   []error
}{
	{400, []error{errRequest}},
	{404, []error{ispmail.ErrNotFound}},
	{409, []error{ispmail.ErrExists, ispmail.ErrLocked, ispmail.ErrNotLocked, ispmail.ErrAmbiguous, ispmail.ErrAddressInPassword}},
	{422, []error{ispmail.ErrInvalidAddress, ispmail.ErrTooLong, ispmail.ErrNoDomain, ispmail.ErrAliasLoop, ispmail.ErrAliasLimit, hash.ErrInvalidPassword, hash.ErrPasswordTooLong}},
	{504, []error{ispmail.ErrOutcomeUnknown}}, // look at the events before you try again
	{503, []error{ispmail.ErrUnavailable, context.DeadlineExceeded, context.Canceled}},
}

// explain returns the answer for an error.
func explain(err error) (status int, answer any) {
	e := new(ispmail.AddressError) // without field and reason, unless err has them
	errors.As(err, &e)
	for _, s := range statuses {
		if slices.ContainsFunc(s.errs, func(kind error) bool { return errors.Is(err, kind) }) {
			return s.status, map[string]string{"error": err.Error(), "field": e.Field, "reason": e.Reason}
		}
	}
	return http.StatusInternalServerError, map[string]string{"error": "internal error"}
}

// users lists a page of the users of a domain. The next one comes after the id of the last.
func (a *api) users(r *http.Request) (any, error) {
	q := ispmail.InDomain(r.FormValue("domain")) // an absent or misspelt domain is refused, and never means everybody
	after, errAfter := strconv.ParseInt(cmp.Or(r.FormValue("after"), "0"), 10, 64)
	limit, errLimit := strconv.Atoi(cmp.Or(r.FormValue("limit"), "50"))
	if errAfter != nil || errLimit != nil || limit < 1 || limit > 1000 {
		return nil, fmt.Errorf("%w: after is an id, limit a number from 1 to 1000", errRequest)
	}
	q.Search, q.After, q.Limit = r.FormValue("search"), after, limit
	list := []map[string]any{}
	for u, err := range a.store.Users(r.Context(), q) {
		if err != nil {
			return nil, err
		}
		list = append(list, map[string]any{"id": u.ID, "email": u.Email, "quota": u.Quota, "locked": u.IsLocked()})
	}
	return list, nil
}

// An event says what has changed. It is a row of the daemon's own table, see outbox.sql.
type event struct {
	ID   int64           `bun:"id,pk" json:"id"`
	At   int64           `bun:"created_at" json:"at"` // seconds since 1970
	Kind string          `bun:"kind" json:"kind"`
	Name string          `bun:"name" json:"name"`
	Data json.RawMessage `bun:"data" json:"data"` // the answer to the request
}

// writeEvent writes an event as the last part of a transaction.
//
// The update keeps other changes waiting until the commit, so that ids are in the order of the commits. With
// AUTO_INCREMENT, an event could be committed after one of a higher id, and whoever asks for those after that misses it.
func (c change) writeEvent(kind string, answer any) error {
	data, err := json.Marshal(answer)
	if err == nil {
		_, err = c.tx.DB().ExecContext(c.ctx, "UPDATE outbox_last SET id = id + 1")
	}
	if err == nil {
		_, err = c.tx.DB().ExecContext(c.ctx, "INSERT INTO outbox SELECT id, ?, ?, ?, ? FROM outbox_last", time.Now().Unix(), kind, c.name, string(data))
	}
	return err
}

// events lists the events after an id, at most 1000.
func (a *api) events(r *http.Request) (any, error) {
	after, err := strconv.ParseInt(r.FormValue("after"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: after is an id, 0 for all events", errRequest)
	}
	list := []event{}
	err = a.store.Read(r.Context(), func(ctx context.Context, db bun.IDB) error {
		return db.NewSelect().Model(&list).ModelTableExpr("outbox AS event").Where("id > ?", after).Order("id").Limit(1000).Scan(ctx)
	})
	return list, err
}
