package tables

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Switch is a setting that names a column of another program which switches rows on and off.
type Switch struct {
	Table  string // "" for each table that has the column
	Column string // in lower case
	Not    bool   // the row is off where the condition holds, otherwise it is on there
	Value  string // the condition: the column has this value, or, if this is "", the column is true
}

// switchForm is the form of a setting, and valueForm that of its value. Values become part of statements, and bun would take
// a question mark for an argument.
var (
	switchForm = regexp.MustCompile(`^(!?)(?:(\w+)\.)?([\p{L}\p{N}_$]+)(=(.*))?$`)
	valueForm  = regexp.MustCompile(`^[\w.:+-]+( [\w.:+-]+)*$`)
)

// ParseSwitch parses a setting: "active", "!disabled", "status=active", or "!status=closed", each optionally with the name of a
// table and a dot before the name of the column. The error is a part of a sentence about the setting.
func ParseSwitch(text string) (Switch, error) {
	found := switchForm.FindStringSubmatch(text)
	if found == nil {
		return Switch{}, errors.New("it is not of the form active, !disabled, status=active or virtual_users.active")
	}
	s := Switch{Table: strings.ToLower(found[2]), Column: strings.ToLower(found[3]), Not: found[1] != "", Value: found[5]}
	if found[4] != "" && !valueForm.MatchString(s.Value) {
		return Switch{}, errors.New("the value behind = must be of letters and digits of ASCII, with _ . : + - or a blank between them")
	}
	if s.Table != "" && Needed[s.Table] == nil {
		return Switch{}, fmt.Errorf("the table must be %s, %s or %s", Domains, Users, Aliases)
	}
	if s.Column == "quota" {
		return Switch{}, errors.New("quota is a column of the guide, which switches nothing off")
	}
	for table, columns := range Needed {
		if (s.Table == "" || s.Table == table) && slices.Contains(columns, s.Column) {
			return Switch{}, fmt.Errorf("%s is a column of the guide, which switches nothing off", s.Column)
		}
	}
	return s, nil
}

// String returns the setting as people write it.
func (s Switch) String() string {
	text := s.Column
	if s.Table != "" {
		text = s.Table + "." + text
	}
	if s.Not {
		text = "!" + text
	}
	if s.Value != "" {
		text += "=" + s.Value
	}
	return text
}

// On returns the switch for one table. ok is false if the switch is not about it, or the account may not read the column.
func (s Switch) On(t *Table) (of Switch, ok bool) {
	if s.Table != "" && s.Table != t.Name || !t.Columns[s.Column].Readable {
		return Switch{}, false
	}
	s.Table = t.Name
	return s, true
}

// WithState returns the table with a condition for the rows that are switched on. All switches must name a table. A user of
// a domain that is off is off too: domains is the table of domains with its own state, or nil if it has none. The error is a
// [MisfitError].
func (t *Table) WithState(switches []Switch, domains *Table) (*Table, error) {
	var conditions []string
	state := *t
	for i, s := range switches {
		same := func(other Switch) bool {
			return other.Table == s.Table && other.Column == s.Column && other.Not == s.Not && (other.Value == "") == (s.Value == "")
		}
		if s.Table != t.Name || slices.ContainsFunc(switches[:i], same) {
			continue
		}
		c, ok := t.Columns[s.Column]
		if !ok || !c.Readable {
			return nil, misfit("%s has no column %s any more that the account may see", t.Name, s.Column)
		}
		var values []string // several values of one column are alternatives
		for _, other := range switches[i:] {
			if same(other) && other.Value != "" {
				values = append(values, other.Value)
			}
		}
		condition, err := c.condition(t, values)
		if err != nil {
			return nil, err
		}
		if s.Not {
			condition = "NOT (" + condition + ")"
		}
		conditions = append(conditions, "("+condition+")")
		state.StateColumns = append(state.StateColumns, t.Name+"."+c.Name)
	}
	state.RowOn = strings.Join(conditions, " AND ")
	if t.Name == Users && domains != nil && domains.RowOn != "" {
		conditions = append(conditions, "NOT EXISTS (SELECT 1 FROM "+Domains+" WHERE "+Domains+".id = "+Users+".domain_id AND NOT ("+domains.RowOn+"))")
		state.StateColumns = slices.Concat(state.StateColumns, domains.StateColumns)
	}
	if conditions == nil {
		return t, nil
	}
	state.On = strings.Join(conditions, " AND ")
	state.Select = strings.Replace(t.Select, " FROM ", ", CASE WHEN "+state.On+" THEN 0 ELSE 1 END FROM ", 1)
	return &state, nil
}

