package address

import "strings"

// A token is a word, or one of the signs that Postfix takes for operators.
type token struct {
	kind    byte   // the sign; for words one of the constants below
	value   string // without quotes and backslashes; a literal has its brackets
	written string // as in the text
}

// Kinds of words. They are no signs of a text.
const (
	word    = iota // atoms
	quoted         // "..."
	literal        // [...]
)

// operators are the specials of RFC 822, and those that Postfix adds.
const operators = `|%!()<>@,;:\".[]`

const blanks = " \t\r\n"

func (t token) isWord() bool { return t.kind <= literal }

// isOneOf reports whether a token is one of some signs.
func (t token) isOneOf(signs string) bool {
	return !t.isWord() && strings.IndexByte(signs, t.kind) >= 0
}

// scan returns the tokens of a text, without comments.
func scan(text string) (tokens []token) {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case strings.IndexByte(blanks, c) >= 0:
			i++
		case c == '(':
			i = afterComment(text, i)
		case c == '"', c == '[':
			t := token{kind: quoted}
			end := byte('"')
			if c == '[' {
				t.kind, end = literal, ']'
			}
			value, next := collect(text, i+1, func(c byte) bool { return c == end })
			t.value = value
			if next < len(text) {
				next++
				t.written = text[i:next]
			} else { // never closed
				t.written = string(c) + escape(value) + string(end)
			}
			if c == '[' {
				t.value = "[" + value + "]"
			}
			tokens, i = append(tokens, t), next
		case c != '\\' && strings.IndexByte(operators, c) >= 0:
			tokens, i = append(tokens, token{c, text[i : i+1], text[i : i+1]}), i+1
		default:
			value, next := collect(text, i, func(c byte) bool { return strings.IndexByte(blanks+operators, c) >= 0 })
			if value != "" {
				tokens = append(tokens, token{word, value, strings.TrimSuffix(text[i:next], `\`)})
			}
			i = next
		}
	}
	return tokens
}

// collect reads up to a sign that ends, and takes the sign after a backslash as it is. It returns where it stopped.
func collect(text string, from int, ends func(byte) bool) (value string, next int) {
	var b strings.Builder
	for i := from; ; i++ {
		if i < len(text) && text[i] == '\\' {
			i++
		} else if i < len(text) && ends(text[i]) {
			return b.String(), i
		}
		if i >= len(text) {
			return b.String(), len(text)
		}
		if strings.IndexByte(blanks, text[i]) >= 0 {
			b.WriteByte(' ')
		} else {
			b.WriteByte(text[i])
		}
	}
}

// afterComment returns where the comment that begins at a place has ended. Comments may be nested.
func afterComment(text string, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// escape puts a backslash before what would not stand for itself between quotes.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "\\\r").Replace(s)
}
