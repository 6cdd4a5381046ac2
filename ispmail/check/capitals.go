package check

import (
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// checkCapitals reports a text with capitals in a column that compares case.
func (c *checker) checkCapitals(t *tables.Table, column string, id int64, text, canonical string) {
	if t.Columns[column].FoldsCase || text == strings.ToLower(text) {
		return
	}
	// A canonical text is ASCII and has no backslash, so that every sql_mode reads the literal alike.
	c.report(CodeCapitals, t.Name, id, "%.100q has capitals and the column compares case, so that Postfix and Dovecot, who ask for small letters, do not find it: UPDATE %s SET %s = '%s' WHERE id = %d",
		text, t.Name, column, strings.ReplaceAll(canonical, "'", "''"), id)
}
