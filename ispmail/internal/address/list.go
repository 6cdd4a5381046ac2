package address

import (
	"slices"
	"strings"
)

// Addresses returns the addresses in the destination of an alias as Postfix reads it: it cuts the text at commas, semicolons and
// between two words, takes only the address from "John Doe <john@example.org>", and leaves out comments in parentheses. Each
// address is as written there, without blanks between its parts.
//
// Postfix takes a text apart from right to left, which shows in texts that no standard allows. See tok822_parse.c,
// https://github.com/vdukhovni/postfix/blob/master/postfix/src/global/tok822_parse.c.
func Addresses(text string) []string {
	if text != "" && !strings.ContainsAny(text, blanks+`,;:"()<>[\`) { // nearly all rows
		return []string{text}
	}
	var all []string
	for _, group := range groups(scan(text)) {
		written := ""
		for _, t := range group {
			written += t.written
		}
		all = append(all, written)
	}
	return all
}

// groups returns the tokens of each address.
func groups(tokens []token) (all [][]token) {
	end := len(tokens) // of the address that is being read
	// cut ends an address before the token i, or before a part that is left out.
	cut := func(i int) {
		if i+1 < end {
			all = append(all, tokens[i+1:end])
		}
		end = i
	}
	back := func(i int, signs string) int {
		for i >= 0 && !tokens[i].isOneOf(signs) {
			i--
		}
		return i
	}
	afterWord, inList := false, false // whether a word is to the right; whether a semicolon is
	for i := len(tokens) - 1; i >= 0; i-- {
		switch t := tokens[i]; {
		case t.isWord():
			if afterWord { // nothing but a blank or a comment is between the two
				cut(i)
				end = i + 1
			}
			afterWord = true
			continue
		case t.kind == ';':
			cut(i)
			inList = true
		case t.kind == ',':
			cut(i)
		case t.kind == ':' && inList: // a name, with its addresses up to the semicolon
			cut(i)
			i = back(i, ",")
			end = i
			i++
		case t.kind == '>':
			cut(i)
			i = back(i, "<")
			cut(i)
			i = back(i, ">;,:") // past a name
			end = i
			i++ // that token is the next one
		}
		afterWord = false
	}
	cut(-1)
	slices.Reverse(all)
	return all
}

// read returns the address that the tokens of a group stand for, as Postfix rewrites it by default. The domain is "" if there is
// none.
func read(group []token) (local, domain string) {
	is := func(kind byte) func(token) bool { return func(t token) bool { return t.kind == kind } }
	if group[0].kind == '@' { // a source route, RFC 5321 section 4.1.1.3
		if colon := slices.IndexFunc(group, is(':')); colon >= 0 && colon < len(group)-1 {
			group = group[colon+1:]
		}
	}
	text, hasDomain := "", slices.ContainsFunc(group, is('@'))
	bang := slices.IndexFunc(group, is('!'))
	if !hasDomain && bang >= 0 { // swap_bangpath
		group = slices.Concat(group[bang+1:], []token{{kind: '@', value: "@"}}, group[:bang])
		hasDomain = true
	}
	percent := -1
	if !hasDomain { // allow_percent_hack
		for i, t := range group {
			if t.kind == '%' {
				percent = i
			}
		}
	}
	if last := len(group) - 1; last > 0 && group[last].kind == '.' && !group[last-1].isOneOf(".@") {
		group = group[:last]
	}
	for i, t := range group {
		if i == percent {
			t.value, hasDomain = "@", true
		}
		text += t.value
	}
	if !hasDomain {
		return text, ""
	}
	local, domain, _ = cutLastAt(text)
	return local, domain
}

// Spell returns an address in the form that Postfix gives it: the local part stands between quotes if it is no dot-atom. Without a
// domain, it is only the local part.
func Spell(local, domain string) string {
	if needsQuotes(local) {
		local = `"` + escape(local) + `"`
	}
	if domain == "" {
		return local
	}
	return local + "@" + domain
}

func needsQuotes(local string) bool {
	if local == "" || local[0] == '.' || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return true
	}
	return strings.ContainsFunc(local, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`()<>@,;:\"[]`, r) })
}

// unquote is the way back from the local part of [Spell].
func unquote(local string) string {
	if len(local) < 2 || local[0] != '"' || local[len(local)-1] != '"' {
		return local
	}
	value, _ := collect(local, 1, func(c byte) bool { return c == '"' })
	return value
}
