package hash

import "context"

// standard serves the functions of the package and the zero [Hasher].
var standard = must(New(Config{}))

// Verify returns nil if password is the password of the stored value. It is [Hasher.Verify] with the zero [Config].
func Verify(stored, password string) error { return standard.Verify(stored, password) }

// VerifyContext is [Hasher.VerifyContext] with the zero [Config].
func VerifyContext(ctx context.Context, user, stored, password string) error {
	return standard.VerifyContext(ctx, user, stored, password)
}

// Generate returns a new {SHA256-CRYPT} value for password. It is [Hasher.Generate] with the zero [Config].
func Generate(password string) (stored string, err error) { return standard.Generate(password) }

// NeedsRehash tells whether the stored value should be replaced. It is [Hasher.NeedsRehash] with the zero [Config].
func NeedsRehash(stored string) bool { return standard.NeedsRehash(stored) }

// Inspect tells what a stored value is. It is [Hasher.Inspect] with the zero [Config].
func Inspect(stored string) (Info, error) { return standard.Inspect(stored) }

// Lock returns a stored value that no password matches and that [Unlock] turns back. It is [Hasher.Lock] with the zero
// [Config].
func Lock(stored string) string { return standard.Lock(stored) }

// Unlock undoes [Lock]. It is [Hasher.Unlock] with the zero [Config].
func Unlock(stored string) (string, error) { return standard.Unlock(stored) }

func must(h *Hasher, err error) *Hasher {
	if err != nil {
		panic(err)
	}
	return h
}
