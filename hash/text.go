package hash

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkText returns why no mail client could be relied on to send a text as a password, or nil.
func checkText(password string) error {
	switch {
	case password == "":
		return errEmpty
	case !utf8.ValidString(password), strings.ContainsRune(password, utf8.RuneError):
		// U+FFFD stands for what somebody could not read: encoding/json puts it in place of what is not UTF-8.
		return errNotUTF8
	case strings.ContainsFunc(password, isUnseen):
		return ErrControlCharacter
	}
	return nil
}

// isUnseen reports whether a character is in a password by accident: nobody sees it, and it is on no keyboard. RFC 8265,
// section 4.2, forbids these and some more. Allowed here are blanks, and what keyboards put into words and emoji:
// joiners, variation selectors and the tags of flags.
func isUnseen(r rune) bool {
	switch {
	case r < 0x20 || 0x7f <= r && r < 0xa0: // C0, DEL and C1
		return true
	case r < utf8.RuneSelf:
		return false
	case r == '\u200c', r == '\u200d', 0xe0020 <= r && r <= 0xe007f, unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false // of the category Cf, but wanted or visible
	}
	// A byte order mark is in Cf, and in Noncharacter_Code_Point if its bytes are swapped. Zl and Zp end lines and
	// paragraphs.
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point)
}
