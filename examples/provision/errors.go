package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
)

// What the daemon itself refuses.
var (
	errRequest  = errors.New("bad request")
	errTooLarge = errors.New("the body is too large")
	errNoLimit  = errors.New("the mailbox has no limit, or would have none")
	errOutbox   = errors.New("the outbox does not work")
)

// kinds is the one place in which an error becomes an answer. An error is of the first kind that it matches.
var kinds = []struct {
	err    error
	status int
	name   string
}{
	{errRequest, http.StatusBadRequest, "bad-request"},
	{errTooLarge, http.StatusRequestEntityTooLarge, "too-large"},
	{errNoLimit, http.StatusConflict, "no-limit"},
	{ispmail.ErrInvalidAddress, http.StatusUnprocessableEntity, "invalid-address"},
	{ispmail.ErrTooLong, http.StatusUnprocessableEntity, "too-long"},
	{ispmail.ErrNoDomain, http.StatusUnprocessableEntity, "no-domain"},
	{ispmail.ErrAliasLoop, http.StatusUnprocessableEntity, "alias-loop"},
	{ispmail.ErrAliasLimit, http.StatusUnprocessableEntity, "alias-limit"},
	{hash.ErrInvalidPassword, http.StatusUnprocessableEntity, "invalid-password"},
	{hash.ErrPasswordTooLong, http.StatusUnprocessableEntity, "invalid-password"},
	{ispmail.ErrNotFound, http.StatusNotFound, "not-found"},
	{ispmail.ErrExists, http.StatusConflict, "exists"},
	{ispmail.ErrAmbiguous, http.StatusConflict, "ambiguous"},
	{ispmail.ErrLocked, http.StatusConflict, "locked"},
	{ispmail.ErrNotLocked, http.StatusConflict, "not-locked"},
	{ispmail.ErrAddressInPassword, http.StatusConflict, "address-in-password"},
	{ispmail.ErrNoQuota, http.StatusConflict, "no-quota"},
	// Nobody knows whether it was done: look before you try again.
	{ispmail.ErrOutcomeUnknown, http.StatusGatewayTimeout, "outcome-unknown"},
	{ispmail.ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
	{errOutbox, http.StatusServiceUnavailable, "unavailable"}, // RunInTx has undone everything
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "unavailable"},
	{context.Canceled, http.StatusServiceUnavailable, "unavailable"}, // whoever asked is gone
}

// A problem is the answer to a request that was not done.
type problem struct {
	Error   string `json:"error"`
	Message string `json:"message,omitempty"`
	Field   string `json:"field,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// explain returns the status and the answer for an error. What is the fault of nobody who asks stays in the log.
func explain(err error) (int, problem) {
	status, p := http.StatusInternalServerError, problem{Error: "internal"}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			status, p.Error = k.status, k.name
			break
		}
	}
	if status < http.StatusInternalServerError {
		p.Message = err.Error()
	}
	if e, ok := errors.AsType[*ispmail.AddressError](err); ok {
		p.Field, p.Reason = e.Field, e.Reason
	}
	return status, p
}
