package ispmail

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A valueError says that the database refuses a value for its column. It keeps the text of the driver to itself, which
// may hold the value, and that may be a secret.
type valueError struct {
	code int
	text string
}

func (e *valueError) Error() string {
	if e.code == mariaWrongValue {
		return fmt.Sprintf("%v: the character set of a column lacks a character of the text", ErrTooLong)
	}
	return fmt.Sprintf("%v: the database refuses a value", ErrTooLong)
}

// Code is that of the database.
func (e *valueError) Code() int { return e.code }

// Is reports whether target is ErrTooLong.
func (e *valueError) Is(target error) bool { return target == ErrTooLong }

// nameColumn adds to the error of a row that was refused which of its columns of other programs is the reason, as far as
// the text of the driver tells.
func nameColumn(err error, table string, row newRow) error {
	e, ok := errors.AsType[*valueError](err)
	if code := errorCode(err); code == mariaOutOfRange || code == mariaTooLong {
		e, ok = &valueError{code, err.Error()}, true
	}
	if !ok {
		return err
	}
	name, last := "", -1
	for _, column := range row.columns { // the value may be a name too, and comes before
		found := regexp.MustCompile("(?i)[`'.]"+regexp.QuoteMeta(column)+"([`' ]|$)").FindAllStringIndex(e.text, -1)
		if found != nil && found[len(found)-1][0] > last {
			name, last = column, found[len(found)-1][0]
		}
	}
	if name == "" {
		return err
	}
	value, _ := row.value(name).(string)
	column := table + "." + name
	switch {
	case e.code == mariaWrongDate && (strings.HasPrefix(value, "0000-") || strings.Contains(value, "-00")):
		return fmt.Errorf("%w: %s does not take a date with zeros such as 0000-00-00, because the sql_mode of the connection or its type forbids them", ErrTooLong, column)
	case e.code == mariaWrongValue && slices.Contains(textColumns, name):
		return fmt.Errorf("%w: the character set of %s lacks a character of the text", ErrTooLong, column)
	}
	return fmt.Errorf("%w: %s does not take the value", ErrTooLong, column)
}

// textColumns are those of the guide that hold texts.
var textColumns = []string{"name", "email", "password", "source", "destination"}
