package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
)

// A fault is why the owner of a row cannot change the password.
type fault string

const (
	faultAddress     fault = "no address"
	faultMalformed   fault = "malformed"
	faultCostly      fault = "too costly"
	faultUnsupported fault = "unsupported"
	faultBare        fault = "without a {SCHEME}"
)

var allFaults = []fault{faultBare, faultUnsupported, faultCostly, faultMalformed, faultAddress}

// checkRows looks at all stored passwords. It says whose owners cannot change them, which fails, and warns when a change would
// give most users a weaker hash than they have. Of a row it says the address or the id, never the value.
func checkRows(ctx context.Context, s *settings, store *ispmail.Store, sample string, say sayer) bool {
	written, err := s.hasher.Inspect(sample)
	if err != nil {
		say("FAIL", "A password cannot be hashed: %v.", err)
		return false
	}
	total, off, locked, bare, faults := 0, 0, 0, 0, map[fault]int{}
	stronger := map[string]int{} // by scheme
	for user, err := range store.Users(ctx, ispmail.Query{}) {
		if err != nil {
			say("FAIL", "The passwords cannot be read: %v.", err)
			return false
		}
		if isNobody(user) {
			continue
		}
		total++
		if user.Off {
			off++
			continue
		}
		info, err := s.hasher.Inspect(user.Password.Reveal())
		if info.Locked {
			locked++
			continue
		}
		if kind, why := s.faultOf(user, info, err); kind != "" {
			faults[kind]++
			say("FAIL", "%s cannot change the password here: %s.", nameOf(user), why)
			continue
		}
		if info.Unprefixed {
			bare++
			say("warn", "%s: the stored password has no {SCHEME}. It is read as %s, as --default-pass-scheme says.", nameOf(user), info.Scheme)
		}
		if info.Strength > written.Strength {
			stronger[info.Scheme]++
		}
	}
	if off > 0 {
		say("ok", "%d of %d users are switched off.", off, total)
	}
	if locked > 0 {
		say("ok", "%d of %d users are locked.", locked, total)
	}
	if bare > 0 {
		say("warn", "%d of %d users have a stored password without a {SCHEME}: Dovecot must have the same default_pass_scheme. A change, or a login that rehash is told of, renews them.", bare, total)
	}
	if total == 0 {
		say("warn", "The table virtual_users has no users: is this the right database?")
	}
	sayStronger(s, total, stronger, say)
	return sayFaults(total, faults, say)
}

// isNobody reports whether a row is nobody's login: another program keeps it for a whole domain, or with a mark for a password.
func isNobody(user ispmail.User) bool {
	if strings.HasPrefix(user.Email, "@") {
		return true
	}
	somebody := ispmail.User{Email: "somebody@example.org", Password: user.Password}
	return !somebody.CanLogin() && !somebody.IsLocked()
}

// nameOf names a row by its address, or by its id if it has none and the id is a number.
func nameOf(user ispmail.User) string {
	if email, err := ispmail.Canonical(user.Email); err == nil {
		return email
	}
	if user.ID == 0 { // an id that is no number
		return fmt.Sprintf("The row with the email %q", user.Email)
	}
	return fmt.Sprintf("The row with the id %d", user.ID)
}

// faultOf tells why the owner of a row cannot change the password, "" if that is possible. info and err are what Inspect says.
func (s *settings) faultOf(user ispmail.User, info hash.Info, err error) (kind fault, why string) {
	if _, badAddress := ispmail.Canonical(user.Email); badAddress != nil {
		return faultAddress, "its email is no address"
	}
	switch {
	case errors.Is(err, hash.ErrTooCostly) && info.Memory > maxMemory:
		return faultCostly, fmt.Sprintf("a verification of %s takes %d MiB, and may take %d", info.Scheme, (info.Memory+1023)>>10, maxMemory>>10)
	case errors.Is(err, hash.ErrTooCostly):
		return faultCostly, "the stored password asks for too much work"
	case errors.Is(err, hash.ErrUnsupported) && info.Scheme != "":
		return faultUnsupported, info.Scheme + " is not supported, which Dovecot may verify"
	case errors.Is(err, hash.ErrUnsupported) && info.Unprefixed && s.Hashing.Default == "":
		return faultBare, "the stored password has no {SCHEME} before it"
	case errors.Is(err, hash.ErrUnsupported):
		return faultUnsupported, "the scheme of the stored password is not known"
	case err != nil:
		return faultMalformed, "the stored password is not what its scheme prescribes, so no login works either"
	}
	return "", ""
}

// sayFaults sums up whose owners cannot change their passwords.
func sayFaults(total int, faults map[fault]int, say sayer) bool {
	sum, parts := 0, []string(nil)
	for _, kind := range allFaults {
		if n := faults[kind]; n > 0 {
			sum += n
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	if sum == 0 {
		say("ok", "All stored passwords of %d users can be changed.", total)
		return true
	}
	advice := "Give them new ones (ispmailctl password set)."
	if faults[faultBare] > 0 {
		advice = "Give them new ones (ispmailctl password set); what has no {SCHEME} can be read if --default-pass-scheme is what Dovecot's default_pass_scheme is."
	}
	say("FAIL", "%d of %d users cannot change their passwords here: %s. %s", sum, total, strings.Join(parts, ", "), advice)
	return false
}

// sayStronger compares the stored passwords with what a change writes.
func sayStronger(s *settings, total int, stronger map[string]int, say sayer) {
	sum, most := 0, ""
	for name, n := range stronger {
		sum += n
		if n > stronger[most] || n == stronger[most] && name < most {
			most = name
		}
	}
	if 2*sum > total {
		say("warn", "%d of %d users have a stronger scheme than {%s}, which every change writes, %s for the most part: consider another --scheme.", sum, total, s.hasher.Scheme(), most)
		return
	}
	say("ok", "{%s} is no step back for most of the %d users.", s.hasher.Scheme(), total)
}
