package tables

import (
	"slices"
	"strings"
)

// IsOurs reports whether a column, by its name in lower case, is one that this module knows: one of the guide.
func (t *Table) IsOurs(name string) bool {
	return slices.Contains(Needed[t.Name], name) || name == "quota" && t.Name == Users
}

// Further returns the names of the columns of other programs that hold values, in lower case and sorted. The database
// computes the others.
func (t *Table) Further() (names []string) {
	for name, c := range t.Columns {
		if !t.IsOurs(name) && !c.Generated {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Exact returns the expression that reads a column without loss, whatever the settings of the driver are.
func (c Column) Exact(isMariaDB bool) string {
	if !isMariaDB {
		// The driver guesses from the type of a column what its values may mean. An expression has no type.
		return `+"` + strings.ReplaceAll(c.Name, `"`, `""`) + `"`
	}
	name := "`" + strings.ReplaceAll(c.Name, "`", "``") + "`"
	switch c.Kind {
	case "float": // as text it has six digits
		return "CAST(" + name + " AS DOUBLE)"
	case "date", "datetime", "timestamp", "time": // parseTime has no value for 0000-00-00
		return "CAST(" + name + " AS CHAR)"
	}
	return name
}

// IsTyped reports whether a column takes values of its type only, as on MariaDB.
func (t *Table) IsTyped() bool { return t.mariaDB }
