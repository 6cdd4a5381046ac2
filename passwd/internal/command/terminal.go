package command

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Width returns the number of columns of a terminal, 0 if w is none.
func Width(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil || columns <= 0 {
		return usualWidth
	}
	return columns
}

// usualWidth is that of a terminal that does not tell.
const usualWidth = 80

// HasColours reports whether w is a terminal that shows colours, and nobody has asked for none (https://no-color.org).
func HasColours(w io.Writer) bool {
	return Width(w) > 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Wrap breaks a text into lines of at most width columns where it has blanks. Lines after the first one of a paragraph begin
// with indent, which does not count. A line that begins with a blank stays as it is, because it is a command or the like. Others are one paragraph
// until there is an empty line.
func Wrap(text string, width int, indent string) string {
	var b strings.Builder
	column := 0 // in the paragraph that is not finished, 0 if there is none
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == ' ' || line[0] == '\t' {
			if column > 0 {
				b.WriteByte('\n')
			}
			column = 0
			b.WriteString(line + "\n")
			continue
		}
		for word := range strings.FieldsSeq(line) {
			length := len([]rune(word))
			switch {
			case column == 0:
			case column+1+length > width:
				b.WriteString("\n" + indent)
				column = 0
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += length
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
