package passwd

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// lowestSecret is the least number of bytes of a secret: 16 random hexadecimal digits.
const lowestSecret = 16

// secrets are the passwords of the programs that may use the API, as digests. Digests have one length, so that the time of
// a comparison reveals nothing.
type secrets [][sha256.Size]byte

// SetSecrets replaces Config.Secrets while the service runs. With an error, the old ones stay. Without secrets, the API asks for
// none.
func (s *Service) SetSecrets(texts []string) error {
	if slices.ContainsFunc(texts, func(text string) bool { return len(text) < lowestSecret }) {
		return fmt.Errorf("passwd: one of the Secrets has less than %d bytes", lowestSecret)
	}
	digests := newSecrets(texts)
	s.secrets.Store(&digests)
	return nil
}

func newSecrets(texts []string) secrets {
	var s secrets
	for _, text := range texts {
		s = append(s, sha256.Sum256([]byte(text)))
	}
	return s
}

// admit reports whether a request carries one of the secrets. It is the password of HTTP Basic (RFC 7617), which Roundcube
// makes of the userinfo in its URL, or a Bearer token (RFC 6750). Without secrets, every request is admitted.
func (s secrets) admit(r *http.Request) bool {
	if len(s) == 0 {
		return true
	}
	_, offered, ok := r.BasicAuth()
	if !ok {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return false
		}
		offered = token
	}
	digest := sha256.Sum256([]byte(offered))
	found := 0
	for _, secret := range s {
		found |= subtle.ConstantTimeCompare(digest[:], secret[:])
	}
	return found == 1
}
