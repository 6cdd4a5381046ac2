package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
)

// An api has what the requests are about.
type api struct {
	store *ispmail.Store
	log   *slog.Logger
}

func newAPI(store *ispmail.Store, log *slog.Logger) http.Handler {
	a, mux := &api{store, log}, http.NewServeMux()
	mux.Handle("GET /domains", a.read(a.domains))
	mux.Handle("POST /domains", change(a, http.StatusCreated, createDomain))
	mux.Handle("GET /users", a.read(a.users))
	mux.Handle("POST /users", change(a, http.StatusCreated, createUser))
	mux.Handle("DELETE /users/{name}", change(a, http.StatusOK, deleteUser))
	mux.Handle("PUT /users/{name}/address", change(a, http.StatusOK, renameUser))
	mux.Handle("PUT /users/{name}/password", change(a, http.StatusOK, setPassword))
	mux.Handle("POST /users/{name}/quota", change(a, http.StatusOK, addQuota))
	mux.Handle("POST /users/{name}/lock", change(a, http.StatusOK, lock))
	mux.Handle("POST /users/{name}/unlock", change(a, http.StatusOK, unlock))
	mux.Handle("GET /aliases/{name}", a.read(a.aliases))
	mux.Handle("PUT /aliases/{name}", change(a, http.StatusOK, setAliases))
	mux.Handle("GET /events", a.read(a.events))
	return mux
}

type (
	none    struct{}
	newName struct{ Name string }
	newUser struct {
		Email, Password string
		Quota           *int64 // bytes, 0 for no limit; absent for the default of the column
	}
	newPassword  struct{ Password string }
	newAddress   struct{ To string }
	moreQuota    struct{ Add int64 } // bytes
	destinations struct{ Destinations []string }
)

// A user is what the API shows of one. ispmail.User keeps its password out of JSON.
type user struct {
	ispmail.User
	Locked bool `json:"locked"`
}

func show(u ispmail.User) user { return user{u, u.IsLocked()} }

func (a *api) domains(r *http.Request) (any, error) {
	counts, err := a.store.DomainCounts(r.Context())
	return page[ispmail.DomainCount]{Rows: counts}, err
}

func createDomain(ctx context.Context, tx *ispmail.Store, _ string, in newName) (any, event, error) {
	d, err := tx.CreateDomain(ctx, in.Name)
	return d, event{Kind: "domain.created", Name: d.Name}, err
}

// A page is a part of a list. The next one comes after the id Next; at the end, there is none.
type page[T any] struct {
	Rows rows[T] `json:"rows"`
	Next int64   `json:"next,omitempty"`
}

// Rows are [] in JSON if there are none, never null.
type rows[T any] []T

func (r rows[T]) MarshalJSON() ([]byte, error) { return json.Marshal(append([]T{}, r...)) }

func (a *api) users(r *http.Request) (any, error) {
	q, err := query(r, "domain", "search", "after", "limit")
	if err != nil {
		return nil, err
	}
	var p page[user]
	for u, err := range a.store.Users(r.Context(), q) {
		if err != nil {
			return nil, err
		}
		if p.Rows = append(p.Rows, show(u)); len(p.Rows) == q.Limit {
			p.Next = u.ID
		}
	}
	return p, nil
}

func createUser(ctx context.Context, tx *ispmail.Store, _ string, in newUser) (any, event, error) {
	if err := wasText(in.Password); err != nil {
		return nil, event{}, err
	}
	u, err := tx.CreateUser(ctx, in.Email, in.Password)
	if err == nil && in.Quota != nil {
		err = tx.SetQuota(ctx, u.Email, *in.Quota)
		u.Quota = in.Quota
	}
	return show(u), event{Kind: "user.created", Name: u.Email}, err
}

// deleteUser answers with the aliases that lead nowhere now.
func deleteUser(ctx context.Context, tx *ispmail.Store, email string, _ none) (any, event, error) {
	u, err := tx.User(ctx, email)
	if err != nil {
		return nil, event{}, err
	}
	dangling, err := tx.DeleteUser(ctx, email)
	return page[ispmail.Alias]{Rows: dangling}, event{Kind: "user.deleted", Name: u.Email}, err
}

func renameUser(ctx context.Context, tx *ispmail.Store, email string, in newAddress) (any, event, error) {
	old, err := tx.User(ctx, email)
	if err != nil {
		return nil, event{}, err
	}
	u, err := tx.RenameUser(ctx, email, in.To)
	return show(u), event{Kind: "user.renamed", Name: old.Email, To: u.Email}, err
}

func setPassword(ctx context.Context, tx *ispmail.Store, email string, in newPassword) (any, event, error) {
	err := wasText(in.Password)
	if err == nil {
		err = tx.SetPassword(ctx, email, in.Password)
	}
	return changed(ctx, tx, email, "user.password", err)
}

// addQuota reads the quota and changes it. The row is locked in between, so that of two additions none is lost.
func addQuota(ctx context.Context, tx *ispmail.Store, email string, in moreQuota) (any, event, error) {
	if in.Add == 0 {
		return nil, event{}, fmt.Errorf("%w: nothing to add", errRequest)
	}
	u, err := tx.User(ctx, email)
	if err != nil {
		return nil, event{}, err
	}
	// 0 is no limit: nothing can be added to it, and nobody gets it because too much was taken away.
	if u.Quota == nil || *u.Quota == 0 || *u.Quota+in.Add <= 0 {
		return nil, event{}, errNoLimit
	}
	err = tx.SetQuota(ctx, email, *u.Quota+in.Add)
	return changed(ctx, tx, email, "user.quota", err)
}

func lock(ctx context.Context, tx *ispmail.Store, email string, _ none) (any, event, error) {
	return changed(ctx, tx, email, "user.locked", tx.Lock(ctx, email))
}

func unlock(ctx context.Context, tx *ispmail.Store, email string, _ none) (any, event, error) {
	return changed(ctx, tx, email, "user.unlocked", tx.Unlock(ctx, email))
}

// changed returns the user as he is after a change.
func changed(ctx context.Context, tx *ispmail.Store, email, kind string, err error) (any, event, error) {
	if err != nil {
		return nil, event{}, err
	}
	u, err := tx.User(ctx, email)
	return show(u), event{Kind: kind, Name: u.Email}, err
}

func (a *api) aliases(r *http.Request) (any, error) {
	list, err := a.store.AliasesOf(r.Context(), r.PathValue("name"))
	return page[ispmail.Alias]{Rows: list}, err
}

func setAliases(ctx context.Context, tx *ispmail.Store, source string, in destinations) (any, event, error) {
	list, err := tx.SetAliases(ctx, source, in.Destinations...)
	if err != nil {
		return nil, event{}, err
	}
	return page[ispmail.Alias]{Rows: list}, event{Kind: "alias.set", Name: list[0].Source}, nil
}

func (a *api) events(r *http.Request) (any, error) {
	q, err := query(r, "after", "limit")
	if err != nil {
		return nil, err
	}
	list, err := events(r.Context(), a.store, q.After, q.Limit)
	p := page[event]{Rows: list}
	if len(list) == q.Limit {
		p.Next = list[len(list)-1].ID
	}
	return p, err
}

// wasText refuses a password with U+FFFD, which is what package encoding/json makes of what is no UTF-8.
func wasText(password string) error {
	if strings.ContainsRune(password, utf8.RuneError) {
		return hash.ErrInvalidPassword
	}
	return nil
}
