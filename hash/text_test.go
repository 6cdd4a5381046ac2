package hash_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// TestControlCharacters have a reason of their own, wherever in the password they are.
func TestControlCharacters(t *testing.T) {
	t.Parallel()
	h := newHasher(t, hash.Config{Rounds: 1000})
	unseen := []rune{0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff, 0x1fffe, 0xad, 0x61c, 0x180e, 0x200b, 0x200e, 0x200f, 0x202a, 0x202e, 0x2060, 0x2064, 0x2066, 0x2069, 0x206f, 0x3164, 0xfff9, 0xe0001}
	for r := range rune(0xa0) {
		if r < ' ' || r >= 0x7f {
			unseen = append(unseen, r)
		}
	}
	for _, r := range unseen {
		for _, password := range []string{string(r), "summersun" + string(r), string(r) + "summersun", "summer" + string(r) + "sün"} {
			stored, err := h.Generate(password)
			require.ErrorIs(t, err, hash.ErrControlCharacter, "%U", r)
			require.ErrorIs(t, err, hash.ErrInvalidPassword, "%U", r)
			require.Equal(t, err, h.Validate(password))
			require.Empty(t, stored)
			require.NotContains(t, err.Error(), "summer")
		}
	}
	for _, seen := range []string{
		" summer sun ", "~}|{", "summer\u00a0sun", "\u200cمی\u200cخواهم", "👨\u200d👩\u200d👧", "❤\ufe0f", "🏴\U000e0067\U000e0062\U000e007f", "\u0600١", "e\u0301", "日本語", "\U0010fffd",
	} {
		assert.NoError(t, h.Validate(seen), "%+q", seen)
	}
	for _, other := range []string{"", "summer\xfcsun", "summer\xed\xa0\x80sun", "\ufffd"} {
		err := h.Validate(other)
		require.ErrorIs(t, err, hash.ErrInvalidPassword)
		assert.NotErrorIs(t, err, hash.ErrControlCharacter, "%q", other)
	}
}

// TestBytes is about passwords that were stored elsewhere: all but NUL verifies, and may be hashed again.
func TestBytes(t *testing.T) {
	t.Parallel()
	for name, config := range generating {
		h := newHasher(t, config)
		for _, password := range []string{"summersun\n", "\tsummersun", "gr\xfcn", "\xff\xfe", "\ufeffsummersun", "\x7f", "summer\u0085sun"} {
			stored, err := h.RehashContext(t.Context(), password)
			require.NoError(t, err, "%s %q", name, password)
			require.NoError(t, h.Verify(stored, password), "%s %q", name, password)
			require.ErrorIs(t, h.Verify(stored, password+"\n"), hash.ErrMismatch)
			require.NoError(t, hash.Verify("{PLAIN}"+password, password))
		}
		for _, password := range []string{"", "\x00", "summersun\x00"} {
			_, err := h.RehashContext(t.Context(), password)
			require.ErrorIs(t, err, hash.ErrInvalidPassword)
		}
		_, err := h.RehashContext(t.Context(), strings.Repeat("\n", 512))
		require.ErrorIs(t, err, hash.ErrPasswordTooLong)
	}
}