// Texts that stand for no, in lower case. A zero date is no too, see condition.
var no = []string{"", "0", "0.0", "n", "no", "f", "false", "off"}

// Texts that stand for yes, in lower case.
var yes = []string{"1", "y", "yes", "t", "true", "on"}

// condition returns SQL that is true where the column has one of some values, or, if there are none, where it is true. It is
// false for NULL.
func (c Column) condition(t *Table, values []string) (string, error) {
	name, text := "`"+c.Name+"`", "`"+c.Name+"`"
	if !t.mariaDB {
		text = "CAST(" + name + " AS TEXT)" // a column of SQLite holds values of any type
	}
	kind := c.stateKind()
	if err := c.checkValues(t, kind, values); err != nil {
		return "", err
	}
	switch {
	case values != nil && kind == numberKind:
		return name + " IS NOT NULL AND " + name + " IN (" + strings.Join(values, ", ") + ")", nil
	case values != nil:
		return name + " IS NOT NULL AND " + text + " IN ('" + strings.Join(values, "', '") + "')", nil
	case kind == numberKind && t.mariaDB:
		return "COALESCE(" + name + ", 0) <> 0", nil
	case kind == dateKind && t.mariaDB:
		return name + " IS NOT NULL AND " + name + " <> 0", nil
	}
	return "LOWER(COALESCE(" + text + ", '')) NOT IN ('" + strings.Join(no, "', '") + "') AND COALESCE(" + text + ", '') NOT LIKE '0000-00-00%'", nil
}

// Kinds of columns of state.
const (
	otherKind = iota
	numberKind
	dateKind
	textKind
)

// stateKind returns what kind of values the column holds. SQLite takes any name for a type, see
// https://www.sqlite.org/datatype3.html.
func (c Column) stateKind() int {
	switch kind := c.Kind; {
	case strings.Contains(kind, "int") && !strings.HasSuffix(kind, "point"), slices.Contains([]string{
		"decimal", "numeric", "float", "double", "real", "bit", "year", "bool", "boolean",
	}, kind):
		return numberKind
	case slices.Contains([]string{"date", "datetime", "timestamp"}, kind):
		return dateKind
	case strings.HasSuffix(kind, "text"), strings.Contains(kind, "char"), strings.HasSuffix(kind, "binary"), kind == "enum", kind == "set", kind == "":
		return textKind
	}
	return otherKind
}

var number = regexp.MustCompile(`^-?\d+(\.\d+)?$`)

// checkValues returns an error if the column cannot be compared with the values, or never has one of them: then all rows would
// be off, or on, without a word.
func (c Column) checkValues(t *Table, kind int, values []string) error {
	column := t.Name + "." + c.Name
	members := c.members()
	if kind == otherKind || kind == dateKind && values != nil {
		return misfit("%s is of the type %s, by which no row can be switched on or off%s", column, c.Type,
			map[bool]string{true: ", unless without a value: !" + c.Name}[kind == dateKind])
	}
	for _, value := range values {
		if kind == numberKind && !number.MatchString(value) {
			return misfit("%s is of the type %s, which is never %q", column, c.Type, value)
		}
		if members != nil && !containsFold(members, value) {
			return misfit("%s is of the type %s, which is never %q", column, c.Type, value)
		}
	}
	for _, member := range members {
		if values == nil && !containsFold(no, member) && !containsFold(yes, member) {
			return misfit("%s is of the type %s: say which value switches a row on, as in %s=%s", column, c.Type, c.Name, member)
		}
	}
	return nil
}

// members returns the values of an ENUM, nil for other types.
func (c Column) members() []string {
	if c.Kind != "enum" {
		return nil
	}
	list := strings.TrimSuffix(strings.TrimPrefix(c.Type, "enum('"), "')")
	return strings.Split(strings.ReplaceAll(list, "''", "'"), "','")
}

func containsFold(words []string, word string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) })
}
