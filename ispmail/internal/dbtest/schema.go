package dbtest

import (
	"embed"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

//go:embed schema
var schemas embed.FS

// Load replaces the tables of a MariaDB database by those of a file in the folder schema, which has one for each release of the
// guide and for some other programs.
func Load(t *testing.T, db *ispmailtest.Database, name string) {
	t.Helper()
	schema, err := schemas.ReadFile("schema/" + name + ".sql")
	require.NoError(t, err)
	for _, table := range []string{"virtual_aliases", "virtual_users", "virtual_domains"} {
		db.Exec(t, "DROP TABLE "+table)
	}
	for statement := range strings.SplitSeq(string(schema), ";\n") {
		if strings.TrimSpace(statement) != "" {
			db.Exec(t, statement)
		}
	}
}
