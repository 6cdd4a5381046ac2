package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ispmail/go-ispmail/ispmail"
)

const (
	maxBody   = 512 << 10 // 1000 destinations
	maxChange = 20 * time.Second
	pageSize  = 50
	maxPage   = 1000
)

// admit lets requests pass that carry the token (RFC 6750). It compares digests, so that the time it takes tells nothing.
func admit(token string, next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, offered, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(offered))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 || !strings.EqualFold(scheme, "Bearer") {
			w.Header().Set("WWW-Authenticate", "Bearer")
			write(w, http.StatusUnauthorized, problem{Error: "unauthorized"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// read handles a request that changes nothing.
func (a *api) read(fn func(r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := fn(r)
		a.answer(w, r, http.StatusOK, answer, err)
	}
}

// change handles a request with the body T that changes something, see withEvent. fn gets what the path names. It may run
// again, if the database undid the transaction.
func change[T any](a *api, status int, fn func(ctx context.Context, tx *ispmail.Store, name string, in T) (any, event, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		var answer any
		err := decode(http.MaxBytesReader(w, r.Body, maxBody), &in)
		if err == nil {
			ctx, cancel := context.WithTimeout(r.Context(), maxChange)
			defer cancel()
			err = withEvent(ctx, a.store, func(ctx context.Context, tx *ispmail.Store) (e event, err error) {
				answer, e, err = fn(ctx, tx, r.PathValue("name"), in)
				return e, err
			})
		}
		a.answer(w, r, status, answer, err)
	}
}

// decode reads one JSON value, and nothing that it does not know. No body is an empty object.
func decode(body io.Reader, in any) error {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(in)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = errors.New("there is more than one value")
		}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errTooLarge
	}
	return fmt.Errorf("%w: %w", errRequest, err)
}

// query reads the parameters of a list. One that is unknown is refused: a misspelt "domain" must not mean everybody.
func query(r *http.Request, known ...string) (q ispmail.Query, err error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, fmt.Errorf("%w: %w", errRequest, err)
	}
	if values.Has("domain") {
		q = ispmail.InDomain(values.Get("domain"))
	}
	q.Limit = pageSize
	for name, value := range values {
		if len(value) != 1 || !slices.Contains(known, name) {
			return q, fmt.Errorf("%w: the parameters are %s, each once", errRequest, strings.Join(known, ", "))
		}
		switch name {
		case "search":
			q.Search = value[0]
		case "after":
			q.After, err = strconv.ParseInt(value[0], 10, 64)
		case "limit":
			q.Limit, err = strconv.Atoi(value[0])
		}
		if err != nil || q.Limit < 1 || q.Limit > maxPage {
			return q, fmt.Errorf("%w: after is an id, limit a number from 1 to %d", errRequest, maxPage)
		}
	}
	return q, nil
}

func (a *api) answer(w http.ResponseWriter, r *http.Request, status int, answer any, err error) {
	if err != nil {
		status, answer = explain(err)
		if status >= http.StatusInternalServerError {
			a.log.ErrorContext(r.Context(), "failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
	}
	write(w, status, answer)
}

func write(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // whoever asked may be gone
}
